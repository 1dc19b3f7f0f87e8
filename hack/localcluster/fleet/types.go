// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"io"
	"runtime"

	"github.com/muster-batch/muster/hack/localcluster/node"
)

type instanceTypesRequest struct {
	InstanceTypes []string `json:"instanceTypes"`
}

type instanceType struct {
	Name         string      `json:"name"`
	VCPUs        int         `json:"vcpus"`
	MemoryMiB    int64       `json:"memoryMiB"`
	GPUs         int         `json:"gpus"`
	Architecture string      `json:"architecture"`
	MaxPods      int         `json:"maxPods"`
	Allocatable  allocatable `json:"allocatable"`
}

type allocatable struct {
	CPUMillis int   `json:"cpuMillis"`
	MemoryMiB int64 `json:"memoryMiB"`
}

type instanceTypesReply struct {
	InstanceTypes []instanceType `json:"instanceTypes"`
}

// instanceTypes gives every type that is asked for the machine's shape. Nothing is reserved on a node, so all of it is
// allocatable.
func (f Fleet) instanceTypes(request instanceTypesRequest, notes io.Writer) (instanceTypesReply, error) {
	shape, err := node.MachineShape()
	if err != nil {
		return instanceTypesReply{}, err
	}
	fmt.Fprintf(notes, "every instance type has this machine's own shape here: %d vCPUs, %d MiB\n", shape.CPUs, shape.MemoryMiB)
	reply := instanceTypesReply{InstanceTypes: []instanceType{}}
	for _, name := range request.InstanceTypes {
		reply.InstanceTypes = append(reply.InstanceTypes, instanceType{
			Name: name, VCPUs: shape.CPUs, MemoryMiB: shape.MemoryMiB, Architecture: runtime.GOARCH, MaxPods: node.MaxPods,
			Allocatable: allocatable{CPUMillis: 1000 * shape.CPUs, MemoryMiB: shape.MemoryMiB},
		})
	}
	return reply, nil
}
