// SPDX-License-Identifier: Apache-2.0

package jobtrace

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// TraceID is the trace of a job or of an array's child, by its id.
func TraceID(job string) trace.TraceID {
	var id trace.TraceID
	if digits := strings.ReplaceAll(job, "-", ""); len(digits) == 2*len(id) {
		if _, err := hex.Decode(id[:], []byte(digits)); err == nil && id.IsValid() {
			return id
		}
	}
	sum := sha256.Sum256([]byte("muster/trace/" + job))
	return trace.TraceID(sum[:len(id)])
}

// RootID is the span of the whole job, AttemptID that of one attempt, from 1.
func RootID(job string) trace.SpanID { return spanID(job, "job") }

// AttemptID is the span of an attempt.
func AttemptID(job string, attempt int) trace.SpanID {
	return spanID(job, "attempt", strconv.Itoa(attempt))
}

// ChildID is a span below another one.
func ChildID(parent trace.SpanID, names ...string) trace.SpanID {
	return spanID(append([]string{parent.String()}, names...)...)
}

func spanID(parts ...string) trace.SpanID {
	sum := sha256.Sum256([]byte("muster/span/" + strings.Join(parts, "/")))
	id := trace.SpanID(sum[:8])
	if !id.IsValid() {
		id[0] = 1
	}
	return id
}
