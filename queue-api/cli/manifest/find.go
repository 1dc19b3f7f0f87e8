// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// API is how operations of the Batch API are called; see client.Client.
type API interface {
	Call(ctx context.Context, operation string, in, out any) error
}

// ask calls an operation and gives its answer as JSON values.
func ask(ctx context.Context, api API, operation string, in map[string]any) (map[string]any, error) {
	var raw json.RawMessage
	if err := api.Call(ctx, operation, in, &raw); err != nil {
		return nil, err
	}
	value, err := decodeValue(json.NewDecoder(bytes.NewReader(raw)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	out, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: the answer is no object", operation)
	}
	return out, nil
}

// first is the first of a list of things with this name.
func first(k *Kind, answer map[string]any, member, name string) map[string]any {
	list, _ := answer[member].([]any)
	for _, item := range list {
		if thing, ok := item.(map[string]any); ok && k.NameOf(thing) == name {
			return thing
		}
	}
	return nil
}

func findEnvironment(ctx context.Context, k *Kind, api API, name string) (map[string]any, error) {
	answer, err := ask(ctx, api, "DescribeComputeEnvironments", map[string]any{"computeEnvironments": []string{name}})
	return first(k, answer, "computeEnvironments", name), err
}

func findQueue(ctx context.Context, k *Kind, api API, name string) (map[string]any, error) {
	answer, err := ask(ctx, api, "DescribeJobQueues", map[string]any{"jobQueues": []string{name}})
	return first(k, answer, "jobQueues", name), err
}

// findDefinition finds the newest revision that takes jobs.
func findDefinition(ctx context.Context, k *Kind, api API, name string) (map[string]any, error) {
	answer, err := ask(ctx, api, "DescribeJobDefinitions", map[string]any{"jobDefinitionName": name, "status": "ACTIVE"})
	list, _ := answer["jobDefinitions"].([]any)
	var newest map[string]any
	for _, item := range list {
		if d, ok := item.(map[string]any); ok && k.NameOf(d) == name && (newest == nil || numberOf(d, "revision") > numberOf(newest, "revision")) {
			newest = d
		}
	}
	return newest, err
}

// maxPages bounds how far a list is read.
const maxPages = 1000

func findPolicy(ctx context.Context, k *Kind, api API, name string) (map[string]any, error) {
	in := map[string]any{"maxResults": 100}
	for range maxPages {
		page, err := ask(ctx, api, "ListSchedulingPolicies", in)
		if err != nil {
			return nil, err
		}
		list, _ := page["schedulingPolicies"].([]any)
		for _, item := range list {
			p, _ := item.(map[string]any)
			arn, _ := p["arn"].(string)
			if nameFromARN(arn) != name {
				continue
			}
			answer, err := ask(ctx, api, "DescribeSchedulingPolicies", map[string]any{"arns": []string{arn}})
			return first(k, answer, "schedulingPolicies", name), err
		}
		token, _ := page["nextToken"].(string)
		if token == "" {
			break
		}
		in["nextToken"] = token
	}
	return nil, nil
}

func findConsumable(ctx context.Context, k *Kind, api API, name string) (map[string]any, error) {
	answer, err := ask(ctx, api, "ListConsumableResources", map[string]any{
		"filters": []any{map[string]any{"name": "CONSUMABLE_RESOURCE_NAME", "values": []string{name}}},
	})
	if err != nil || first(k, answer, "consumableResources", name) == nil {
		return nil, err
	}
	return ask(ctx, api, "DescribeConsumableResource", map[string]any{"consumableResource": name})
}

// Find gives a thing as the server shows it; nil if there is none.
func (k *Kind) Find(ctx context.Context, api API, name string) (map[string]any, error) {
	found, err := k.find(ctx, k, api, name)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", k.Short, name, err)
	}
	return found, nil
}

// Of makes a document of what the server shows of a thing, whole.
func (k *Kind) Of(shown any) (map[string]any, error) {
	encoded, err := json.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Short, err)
	}
	value, err := decodeValue(json.NewDecoder(bytes.NewReader(encoded)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Short, err)
	}
	out, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: is no object", k.Short)
	}
	out[memberVersion], out[memberKind] = APIVersion, k.Name
	return out, nil
}

// ListOf makes one document of several.
func ListOf(items []map[string]any) map[string]any {
	if items == nil {
		items = []map[string]any{}
	}
	return map[string]any{memberVersion: APIVersion, memberKind: kindList, memberItems: items}
}

// status of a thing and why.
func statusOf(thing map[string]any) (status, reason string) {
	status, _ = thing["status"].(string)
	reason, _ = thing["statusReason"].(string)
	return status, strings.TrimSpace(reason)
}
