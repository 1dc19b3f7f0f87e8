// SPDX-License-Identifier: Apache-2.0

package joblog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// Stream is one log of a job: that of a container in an attempt.
type Stream struct {
	Name      string
	Container string
	HasRun    bool // the attempt came as far as to run its containers
}

// ErrNotStarted means that the attempt has no log yet, and may get one.
var ErrNotStarted = errors.New("has not started")

// Attempts is how many attempts a job has had, with the one under way.
func Attempts(job *awsapi.JobDetail) int {
	ended := len(job.Attempts) + len(job.EksAttempts)
	if isLive(job) {
		ended++
	}
	return ended
}

// isLive reports whether an attempt is under way whose log there is.
func isLive(job *awsapi.JobDetail) bool {
	switch batch.JobStatus(value(job.Status)) {
	case batch.StatusStarting, batch.StatusRunning:
		return true
	case batch.StatusSubmitted, batch.StatusPending, batch.StatusRunnable, batch.StatusSucceeded, batch.StatusFailed:
	}
	return false
}

// Streams are the logs of an attempt, by number from 1; 0 is the latest, negative ones count from it: -1 is the one before. Names of
// containers narrow them down.
func Streams(job *awsapi.JobDetail, attempt int, container string) ([]Stream, error) {
	all := Attempts(job)
	number := attempt
	if attempt <= 0 {
		number = all + attempt
	}
	if attempt == 0 && all == 0 {
		return nil, ErrNotStarted
	}
	if number < 1 || number > all {
		if all == 1 {
			return nil, fmt.Errorf("job %s has had one attempt", value(job.JobId))
		}
		return nil, fmt.Errorf("job %s has had %d attempts", value(job.JobId), all)
	}
	streams := streamsOf(job, number)
	for i := range streams {
		streams[i].HasRun = hasRun(job, number)
	}
	if container == "" {
		if len(streams) == 0 {
			return nil, ErrNotStarted
		}
		return streams, nil
	}
	var names []string
	for _, s := range streams {
		if s.Container == container {
			return []Stream{s}, nil
		}
		names = append(names, s.Container)
	}
	return nil, fmt.Errorf("container %q: the job has %s", container, strings.Join(names, ", "))
}

// hasRun reports whether an attempt came as far as to run.
func hasRun(job *awsapi.JobDetail, number int) bool {
	switch {
	case number <= len(job.EksAttempts):
		return value(job.EksAttempts[number-1].StartedAt) > 0
	case number <= len(job.Attempts):
		return value(job.Attempts[number-1].StartedAt) > 0
	}
	return value(job.Status) == string(batch.StatusRunning)
}

func streamsOf(job *awsapi.JobDetail, number int) []Stream {
	switch {
	case job.EksProperties != nil:
		return podStreams(job, number)
	case job.EcsProperties != nil:
		return taskStreams(job, number)
	}
	name := ""
	if number <= len(job.Attempts) {
		if c := job.Attempts[number-1].Container; c != nil {
			name = value(c.LogStreamName)
		}
	} else if job.Container != nil {
		name = value(job.Container.LogStreamName)
	}
	if name == "" {
		return nil
	}
	return []Stream{{Name: name, Container: "default"}}
}

// taskStreams are those of the containers of ecsProperties.
func taskStreams(job *awsapi.JobDetail, number int) (out []Stream) {
	if number <= len(job.Attempts) {
		for _, t := range job.Attempts[number-1].TaskProperties {
			for _, c := range t.Containers {
				if c.LogStreamName != nil {
					out = append(out, Stream{Name: *c.LogStreamName, Container: value(c.Name)})
				}
			}
		}
		return out
	}
	for _, t := range job.EcsProperties.TaskProperties {
		for _, c := range t.Containers {
			if c.LogStreamName != nil {
				out = append(out, Stream{Name: *c.LogStreamName, Container: value(c.Name)})
			}
		}
	}
	return out
}

// podStreams are those of the containers of eksProperties. AWS Batch has no names for them; Muster's are made of the pod's.
func podStreams(job *awsapi.JobDetail, number int) (out []Stream) {
	p := job.EksProperties.PodProperties
	if p == nil {
		return nil
	}
	pod := value(p.PodName)
	if number <= len(job.EksAttempts) {
		pod = value(job.EksAttempts[number-1].PodName)
	} else if value(job.Status) == string(batch.StatusStarting) {
		return nil // what is shown may be the attempt before
	}
	if pod == "" {
		return nil
	}
	definition := DefinitionName(value(job.JobDefinition))
	for _, list := range [][]awsapi.EksContainerDetail{p.InitContainers, p.Containers} {
		for _, c := range list {
			name := value(c.Name)
			if name == "" || name == "Default" {
				name = "default"
			}
			out = append(out, Stream{Name: batch.LogStream(definition, name, pod), Container: name})
		}
	}
	return out
}

// DefinitionName is the name in a job definition's ARN or name:revision.
func DefinitionName(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":job-definition/"); ok {
		arn = rest
	}
	name, _, _ := strings.Cut(arn, ":")
	return name
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
