// SPDX-License-Identifier: Apache-2.0

package podspec

import (
	"slices"

	"k8s.io/utils/ptr"
)

// Conditions of dependsOn.
const (
	conditionStart    = "START"
	conditionComplete = "COMPLETE"
	conditionSuccess  = "SUCCESS"
)

// startOrder sorts a task's containers, by index, into those that others wait for to end, which run one after the other
// before the rest, and the rest, which start together.
func startOrder(t *task) (inits, mains []int, err error) {
	o := ordering{task: t, ends: make([]bool, len(t.Containers)), state: make([]visit, len(t.Containers))}
	if err := o.read(); err != nil {
		return nil, nil, err
	}
	for i := range t.Containers {
		if err := o.visit(i); err != nil {
			return nil, nil, err
		}
	}
	for i, ends := range o.ends {
		if !ends {
			mains = append(mains, i)
		}
	}
	return o.inits, mains, nil
}

type visit int

const (
	unvisited visit = iota
	underWay
	visited
)

type ordering struct {
	*task

	needs [][]int // by container: those that it depends on
	ends  []bool  // by container: whether another waits for its end
	state []visit
	inits []int // those that end, in the order in which they run
}

// read resolves the names.
func (o *ordering) read() error {
	byName := map[string]int{}
	for i := range o.Containers {
		byName[TaskContainerName(o.Containers[i].Name)] = i
	}
	o.needs = make([][]int, len(o.Containers))
	for i := range o.Containers {
		for j, d := range o.Containers[i].DependsOn {
			at := o.containerAt(i).Child("dependsOn").Index(j)
			on, found := byName[TaskContainerName(d.ContainerName)]
			if !found || d.ContainerName == nil {
				return invalid(at.Child("containerName"), "no container has the name %s", quote(ptr.Deref(d.ContainerName, "")))
			}
			switch condition := ptr.Deref(d.Condition, ""); condition {
			case conditionStart:
			case conditionComplete, conditionSuccess:
				if isEssential(&o.Containers[on]) {
					return invalid(at.Child("condition"), "%s cannot be set on an essential container: the job ends with it", condition)
				}
				o.ends[on] = true
			default:
				return invalid(at.Child("condition"), "%s must be one of %v", quote(condition), []string{conditionStart, conditionComplete, conditionSuccess})
			}
			o.needs[i] = append(o.needs[i], on)
		}
	}
	return nil
}

// visit puts a container after those that it depends on.
func (o *ordering) visit(i int) error {
	at := o.containerAt(i).Child("dependsOn")
	switch o.state[i] {
	case visited:
		return nil
	case underWay:
		return invalid(at, "the containers depend on each other in a circle")
	case unvisited:
	}
	o.state[i] = underWay
	for _, on := range o.needs[i] {
		if err := o.visit(on); err != nil {
			return err
		}
		if o.ends[i] && !o.ends[on] {
			return invalid(at, "%s must COMPLETE or SUCCEED too, since others wait for the end of this container: on Kubernetes it runs before all that go on",
				quote(ptr.Deref(o.Containers[on].Name, "")))
		}
	}
	o.state[i] = visited
	if o.ends[i] && !slices.Contains(o.inits, i) {
		o.inits = append(o.inits, i)
	}
	return nil
}
