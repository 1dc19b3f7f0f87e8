// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/podspec"
	"github.com/muster-batch/muster/queue-api/storetest"
)

// example are requests of one kind; the others are empty.
type example struct {
	Name        string `json:"name"`
	Define      object `json:"define,omitempty"`
	Submit      object `json:"submit,omitempty"`
	Environment object `json:"environment,omitempty"`
	Queue       object `json:"queue,omitempty"`
	Policy      object `json:"policy,omitempty"`
	Consumable  object `json:"consumable,omitempty"`
}

// Operations by the part of an example that is their request.
var operations = []struct {
	name string
	of   func(*example) *object
}{
	{"RegisterJobDefinition", func(e *example) *object { return &e.Define }},
	{"SubmitJob", func(e *example) *object { return &e.Submit }},
	{"CreateComputeEnvironment", func(e *example) *object { return &e.Environment }},
	{"CreateJobQueue", func(e *example) *object { return &e.Queue }},
	{"CreateSchedulingPolicy", func(e *example) *object { return &e.Policy }},
	{"CreateConsumableResource", func(e *example) *object { return &e.Consumable }},
}

// options translate what only AWS knows, as an administrator would.
var options = podspec.Options{
	Namespace: "jobs", HostNetwork: true,
	ServiceAccounts: map[string]string{"known": "builder"},
	FileSystems:     map[string]podspec.FileSystem{"fsap-1": {Claim: "shared"}, "fs-1": {Claim: "whole"}},
}

// site is a server over the real control plane and the store that tests refer to.
type site struct {
	model  *model
	store  *storetest.Memory
	server *httpapi.Server
	jobID  string // of a job that others can depend on
}

const arn = "arn:aws:batch:us-east-1:123456789012:"

func newSite(m *model) (*site, error) {
	store, clk := storetest.NewMemory(), clocktesting.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	service, err := controlplane.New(store, clk, controlplane.Config{Pod: options})
	if err != nil {
		return nil, err
	}
	server, err := httpapi.New(service, prometheus.NewRegistry(), httpapi.Config{})
	if err != nil {
		return nil, err
	}
	s := &site{model: m, store: store, server: server}
	for _, r := range []struct {
		operation string
		input     object
	}{
		{"CreateComputeEnvironment", object{
			"computeEnvironmentName": "ce", "type": "UNMANAGED", "unmanagedvCpus": 64.0,
			"eksConfiguration": object{"eksClusterArn": "arn:aws:eks:us-east-1:123456789012:cluster/c", "kubernetesNamespace": "jobs"},
		}},
		{"CreateSchedulingPolicy", object{"name": "policy", "fairsharePolicy": object{"shareDistribution": []any{object{"shareIdentifier": "a*"}}}}},
		{"CreateConsumableResource", object{"consumableResourceName": "licence", "totalQuantity": 50.0}},
		{"CreateJobQueue", queue("queue", object{})},
		{"CreateJobQueue", queue("fair", object{"schedulingPolicyArn": arn + "scheduling-policy/policy"})},
		{"RegisterJobDefinition", object{"jobDefinitionName": "first", "type": "container", "containerProperties": object{"image": "busybox", "vcpus": 1.0, "memory": 64.0}}},
	} {
		if _, err := s.call(r.operation, r.input); err != nil {
			return nil, err
		}
	}
	first, err := s.call("SubmitJob", object{"jobName": "first", "jobQueue": "queue", "jobDefinition": "first", "arrayProperties": object{"size": 3.0}})
	if err != nil {
		return nil, err
	}
	s.jobID, _ = first["jobId"].(string)
	return s, nil
}

func queue(name string, more object) object {
	more["jobQueueName"], more["priority"] = name, 1.0
	more["computeEnvironmentOrder"] = []any{object{"order": 1.0, "computeEnvironment": "ce"}}
	return more
}

// refusal is what the API says to a request that it does not take.
type refusal string

func (r refusal) Error() string { return string(r) }

