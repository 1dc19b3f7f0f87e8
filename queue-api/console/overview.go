// SPDX-License-Identifier: Apache-2.0

package console

import "github.com/muster-batch/muster/queue-api/awsapi"

func loadOverview(r *Request) (*View, error) {
	var queues awsapi.DescribeJobQueuesResponse
	if err := r.API.Post(r.Context(), "/v1/describejobqueues", &awsapi.DescribeJobQueuesRequest{}, &queues); err != nil {
		return nil, err
	}
	names := []string{}
	for i := range queues.JobQueues {
		names = append(names, *queues.JobQueues[i].JobQueueName)
	}
	return &View{Title: "Overview", Data: names, Live: &Live{}}, nil
}
