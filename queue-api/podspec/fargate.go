// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Platforms, as refusals name them.
const (
	ec2     = "EC2"
	fargate = "Fargate"
)

// notApplicable is AWS Batch's refusal of a member that means nothing on a platform.
func notApplicable(at *field.Path, name, platform string) error {
	return batch.Invalidf("%s not applicable for %s. %s is set", name, platform, at)
}

// fargateSizes are what a Fargate task may ask for. AWS Batch: nothing else.
var fargateSizes = [...]struct{ milliVCPU, least, most, step int64 }{
	{250, 512, 512, 512},
	{250, 1024, 2048, 1024},
	{500, 1024, 4096, 1024},
	{1000, 2048, 8192, 1024},
	{2000, 4096, 16384, 1024},
	{4000, 8192, 30720, 1024},
	{8000, 16384, 61440, 4096},
	{16000, 32768, 122880, 8192},
}

// selectArchitecture gives a pod that does not say what it is built for the architecture that AWS Fargate takes it for: its
// environment has nodes of several.
func selectArchitecture(spec *corev1.PodSpec) {
	if spec.NodeSelector[corev1.LabelArchStable] == "" && nodeAffinity(spec) == nil {
		selectNodes(spec, corev1.LabelArchStable, architectures["X86_64"])
	}
}

func nodeAffinity(spec *corev1.PodSpec) *corev1.NodeAffinity {
	if spec.Affinity == nil {
		return nil
	}
	return spec.Affinity.NodeAffinity
}

func checkFargateSize(r batch.Requests) error {
	var sizes []string
	for _, s := range fargateSizes {
		if s.milliVCPU != r.MilliVCPU {
			continue
		}
		if r.MemoryMiB >= s.least && r.MemoryMiB <= s.most && r.MemoryMiB%s.step == 0 {
			return nil
		}
		if s.least == s.most {
			sizes = append(sizes, strconv.FormatInt(s.least, 10))
		} else {
			sizes = append(sizes, fmt.Sprintf("%d to %d in steps of %d", s.least, s.most, s.step))
		}
	}
	rule := "vCPU must be 0.25, 0.5, 1, 2, 4, 8 or 16"
	if sizes != nil {
		rule = "with these vCPUs memory must be " + strings.Join(sizes, " or ") + " MiB"
	}
	return batch.Invalidf("Fargate resource requirements (%.2f vCPU, %d MiB) not valid: %s", float64(r.MilliVCPU)/1000, r.MemoryMiB, rule)
}