// requestID ends a refusal.
var requestID = regexp.MustCompile(`, RequestId: .*$`)

// call sends a request and returns what is answered.
func (s *site) call(operation string, input object) (object, error) {
	body, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	text := strings.ReplaceAll(string(body), "$job", s.jobID)
	recorder := httptest.NewRecorder()
	s.server.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, s.model.Operations[operation].Path, strings.NewReader(text)))
	var out object
	if err := json.Unmarshal(recorder.Body.Bytes(), &out); err != nil {
		return nil, fmt.Errorf("read what %s answers, %q: %w", operation, recorder.Body, err)
	}
	if recorder.Code != http.StatusOK {
		message, _ := out["message"].(string)
		message = strings.TrimPrefix(message, "Error executing request, Exception : ")
		return nil, refusal(requestID.ReplaceAllString(message, ""))
	}
	return out, nil
}

// outcome is what follows from an example: the pods, and what the API says of what was made.
type outcome struct {
	pods, told any
}

// play sends an example's requests to a site of its own.
func play(m *model, e example) (outcome, error) {
	s, err := newSite(m)
	if err != nil {
		return outcome{}, err
	}
	var out outcome
	var made object
	for _, op := range operations {
		if input := *op.of(&e); input != nil {
			if made, err = s.call(op.name, input); err != nil {
				return out, err
			}
		}
	}
	if e.Define != nil {
		id, _ := made["jobId"].(string)
		if out.pods, err = s.pods(id); err != nil {
			return out, err
		}
		out.told, err = s.tell(e, id)
		return out, err
	}
	out.told, err = s.tell(e, "")
	return out, err
}

// tell asks for what the requests have made.
func (s *site) tell(e example, job string) (any, error) {
	var told []any
	ask := func(operation string, input object) error {
		answer, err := s.call(operation, input)
		told = append(told, answer)
		return err
	}
	var err error
	switch {
	case e.Define != nil:
		if err = ask("DescribeJobDefinitions", object{}); err == nil {
			err = ask("DescribeJobs", object{"jobs": []any{job}})
		}
	case e.Environment != nil:
		err = ask("DescribeComputeEnvironments", object{})
	case e.Queue != nil:
		err = ask("DescribeJobQueues", object{})
	case e.Policy != nil:
		if err = ask("ListSchedulingPolicies", object{}); err == nil {
			err = ask("DescribeSchedulingPolicies", object{"arns": []any{arn + "scheduling-policy/p"}})
		}
	default:
		err = ask("DescribeConsumableResource", object{"consumableResource": "r"})
	}
	if err != nil {
		return nil, err
	}
	return plain(told)
}

// pods are those of a job's first attempt; of an array those of its second child.
func (s *site) pods(id string) (any, error) {
	ctx := context.Background()
	job, err := s.store.Job(ctx, id)
	if err != nil {
		return nil, err
	}
	if job.IsArray() {
		if job, err = s.store.Job(ctx, id+":1"); err != nil {
			return nil, err
		}
	}
	definition, err := s.store.Definition(ctx, job.Definition)
	if err != nil {
		return nil, err
	}
	environment, err := s.store.Environment(ctx, "ce")
	if err != nil {
		return nil, err
	}
	pods, err := podspec.Pods(podspec.Input{Job: job, Definition: definition, Environment: environment, Attempt: 1, Rank: "rank"}, options)
	if err != nil {
		return nil, err
	}
	for _, pod := range pods {
		clean(pod)
	}
	return plain(pods)
}

// clean takes off what sums up all the rest, or is another's each time.
func clean(pod *corev1.Pod) {
	delete(pod.Annotations, batchmeta.Job)
	delete(pod.Labels, batchmeta.Shape)
}

// uuid is what is another one each time: a job's, an environment's, what follows from them.
var uuid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// plain is a value as JSON has it, with one and the same UUID everywhere.
func plain(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	err = json.Unmarshal(uuid.ReplaceAll(text, []byte("UUID")), &out)
	return out, err
}
