// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

type submitFunc = func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error)

// logged returns a context whose logger writes to the buffer.
func logged(ctx context.Context) (context.Context, *bytes.Buffer) {
	var out bytes.Buffer
	return klog.NewContext(ctx, textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&out)))), &out
}

func TestFailuresOfOurOwn(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		submit  submitFunc
		wantLog []string
	}{
		"a panic is answered and logged with its stack": {
			submit: func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
				var none *awsapi.ContainerOverrides
				return nil, errors.New(*none.InstanceType)
			},
			wantLog: []string{"Request panicked", "nil pointer", `operation="SubmitJob"`, "op_test.go"},
		},
		"the cause of a failure is logged": {
			submit: func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
				return nil, errors.New("store is down")
			},
			wantLog: []string{"Request failed", "store is down", `operation="SubmitJob"`},
		},
		"the deadline passing is a failure": {
			submit: func(context.Context, batch.Call, *awsapi.SubmitJobRequest) (*awsapi.SubmitJobResponse, error) {
				return nil, context.DeadlineExceeded
			},
			wantLog: []string{"Request failed", "deadline exceeded"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, log := logged(t.Context())
			s := newServer(t, fakePlane{submit: tc.submit}, Config{})
			w := do(s, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/submitjob", strings.NewReader(submitBody)))
			answersJSON(t, w)
			if w.Code != http.StatusInternalServerError || w.Header().Get("X-Amzn-ErrorType") != "ServerException" {
				t.Errorf("answer = %d %v", w.Code, w.Header())
			}
			if strings.Contains(w.Body.String(), "down") || strings.Contains(w.Body.String(), "nil") {
				t.Errorf("the cause is shown: %s", w.Body)
			}
			for _, want := range append(tc.wantLog, w.Header().Get("X-Amzn-RequestId")) {
				if !strings.Contains(log.String(), want) {
					t.Errorf("log lacks %q:\n%s", want, log)
				}
			}
		})
	}
}

func TestDepartedClientIsNoFailure(t *testing.T) {
	t.Parallel()
	ctx, log := logged(t.Context())
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	s := newServer(t, fakePlane{submit: func(
		ctx context.Context, _ batch.Call, _ *awsapi.SubmitJobRequest,
	) (*awsapi.SubmitJobResponse, error) {
		return nil, ctx.Err()
	}}, Config{})
	do(s, httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/submitjob", strings.NewReader(submitBody)))
	if log.Len() > 0 {
		t.Errorf("logged: %s", log)
	}
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newServer(t, fakePlane{submit: func(
			context.Context, batch.Call, *awsapi.SubmitJobRequest,
		) (*awsapi.SubmitJobResponse, error) {
			<-release
			return nil, nil
		}}, Config{MaxInFlight: 2})
		codes := make(chan int, 2)
		for range 2 {
			go func() { codes <- post(t, s, "/v1/submitjob", submitBody).Code }()
		}
		synctest.Wait()
		w := post(t, s, "/v1/canceljob", `{"jobId":"x","reason":"y"}`)
		if w.Code != http.StatusTooManyRequests || w.Header().Get("X-Amzn-ErrorType") != "TooManyRequestsException" {
			t.Errorf("third request = %d %v", w.Code, w.Header())
		}
		close(release)
		for range 2 {
			if code := <-codes; code != http.StatusOK {
				t.Errorf("request within the bound = %d", code)
			}
		}
		if w := post(t, s, "/v1/canceljob", `{"jobId":"x","reason":"y"}`); w.Code != http.StatusOK {
			t.Errorf("request after the others = %d %s", w.Code, w.Body)
		}
	})
}

func TestRequestsHaveADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, fakePlane{submit: func(
			ctx context.Context, _ batch.Call, _ *awsapi.SubmitJobRequest,
		) (*awsapi.SubmitJobResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, Config{})
		if w := post(t, s, "/v1/submitjob", submitBody); w.Code != http.StatusInternalServerError {
			t.Errorf("answer = %d %s", w.Code, w.Body)
		}
	})
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	got := envelope("ä"+strings.Repeat("€", maxMessage), "id")
	if len(got) > maxMessage+100 || !strings.HasSuffix(got, "…, RequestId: id") || !utf8.ValidString(got) {
		t.Errorf("message of %d bytes ends in %q", len(got), got[len(got)-30:])
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s, err := New(fakePlane{}, registry, Config{})
	if err != nil {
		t.Fatal(err)
	}
	post(t, s, "/v1/submitjob", submitBody)
	post(t, s, "/v1/submitjob", submitBody)
	post(t, s, "/v1/submitjob", "{")
	post(t, s, "/v1/dance", "")
	for labels, want := range map[[2]string]float64{
		{"SubmitJob", "200"}: 2, {"SubmitJob", "400"}: 1, {"Unknown", "404"}: 1, {"ListJobs", "200"}: 0,
	} {
		if got := testutil.ToFloat64(s.metrics.requests.WithLabelValues(labels[0], labels[1])); got != want {
			t.Errorf("requests%v = %v, want %v", labels, got, want)
		}
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	if _, err := New(fakePlane{}, registry, Config{}); err == nil {
		t.Error("a second server registers on the same registry without an error")
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	t.Parallel()
	cases := map[string]Config{
		"a region with a colon": {Region: "us:east"},
		"an account of letters": {Account: "abcdefghijkl"},
		"a short account":       {Account: "1234"},
		"a negative bound":      {MaxInFlight: -1},
	}
	for name, cfg := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := New(fakePlane{}, prometheus.NewRegistry(), cfg); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestConfiguredScopeStandsInARNs(t *testing.T) {
	t.Parallel()
	s := newServer(t, fakePlane{}, Config{Region: "eu-west-3", Account: "000000000042"})
	w := post(t, s, "/v1/submitjob", submitBody)
	if diff := cmp.Diff(
		`{"jobArn":"arn:aws:batch:eu-west-3:000000000042:job/`+fakeJobID+`","jobName":"j","jobId":"`+fakeJobID+`"}`+"\n",
		w.Body.String(),
	); diff != "" {
		t.Errorf("body mismatch (-want +got):\n%s", diff)
	}
}

func BenchmarkSubmitJob(b *testing.B) {
	s := newServer(b, fakePlane{}, Config{})
	const body = `{"jobName":"bench","jobQueue":"q","jobDefinition":"d:1","parameters":{"a":"b"},"containerOverrides":{
		"command":["sh","-c","true"],"environment":[{"name":"A","value":"1"}],
		"resourceRequirements":[{"type":"VCPU","value":"1"},{"type":"MEMORY","value":"2048"}]},"retryStrategy":{"attempts":3}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/submitjob", strings.NewReader(body))
		if w := do(s, r); w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}
