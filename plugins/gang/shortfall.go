// SPDX-License-Identifier: Apache-2.0

package gang

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// Shortfall is why a draft cannot be filled.
type Shortfall struct {
	Fit   int    // how many of the draft's members found a seat
	Lacks []Lack // the resources that the others are short of, the worst first; empty when something else is in the way
	Words string // what is in the way in the scheduler's own words, for when Lacks is empty
	// Within is the node label under one value of which the members must be, for when they would fit elsewhere together.
	Within string
	// Alike is set when the members are alike and no other seating holds more of them, so that Fit is all that there is room
	// for.
	Alike bool
}

// Lack is a resource that members are short of.
type Lack struct {
	Members  int // how many more members would have to fit
	Each     resource.Quantity
	Resource corev1.ResourceName
}

// Need is how many of the draft's members must find a seat.
func (d *Draft) Need() int { return d.need }

// Refuse notes why the draft cannot be filled and words it for its members' owners.
func (d *Draft) Refuse(s Shortfall) string {
	d.short = s
	return d.Key.Reason("%d of %d members fit; %s", d.held+s.Fit, d.size, s.words(environmentOf(d.Members)))
}

// Shortfall returns why the draft was refused.
func (d *Draft) Shortfall() Shortfall { return d.short }

// For returns the same shortfall for a draft whose members are like those of the first and find as much room.
func (s Shortfall) For(d *Draft) Shortfall {
	lacks := slices.Clone(s.Lacks)
	for i := range lacks {
		lacks[i].Members = d.need - s.Fit
	}
	s.Lacks = lacks
	return s
}

func (s *Shortfall) words(environment string) string {
	if len(s.Lacks) == 0 {
		return s.Words
	}
	parts := make([]string, len(s.Lacks))
	for i, lack := range s.Lacks {
		parts[i] = fmt.Sprintf("%d × %s %s", lack.Members, lack.Each.String(), lack.Resource)
	}
	words := "short of " + strings.Join(parts, ", ")
	if s.Within != "" {
		words += " under one value of " + s.Within
	}
	if environment != "" {
		words += " in environment " + environment
	}
	return words
}

// environmentOf names the compute environment that all the members select, shortly; empty when there is none.
func environmentOf(members []*corev1.Pod) string {
	name := ""
	for i, pod := range members {
		selected := pod.Spec.NodeSelector[batchmeta.ComputeEnvironmentUUID]
		if i > 0 && selected != name {
			return ""
		}
		name = selected
	}
	if first, rest, _ := strings.Cut(name, "-"); len(first) == 8 && len(rest) == 27 {
		return first // of a UUID: enough to tell environments apart
	}
	return name
}
