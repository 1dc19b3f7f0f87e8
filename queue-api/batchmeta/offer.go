// SPDX-License-Identifier: Apache-2.0

package batchmeta

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxOffers bounds the instance types of a report.
const MaxOffers = 256

// amd64 is the architecture that types have that name none.
const amd64 = "amd64"

// Offer is an instance type that an environment's nodes may be of: one line of ReportInstanceTypes.
type Offer struct {
	InstanceType string
	VCPUs        int
	MemoryMiB    int64
	GPUs         int
	// FreeMilliVCPU and FreeMiB are what pods may ask of an empty node together; nobody counts DaemonSets off.
	FreeMilliVCPU int64
	FreeMiB       int64
	// PricePerHour is what an instance costs in the way that the environment buys it, in the currency of the fleet's prices: US
	// dollars, in China yuan. 0 is unknown.
	PricePerHour float64
	// Architecture of its processors, in Kubernetes' spelling; empty for amd64.
	Architecture string
}

// Holds is how many pods of a size an empty node has room for; 0 if it is too small for one.
func (o *Offer) Holds(milliVCPU, memoryMiB, gpus int64) int {
	most := int64(1 << 20)
	for _, r := range [...]struct{ has, wants int64 }{{o.FreeMilliVCPU, milliVCPU}, {o.FreeMiB, memoryMiB}, {int64(o.GPUs), gpus}} {
		if r.wants > 0 {
			most = min(most, r.has/r.wants)
		}
	}
	return int(most)
}

// FormatOffers is the text of a report's instance types, the smallest first, a line for each: name, vCPUs, MiB, GPUs,
// thousandths of a vCPU and MiB for pods, price, and the architecture if it is another than amd64. Of more than MaxOffers the cheapest of each size are kept before all others.
func FormatOffers(offers []Offer) string {
	offers = fewer(offers)
	slices.SortFunc(offers, bySize)
	lines := make([]string, len(offers))
	for i, o := range offers {
		lines[i] = fmt.Sprintf("%s %d %d %d %d %d %s", o.InstanceType, o.VCPUs, o.MemoryMiB, o.GPUs, o.FreeMilliVCPU, o.FreeMiB,
			strconv.FormatFloat(o.PricePerHour, 'f', -1, 64))
		if o.Architecture != "" && o.Architecture != amd64 {
			lines[i] += " " + o.Architecture
		}
	}
	return strings.Join(lines, "\n")
}

func bySize(a, b Offer) int {
	return cmp.Or(cmp.Compare(a.GPUs, b.GPUs), cmp.Compare(a.VCPUs, b.VCPUs), cmp.Compare(a.MemoryMiB, b.MemoryMiB),
		cmp.Compare(a.InstanceType, b.InstanceType))
}

// fewer is a copy of at most MaxOffers.
func fewer(offers []Offer) []Offer {
	offers = slices.Clone(offers)
	if len(offers) <= MaxOffers {
		return offers
	}
	slices.SortFunc(offers, func(a, b Offer) int { return cmp.Or(cmp.Compare(a.PricePerHour, b.PricePerHour), bySize(a, b)) })
	type size struct {
		vcpus, gpus int
		memory      int64
	}
	dearer := make(map[string]int, len(offers)) // how many of its size cost less
	seen := map[size]int{}
	for _, o := range offers {
		s := size{o.VCPUs, o.GPUs, o.MemoryMiB}
		dearer[o.InstanceType] = seen[s]
		seen[s]++
	}
	slices.SortStableFunc(offers, func(a, b Offer) int { return cmp.Compare(dearer[a.InstanceType], dearer[b.InstanceType]) })
	return offers[:MaxOffers]
}

// ParseOffers reads what FormatOffers wrote. What is not such a line is left out, as are those beyond MaxOffers.
func ParseOffers(text string) []Offer {
	var out []Offer
	for line := range strings.SplitSeq(text, "\n") {
		if o, ok := parseOffer(line); ok && len(out) < MaxOffers {
			out = append(out, o)
		}
	}
	return out
}

func parseOffer(line string) (o Offer, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 7 && len(fields) != 8 {
		return o, false
	}
	var n [5]int64
	for i := range n {
		v, err := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil || v < 0 || v > 1<<40 {
			return o, false
		}
		n[i] = v
	}
	price, err := strconv.ParseFloat(fields[6], 64)
	if err != nil || !(price >= 0 && price < 1e9) { // nor is NaN a price
		return o, false
	}
	o = Offer{
		InstanceType: fields[0], VCPUs: int(n[0]), MemoryMiB: n[1], GPUs: int(n[2]), FreeMilliVCPU: n[3], FreeMiB: n[4], PricePerHour: price,
	}
	if len(fields) == 8 && fields[7] != amd64 {
		o.Architecture = fields[7]
	}
	return o, true
}
