// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// isEmpty holds for a structure that is absent or has no member: clients that fill in every member send {}.
func isEmpty[T any](v *T) bool { return v == nil || reflect.ValueOf(v).Elem().IsZero() }

// rawOf keeps a structure as JSON; an absent or empty one is nil.
func rawOf[T any](v *T) (json.RawMessage, error) {
	if isEmpty(v) {
		return nil, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return raw, nil
}

// isKept holds for a document that was given; a store may have made null of none.
func isKept(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// millis is a time as the API says it; the zero time is absent.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	return new(t.UnixMilli())
}

// orEmptyMap and orEmpty make what AWS Batch always shows, be it empty.
func orEmptyMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// retryFrom converts a retry strategy that passed checkRetry.
func retryFrom(r *awsapi.RetryStrategy) *batch.RetryStrategy {
	if r == nil {
		return nil
	}
	out := &batch.RetryStrategy{Attempts: value(r.Attempts)}
	for _, e := range r.EvaluateOnExit {
		out.EvaluateOnExit = append(out.EvaluateOnExit, batch.EvaluateOnExit{
			OnStatusReason: value(e.OnStatusReason),
			OnReason:       value(e.OnReason),
			OnExitCode:     value(e.OnExitCode),
			Action:         value(e.Action),
		})
	}
	return out
}

// retryDetail is a retry strategy as AWS Batch shows it, with its rules be they none.
func retryDetail(r *batch.RetryStrategy) *awsapi.RetryStrategy {
	if r == nil {
		return nil
	}
	out := &awsapi.RetryStrategy{Attempts: &r.Attempts, EvaluateOnExit: make([]awsapi.EvaluateOnExit, len(r.EvaluateOnExit))}
	for i, e := range r.EvaluateOnExit {
		out.EvaluateOnExit[i] = awsapi.EvaluateOnExit{
			OnStatusReason: given(e.OnStatusReason),
			OnReason:       given(e.OnReason),
			OnExitCode:     given(e.OnExitCode),
			Action:         given(e.Action),
		}
	}
	return out
}

// timeoutDetail shows a timeout; none is absent.
func timeoutDetail(d time.Duration) *awsapi.JobTimeout {
	if d == 0 {
		return nil
	}
	return &awsapi.JobTimeout{AttemptDurationSeconds: new(int(d / time.Second))}
}
