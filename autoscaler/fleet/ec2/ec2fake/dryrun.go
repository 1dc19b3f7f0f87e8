// SPDX-License-Identifier: Apache-2.0

package ec2fake

import (
	"net/http"
	"slices"
)

// Lack lets things not exist: security groups, instance profiles, key pairs, placement groups, by id or name.
func (c *Cloud) Lack(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		c.lacking[name] = true
	}
}

// rehearse is the answer to a dry run.
func (c *Cloud) rehearse(action string, p *node) error {
	if action == "RunInstances" {
		if err := c.checkLaunch(p); err != nil {
			return err
		}
	}
	if action == "TerminateInstances" {
		if err := c.checkKnown(p.texts("InstanceId")); err != nil {
			return err
		}
	}
	return &refusedError{http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."}
}

// checkLaunch looks for what a launch names, as EC2 does before it looks at its stock.
func (c *Cloud) checkLaunch(p *node) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.typeOf(p.text("InstanceType")); !ok {
		return refuse("InvalidParameterValue", "Invalid value '"+p.text("InstanceType")+"' for InstanceType.")
	}
	if id := p.text("ImageId"); id == NoImage || id == "" {
		return refuse("InvalidAMIID.NotFound", "The image id '["+id+"]' does not exist")
	}
	if id := p.text("SubnetId"); !slices.Contains(c.Subnets(), id) {
		return refuse("InvalidSubnetID.NotFound", "The subnet ID '"+id+"' does not exist")
	}
	for _, id := range p.texts("SecurityGroupId") {
		if c.lacking[id] {
			return refuse("InvalidGroup.NotFound", "The security group '"+id+"' does not exist")
		}
	}
	if name := p.text("KeyName"); c.lacking[name] {
		return refuse("InvalidKeyPair.NotFound", "The key pair '"+name+"' does not exist")
	}
	if name := p.text("Placement", "GroupName"); c.lacking[name] {
		return refuse("InvalidPlacementGroup.Unknown", "The Placement Group '"+name+"' is unknown.")
	}
	for _, key := range []string{"Name", "Arn"} {
		if name := p.text("IamInstanceProfile", key); c.lacking[name] {
			return refuse("InvalidParameterValue", "Value ("+name+") for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name")
		}
	}
	return nil
}

func (c *Cloud) checkKnown(ids []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.instances[id] == nil {
			return refuse("InvalidInstanceID.NotFound", "The instance ID '"+id+"' does not exist")
		}
	}
	return nil
}

// runInstances is there for dry runs alone.
func (c *Cloud) runInstances(*node) (any, error) {
	return nil, refuse("UnsupportedOperation", "only dry runs of RunInstances are faked")
}

func (c *Cloud) getServiceQuota(w http.ResponseWriter) {
	if f := c.fault("GetServiceQuota", false); f != nil && f.Code != "" {
		w.Header().Set("X-Amzn-Errortype", f.Code)
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"message": f.Message})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	vcpus := c.quota
	if vcpus < 0 {
		vcpus = unlimited
	}
	writeJSON(w, map[string]any{"Quota": map[string]any{"Value": float64(vcpus)}})
}
