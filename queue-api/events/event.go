// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Detail types of AWS Batch.
const (
	StateChange  = "Batch Job State Change"
	QueueBlocked = "Batch Job Queue Blocked"
)

// Event is one event as Amazon EventBridge delivers it.
type Event struct {
	Version    string           `json:"version"` // "0"
	ID         string           `json:"id"`      // the same each time that the same change is told
	DetailType string           `json:"detail-type"`
	Source     string           `json:"source"` // "aws.batch"
	Account    string           `json:"account"`
	Time       time.Time        `json:"time"`
	Region     string           `json:"region"`
	Resources  []string         `json:"resources"` // ARNs: the job and, if it blocks its queue, the queue
	Detail     awsapi.JobDetail `json:"detail"`
}

// Describer describes jobs.
type Describer interface {
	DescribeJobs(ctx context.Context, call batch.Call, in *awsapi.DescribeJobsRequest) (*awsapi.DescribeJobsResponse, error)
}

// Composer makes events of changes.
type Composer struct {
	Jobs  Describer
	Scope batch.Scope
}

// maxDescribed is how many jobs one call describes.
const maxDescribed = 100

// Compose makes the events of one queue's changes, in their order. An event shows its job as it is now, with the status and
// reason that the change gave it. A job that is forgotten already is shown with what the change tells.
func (c Composer) Compose(ctx context.Context, q batch.JobQueue, changes []batch.StatusChange) ([]Event, error) {
	details, err := c.describe(ctx, changes)
	if err != nil {
		return nil, err
	}
	out := make([]Event, len(changes))
	for i, change := range changes {
		detail, ok := details[change.JobID]
		if !ok {
			detail = awsapi.JobDetail{
				JobArn: new(c.Scope.ARN(batch.ARNJob, change.JobID)), JobId: new(change.JobID),
				JobQueue: new(c.Scope.ARN(batch.ARNJobQueue, q.Name)),
			}
		}
		out[i] = c.event(q, change, detail)
	}
	return out, nil
}

func (c Composer) describe(ctx context.Context, changes []batch.StatusChange) (map[string]awsapi.JobDetail, error) {
	details := map[string]awsapi.JobDetail{}
	var ids []string
	for i, change := range changes {
		if _, seen := details[change.JobID]; !seen {
			details[change.JobID] = awsapi.JobDetail{}
			ids = append(ids, change.JobID)
		}
		if len(ids) < maxDescribed && i < len(changes)-1 || len(ids) == 0 {
			continue
		}
		out, err := c.Jobs.DescribeJobs(ctx, batch.Call{Scope: c.Scope}, &awsapi.DescribeJobsRequest{Jobs: ids})
		if err != nil {
			return nil, fmt.Errorf("describe jobs of events: %w", err)
		}
		for _, id := range ids {
			delete(details, id)
		}
		for _, job := range out.Jobs {
			details[*job.JobId] = job
		}
		ids = nil
	}
	return details, nil
}

func (c Composer) event(q batch.JobQueue, change batch.StatusChange, detail awsapi.JobDetail) Event {
	jobARN := c.Scope.ARN(batch.ARNJob, change.JobID)
	detail.Status = new(string(change.To))
	detail.StatusReason = nil
	if change.Reason != "" {
		detail.StatusReason = &change.Reason
	}
	if !change.To.IsTerminal() {
		detail.StoppedAt = nil // it may have ended since
	}
	e := Event{
		Version: "0", ID: eventID(q.Number, change.Cursor), DetailType: StateChange, Source: "aws.batch", Account: c.Scope.Account,
		Time: change.At.UTC().Truncate(time.Second), Region: c.Scope.Region, Resources: []string{jobARN}, Detail: detail,
	}
	if isBlocked(change) {
		e.DetailType = QueueBlocked
		e.Resources = append(e.Resources, c.Scope.ARN(batch.ARNJobQueue, q.Name))
	}
	return e
}

// isBlocked reports whether the change is a job at the head of its queue that cannot start.
func isBlocked(change batch.StatusChange) bool {
	return change.From == batch.StatusRunnable && change.To == batch.StatusRunnable
}

// isTold reports whether the change is an event. A blocked job that is no longer blocked is not.
func isTold(change batch.StatusChange) bool { return !isBlocked(change) || change.Reason != "" }

// eventID is derived from the place in the outbox, so that a receiver knows an event that it got before.
func eventID(queue int, cursor string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("muster.sh/events/"+strconv.Itoa(queue)+"/"+cursor)).String()
}

func encode(e Event) ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return data, nil
}
