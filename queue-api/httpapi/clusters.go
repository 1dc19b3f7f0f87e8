// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"

	"github.com/muster-batch/muster/queue-api/viewapi"
)

// Clusters shows what is in the clusters. What it returns is the caller's, to take out of it what is not to be seen. Who asks for
// what is not there gets a *batch.Error.
type Clusters interface {
	// Nodes shows the nodes of a compute environment, by its name or ARN, or of all where that is empty.
	Nodes(ctx context.Context, environment string) (*viewapi.Nodes, error)
	// Decisions shows what the autoscaler did and said lately.
	Decisions(ctx context.Context) (*viewapi.Decisions, error)
	// Gang shows the members of a multi-node job.
	Gang(ctx context.Context, job string) (*viewapi.Gang, error)
}

func (s *Server) nodes(clusters Clusters) http.Handler {
	return s.endpoint(OpListNodes, func(r *http.Request) (any, error) {
		environment := r.URL.Query().Get("computeEnvironment")
		return s.authorized(r.Context(), s.call(r), OpListNodes, environment, func() (any, error) { return clusters.Nodes(r.Context(), environment) })
	})
}

func (s *Server) decisions(clusters Clusters) http.Handler {
	return s.endpoint(OpListDecisions, func(r *http.Request) (any, error) {
		return s.authorized(r.Context(), s.call(r), OpListDecisions, nil, func() (any, error) { return clusters.Decisions(r.Context()) })
	})
}

func (s *Server) gang(clusters Clusters) http.Handler {
	return s.endpoint(OpDescribeGang, func(r *http.Request) (any, error) {
		job := r.PathValue("id")
		return s.authorized(r.Context(), s.call(r), OpDescribeGang, job, func() (any, error) { return clusters.Gang(r.Context(), job) })
	})
}
