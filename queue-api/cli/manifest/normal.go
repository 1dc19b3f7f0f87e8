// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// What follows brings a document and what the server shows into one form, before they are compared.

const (
	memberOrder     = "computeEnvironmentOrder"
	memberPolicy    = "schedulingPolicyArn"
	memberResources = "computeResources"
	memberDesired   = "desiredvCpus"
	memberShares    = "shareDistribution"
	memberFairshare = "fairsharePolicy"
	memberQuantity  = "totalQuantity"
	memberPlatforms = "platformCapabilities"
)

// nameFromARN is what follows the last slash of an ARN; a name stays as it is.
func nameFromARN(v any) any {
	text, ok := v.(string)
	if !ok || !strings.HasPrefix(text, "arn:") {
		return v
	}
	return text[strings.LastIndexByte(text, '/')+1:]
}

// normalizeQueue names environments and the policy by their names, and puts environments in their order.
func normalizeQueue(body map[string]any) {
	if policy, ok := body[memberPolicy]; ok {
		body[memberPolicy] = nameFromARN(policy)
	}
	order, ok := body[memberOrder].([]any)
	if !ok {
		return
	}
	for _, item := range order {
		if e, ok := item.(map[string]any); ok {
			e["computeEnvironment"] = nameFromARN(e["computeEnvironment"])
		}
	}
	slices.SortStableFunc(order, func(a, b any) int { return cmp.Compare(numberOf(a, "order"), numberOf(b, "order")) })
}

func numberOf(v any, member string) float64 {
	m, _ := v.(map[string]any)
	n, _ := m[member].(json.Number)
	f, _ := n.Float64() // what is no number is 0
	return f
}

// normalizeEnvironment leaves out how many vCPUs are wanted now: the autoscaler changes that all the time.
func normalizeEnvironment(body map[string]any) {
	delete(child(body, memberResources), memberDesired)
}

// normalizePolicy puts shares in the order of their names, each with its weight.
func normalizePolicy(body map[string]any) {
	shares, ok := child(body, memberFairshare)[memberShares].([]any)
	if !ok {
		return
	}
	name := func(v any) string {
		m, _ := v.(map[string]any)
		text, _ := m["shareIdentifier"].(string)
		return text
	}
	for _, item := range shares {
		if s, ok := item.(map[string]any); ok && s["weightFactor"] == nil {
			s["weightFactor"] = json.Number("1")
		}
	}
	slices.SortStableFunc(shares, func(a, b any) int { return cmp.Compare(name(a), name(b)) })
}

// normalizeDefinition leaves out the platform that the server adds where none is given.
func normalizeDefinition(body map[string]any) {
	if list, ok := body[memberPlatforms].([]any); ok && len(list) == 1 && list[0] == "EC2" {
		delete(body, memberPlatforms)
	}
}

// fillEnvironment sends those of the compute resources that differ: each of them may replace instances.
func fillEnvironment(k *Kind, body, want, have map[string]any, changed []string) {
	if !slices.Contains(changed, memberResources) {
		return
	}
	resources := map[string]any{}
	for member, value := range child(want, memberResources) {
		d := differ{}
		d.compare(member, value, child(have, memberResources)[member])
		if len(d.changes) > 0 {
			resources[member] = value
		}
	}
	body[memberResources] = resources
}

// fillPolicy sends the policy whole: what is absent would be taken away.
func fillPolicy(_ *Kind, body, want, have map[string]any, changed []string) {
	if slices.Contains(changed, memberFairshare) {
		body[memberFairshare] = merge(child(want, memberFairshare), child(have, memberFairshare))
	}
}

// fillConsumable sets the quantity.
func fillConsumable(_ *Kind, body, want, _ map[string]any, _ []string) {
	delete(body, memberQuantity)
	body["operation"], body["quantity"] = "SET", want[memberQuantity]
}
