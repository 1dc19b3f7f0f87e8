// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/hack/sdktest"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/controlplane"
	"github.com/muster-batch/muster/queue-api/httpapi"
	"github.com/muster-batch/muster/queue-api/lifecycle"
	"github.com/muster-batch/muster/queue-api/storetest"
)

const arnBase = "arn:aws:batch:us-east-1:123456789012:"

// site is a server over the real control plane and the reference store.
type site struct {
	model  *apiModel
	store  *storetest.Memory
	clock  *clocktesting.FakePassiveClock
	server *httpapi.Server
	// words stand for what differs from site to site, such as $JOB for a job's id.
	words   map[string]string
	created atomic.Int64 // names given out for $NEW
}

func newSite(tb testing.TB, model *apiModel) *site {
	tb.Helper()
	store, clk := storetest.NewMemory(), clocktesting.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	service, err := controlplane.New(store, clk, controlplane.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	server, err := httpapi.New(service, prometheus.NewRegistry(), httpapi.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return &site{model: model, store: store, clock: clk, server: server, words: map[string]string{}}
}

// newBusySite has something of every kind.
func newBusySite(tb testing.TB, model *apiModel) *site {
	tb.Helper()
	s := newSite(tb, model)
	for _, r := range [...]struct{ operation, body string }{
		{"CreateComputeEnvironment", `{"computeEnvironmentName":"ce","type":"MANAGED","tags":{"a":"b"},"computeResources":{"type":"EC2","maxvCpus":8,"instanceTypes":["c5"],"allocationStrategy":"BEST_FIT_PROGRESSIVE"},
			"eksConfiguration":{"eksClusterArn":"arn:aws:eks:us-east-1:123456789012:cluster/c","kubernetesNamespace":"jobs"}}`},
		{"CreateComputeEnvironment", `{"computeEnvironmentName":"off","type":"UNMANAGED","state":"DISABLED"}`},
		{"CreateSchedulingPolicy", `{"name":"policy","fairsharePolicy":{"shareDecaySeconds":600,"shareDistribution":[{"shareIdentifier":"a*","weightFactor":0.5}]}}`},
		{"CreateSchedulingPolicy", `{"name":"unused"}`},
		{"CreateConsumableResource", `{"consumableResourceName":"licence","totalQuantity":5,"tags":{"a":"b"}}`},
		{"CreateJobQueue", `{"jobQueueName":"queue","priority":1,"computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`},
		{"CreateJobQueue", `{"jobQueueName":"fair","priority":1,"schedulingPolicyArn":"` + arnBase + `scheduling-policy/policy","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`},
		{"CreateJobQueue", `{"jobQueueName":"off","priority":1,"state":"DISABLED","computeEnvironmentOrder":[{"order":1,"computeEnvironment":"ce"}]}`},
		{"RegisterJobDefinition", `{"jobDefinitionName":"container","type":"container","containerProperties":{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}`},
		{"RegisterJobDefinition", `{"jobDefinitionName":"eks","type":"container","eksProperties":{"podProperties":{"containers":[{"name":"main","image":"busybox","resources":{"limits":{"cpu":"1","memory":"64Mi"}}}]}}}`},
		{"RegisterJobDefinition", `{"jobDefinitionName":"ecs","type":"container","ecsProperties":{"taskProperties":[{"containers":[{"name":"main","image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}]}]}}`},
		{"RegisterJobDefinition", `{"jobDefinitionName":"nodes","type":"multinode","nodeProperties":{"numNodes":2,"mainNode":0,"nodeRangeProperties":[{"targetNodes":"0:","container":{"image":"busybox","resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"64"}]}}]}}`},
	} {
		s.ok(tb, r.operation, r.body)
	}
	s.words["$JOB"] = s.submit(tb, `{"jobName":"job","jobQueue":"queue","jobDefinition":"container","consumableResourcePropertiesOverride":{"consumableResourceList":[{"consumableResource":"licence","quantity":1}]}}`)
	s.words["$DONE"] = s.submit(tb, `{"jobName":"done","jobQueue":"queue","jobDefinition":"eks"}`)
	s.words["$ARRAY"] = s.submit(tb, `{"jobName":"array","jobQueue":"fair","shareIdentifier":"a1","jobDefinition":"container","arrayProperties":{"size":3}}`)
	s.words["$NODES"] = s.submit(tb, `{"jobName":"nodes","jobQueue":"queue","jobDefinition":"nodes"}`)
	s.finish(tb, s.words["$DONE"])
	return s
}

// finish lets a job run and succeed.
func (s *site) finish(tb testing.TB, id string) {
	tb.Helper()
	now := s.clock.Now()
	for _, event := range []lifecycle.Event{
		lifecycle.Admitted{ComputeEnvironment: "ce", PodName: "aws-batch.x", PodNamespace: "jobs"},
		lifecycle.Bound{Attempt: 1, NodeName: "node", InstanceID: "i-1"},
		lifecycle.Started{Attempt: 1, At: now},
		lifecycle.Ended{
			Attempt: 1, Succeeded: true, StatusReason: lifecycle.ReasonExited, StoppedAt: now,
			Containers: []batch.ContainerOutcome{{Name: "main", ExitCode: new(0), Reason: "Completed"}},
		},
	} {
		_, err := s.store.Transition(tb.Context(), id, func(job batch.Job) (batch.Job, error) {
			next, _, err := lifecycle.Step(job, event, now)
			return next, err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// fill puts words in their places, a new name for $NEW.
func (s *site) fill(text string) string {
	text = strings.ReplaceAll(text, "$NEW", "new-"+strconv.FormatInt(s.created.Add(1), 10))
	for word, value := range s.words {
		text = strings.ReplaceAll(text, word, value)
	}
	return text
}

// request makes the request of an operation. Members that belong into the URL are taken out of the body.
func (s *site) request(ctx context.Context, operation, body string) *http.Request {
	op := s.model.Operations[operation]
	path := op.Path
	var inURL struct {
		ResourceARN string   `json:"resourceArn"`
		TagKeys     []string `json:"tagKeys"`
	}
	if strings.Contains(path, "{resourceArn}") {
		inURL.ResourceARN = arnBase + "job-queue/queue"
		_ = json.Unmarshal([]byte(body), &inURL) // a body that is none leaves it so
		path = strings.Replace(path, "{resourceArn}", url.QueryEscape(inURL.ResourceARN), 1)
		if len(inURL.TagKeys) > 0 {
			path += "?" + url.Values{"tagKeys": inURL.TagKeys}.Encode()
		}
	}
	return httptest.NewRequestWithContext(ctx, op.Method, path, strings.NewReader(body))
}

// answer is what the server says to one request.
type answer struct {
	code int
	kind string // of an error
	body string
}

func (s *site) do(r *http.Request) answer {
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return answer{code: w.Code, kind: w.Header().Get("X-Amzn-Errortype"), body: w.Body.String()}
}

// call sends a request as it is.
func (s *site) call(ctx context.Context, operation, body string) answer {
	return s.do(s.request(ctx, operation, body))
}

// ok sends a request that must succeed, and gives the reply, which must be of the shape that the model says.
func (s *site) ok(tb testing.TB, operation, body string) object {
	tb.Helper()
	got := s.call(tb.Context(), operation, s.fill(body))
	if got.code != http.StatusOK {
		tb.Fatalf("%s %s = %d %s", operation, body, got.code, got.body)
	}
	reply, wrong := s.check(operation, got.body)
	if wrong != "" {
		tb.Errorf("%s %s: reply %s: %s", operation, body, got.body, wrong)
	}
	return reply
}

// check reads a reply and compares it with its shape.
func (s *site) check(operation, body string) (reply object, wrong string) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&reply); err != nil {
		return nil, err.Error()
	}
	return reply, s.model.mismatch(s.model.Operations[operation].Output, reply, "reply")
}

func (s *site) submit(tb testing.TB, body string) string {
	tb.Helper()
	id, _ := s.ok(tb, "SubmitJob", body)["jobId"].(string)
	return id
}

// client is the AWS SDK's own client of the site, which does not retry.
func (s *site) client(tb testing.TB) *sdk.Client {
	tb.Helper()
	server := httptest.NewServer(s.server)
	transport := &http.Transport{}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return sdk.New(sdk.Options{
		BaseEndpoint: &server.URL,
		Region:       "us-east-1",
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      sdktest.Once(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDTEST", SecretAccessKey: "secret"}, nil
		}),
	})
}
