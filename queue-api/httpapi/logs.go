// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/muster-batch/muster/queue-api/batch"
)

const (
	headerTarget = "X-Amz-Target"
	// logsTarget begins the header of the CloudWatch Logs API: its operations have one path.
	logsTarget = "Logs_20140328."
)

// logs routes operations of the CloudWatch Logs API by their target.
func (s *Server) logs(operations map[string]func() (any, func(context.Context, batch.Call) (any, error))) http.Handler {
	targets := make(map[string]http.Handler, len(operations))
	for name, begin := range operations {
		targets[logsTarget+name] = s.target(name, func(r *http.Request) (any, error) {
			in, do := begin()
			if err := decodeBody(r, maxBody, in); err != nil {
				return nil, err
			}
			call := s.call(r)
			return s.authorized(r.Context(), call, name, in, func() (any, error) { return do(r.Context(), call) })
		})
	}
	unknown := s.target("Unknown", func(r *http.Request) (any, error) {
		return nil, &batch.Error{
			Code:    codeUnknownOperation,
			Message: fmt.Sprintf("%.128q is not an operation of this server", r.Header.Get(headerTarget)),
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := targets[r.Header.Get(headerTarget)]; ok {
			h.ServeHTTP(w, r)
			return
		}
		unknown.ServeHTTP(w, r)
	})
}

// target is an endpoint of AWS's JSON protocol 1.1, which has the error's type in the body and no envelope around its text.
func (s *Server) target(name string, do func(*http.Request) (any, error)) http.Handler {
	return &endpoint{name: name, server: s, metrics: s.metrics.operation(name), do: do, isTarget: true}
}
