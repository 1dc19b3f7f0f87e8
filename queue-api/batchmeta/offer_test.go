// SPDX-License-Identifier: Apache-2.0

package batchmeta

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOffersAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	offers := []Offer{
		{InstanceType: "m5.large", VCPUs: 2, MemoryMiB: 8192, FreeMilliVCPU: 1930, FreeMiB: 6907, PricePerHour: 0.096},
		{InstanceType: "c5.large", VCPUs: 2, MemoryMiB: 4096, FreeMilliVCPU: 1930, FreeMiB: 3100},
		{InstanceType: "g4dn.xlarge", VCPUs: 4, MemoryMiB: 16384, GPUs: 1, FreeMilliVCPU: 3920, FreeMiB: 14000, PricePerHour: 0.526},
		{InstanceType: "m6g.large", VCPUs: 2, MemoryMiB: 9000, FreeMilliVCPU: 1930, FreeMiB: 6907, PricePerHour: 0.077, Architecture: "arm64"},
	}
	text := FormatOffers(offers)
	want := "c5.large 2 4096 0 1930 3100 0\nm5.large 2 8192 0 1930 6907 0.096\nm6g.large 2 9000 0 1930 6907 0.077 arm64\ng4dn.xlarge 4 16384 1 3920 14000 0.526"
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if diff := cmp.Diff([]Offer{offers[1], offers[0], offers[3], offers[2]}, ParseOffers(text)); diff != "" {
		t.Errorf("offers mismatch (-want +got):\n%s", diff)
	}
}

func TestOffersThatAreNoneAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"", "x", "m5.large 2 8192 0 1930 6907", "m5.large 2 8192 0 1930 6907 NaN", "m5.large 2 8192 0 1930 6907 -1",
		"m5.large -2 8192 0 1930 6907 1", "m5.large 2 99999999999999 0 1930 6907 1", "m5.large two 8192 0 1930 6907 1",
		"m5.large 2 8192 0 1930 6907 1 arm64 x",
	} {
		if got := ParseOffers(line + "\nok 1 2 0 1 2 0"); len(got) != 1 || got[0].InstanceType != "ok" {
			t.Errorf("%q is read as %+v", line, got)
		}
	}
	if got := ParseOffers(strings.Repeat("m5.large 2 8192 0 1930 6907 1\n", 1000)); len(got) != MaxOffers {
		t.Errorf("%d offers are read", len(got))
	}
}

func TestOfTooManyOffersEachSizeKeepsItsCheapest(t *testing.T) {
	t.Parallel()
	var offers []Offer
	for size := range 10 {
		for i := range 100 {
			offers = append(offers, Offer{InstanceType: fmt.Sprintf("t%d.%d", i, size), VCPUs: size + 1, MemoryMiB: 1024, PricePerHour: float64(100-i) / 100})
		}
	}
	kept := ParseOffers(FormatOffers(offers))
	if len(kept) != MaxOffers || len(offers) != 1000 || offers[0].InstanceType != "t0.0" {
		t.Fatalf("%d of %d are kept, and the first is %s now", len(kept), len(offers), offers[0].InstanceType)
	}
	cheapest := map[int]float64{}
	for _, o := range kept {
		if p, ok := cheapest[o.VCPUs]; !ok || o.PricePerHour < p {
			cheapest[o.VCPUs] = o.PricePerHour
		}
	}
	for size := range 10 {
		if cheapest[size+1] != 0.01 {
			t.Errorf("of %d vCPUs the cheapest that is kept costs %v", size+1, cheapest[size+1])
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	o := Offer{FreeMilliVCPU: 3920, FreeMiB: 14000, GPUs: 1}
	for name, tc := range map[string]struct {
		milli, memory, gpus int64
		want                int
	}{
		"as many as it has vCPUs for":  {1000, 1, 0, 3},
		"as many as it has memory for": {100, 7000, 0, 2},
		"one for each GPU":             {100, 100, 1, 1},
		"none that is too large":       {4000, 1, 0, 0},
		"none with too many GPUs":      {1, 1, 2, 0},
	} {
		if got := o.Holds(tc.milli, tc.memory, tc.gpus); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}
