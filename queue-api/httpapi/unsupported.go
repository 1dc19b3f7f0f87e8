// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// unsupported answers an operation that this server does not have. The request is not looked at.
func (s *Server) unsupported(name string) http.Handler {
	return s.endpoint(name, func(*http.Request) (any, error) {
		return nil, batch.Invalidf("%s is not supported by this server", name)
	})
}

func noServiceEnvironments(
	context.Context, batch.Call, *awsapi.DescribeServiceEnvironmentsRequest,
) (*awsapi.DescribeServiceEnvironmentsResponse, error) {
	return &awsapi.DescribeServiceEnvironmentsResponse{ServiceEnvironments: []awsapi.ServiceEnvironmentDetail{}}, nil
}

func noServiceJobs(
	context.Context, batch.Call, *awsapi.ListServiceJobsRequest,
) (*awsapi.ListServiceJobsResponse, error) {
	return &awsapi.ListServiceJobsResponse{JobSummaryList: []awsapi.ServiceJobSummary{}}, nil
}

func noQuotaShares(
	context.Context, batch.Call, *awsapi.ListQuotaSharesRequest,
) (*awsapi.ListQuotaSharesResponse, error) {
	return &awsapi.ListQuotaSharesResponse{QuotaShares: []awsapi.QuotaShareDetail{}}, nil
}
