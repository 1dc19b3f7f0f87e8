// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// quota is one of Amazon EC2's on the vCPUs that are in use at once, with Service Quotas' codes. It is over the families
// whose names have the given letters before their first digit.
type quota struct {
	name           string
	onDemand, spot string
	families       []string
}

// quotas are those of the families that batch jobs run on.
var quotas = [...]quota{
	{"Standard (A, C, D, H, I, M, R, T, Z)", "L-1216C47A", "L-34B43A08", []string{"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"}},
	{"G and VT", "L-DB2E81BA", "L-3819A6DF", []string{"g", "gr", "vt"}},
	{"P", "L-417A185B", "L-7212CCBC", []string{"p"}},
	{"X", "L-7295265B", "L-E3A00192", []string{"x"}},
	{"Inf", "L-1945791B", "L-B5D1601B", []string{"inf"}},
	{"Trn", "L-2C3B7624", "L-6B0D517C", []string{"trn"}},
}

// quotaOf is the quota that a type counts against; ok is false if it is none of these.
func quotaOf(instanceType, capacityType string) (name, code string, ok bool) {
	letters := instanceType[:max(strings.IndexAny(instanceType, "0123456789"), 0)]
	i := slices.IndexFunc(quotas[:], func(q quota) bool { return slices.Contains(q.families, letters) })
	if i < 0 {
		return "", "", false
	}
	if capacityType == batchmeta.CapacitySpot {
		return "All " + quotas[i].name + " Spot Instance Requests", quotas[i].spot, true
	}
	return "Running On-Demand " + quotas[i].name + " instances", quotas[i].onDemand, true
}

// examineQuotas compares each quota with what the environments may use together.
func (f *Fleet) examineQuotas(ctx context.Context, prospects []fleet.Prospect) []fleet.Finding {
	type need struct{ largest, smallest int } // of one environment, of one instance
	names, needs := map[string]string{}, map[string]need{}
	var codes []string
	for i := range prospects {
		p := &prospects[i]
		for _, t := range p.Choices() {
			name, code, ok := quotaOf(t.Name, p.CapacityType)
			if !ok {
				continue
			}
			if names[code] == "" {
				names[code], needs[code] = name, need{smallest: t.VCPUs}
				codes = append(codes, code)
			}
			needs[code] = need{max(needs[code].largest, p.MaxvCPUs), min(needs[code].smallest, t.VCPUs)}
		}
	}
	var out []fleet.Finding
	for _, code := range codes {
		vcpus, err := f.platform.Quota(ctx, code)
		out = append(out, quotaFinding("quota "+code+", "+names[code], vcpus, err, needs[code].largest, needs[code].smallest))
	}
	return out
}

func quotaFinding(subject string, vcpus int, err error, largest, smallest int) fleet.Finding {
	const remedy = "Ask Service Quotas for more."
	switch {
	case err != nil:
		out := finding(subject, err)
		out.Note = true // launches do not need to know
		return out
	case vcpus < smallest:
		return fleet.Finding{Subject: subject, Remedy: remedy, Problem: fmt.Sprintf("%d vCPUs, and the smallest instance has %d", vcpus, smallest)}
	case vcpus < largest:
		return fleet.Finding{
			Subject: subject, Remedy: remedy, Note: true, Problem: fmt.Sprintf("%d vCPUs, and a compute environment may have %d", vcpus, largest),
		}
	}
	return fleet.Finding{Subject: subject}
}

// Quota implements Platform.
func (p *platform) Quota(ctx context.Context, code string) (int, error) {
	body, err := json.Marshal(map[string]string{"ServiceCode": "ec2", "QuotaCode": code})
	if err != nil {
		return 0, fmt.Errorf("encode request: %w", err)
	}
	r, err := p.request(ctx, "servicequotas", http.MethodPost, "/", body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "ServiceQuotasV20190624.GetServiceQuota")
	var reply struct{ Quota struct{ Value float64 } }
	if err := p.do(ctx, "servicequotas", r, body, &reply); err != nil {
		return 0, err
	}
	return int(reply.Quota.Value), nil
}
