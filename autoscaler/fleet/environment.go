// SPDX-License-Identifier: Apache-2.0

package fleet

// Environment is the compute environment that instances are launched for.
type Environment struct {
	Name string
	UUID string
	// Resources are for fleets of a cloud; all others may leave them alone.
	Resources Resources
}

// Resources are what a compute environment says about its machines beyond their types, in the words of AWS Batch's
// computeResources. All of it may be empty.
type Resources struct {
	Strategy       string // allocationStrategy
	Subnets        []string
	SecurityGroups []string
	InstanceRole   string // name or ARN of an instance profile
	KeyPair        string
	PlacementGroup string
	// BidPercentage is the most that a Spot instance may cost, in percent of the On-Demand price; 0 stands for 100.
	BidPercentage int
	Tags          map[string]string
	ImageID       string // of all machines that Images have no image for
	Images        []Image
	// ImageGeneration is the generation of the environment that was the last to take up the newest image; machines of later
	// ones run the same. 0 stands for 1, the first.
	ImageGeneration int
	// Templates are the launch templates that machines are made from: the first whose InstanceTypes name the type or its
	// family, or that names none.
	Templates []LaunchTemplate
}

// Image is an entry of ec2Configuration: what image machines run. There may be two, one of them for GPUs.
type Image struct {
	Type              string // such as EKS_AL2023; anything else needs an ID
	ID                string // imageIdOverride
	KubernetesVersion string // of the image; empty for the cluster's
}

// LaunchTemplate names a version of a launch template of the user's.
type LaunchTemplate struct {
	ID, Name      string // one of them
	Version       string // empty, a number, $Default or $Latest
	UserdataType  string // empty, EKS_BOOTSTRAP_SH or EKS_NODEADM
	InstanceTypes []string
}
