// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// What becomes of a multi-node job that loses a node other than the main one is told by its tag batchmeta.GangOnMemberLoss.
// Without one it is as on AWS Batch: the node has failed, and the others go on.
//
//	restart  the attempt ends for that reason: all nodes are stopped, and the retry strategy decides
//	replace  the node is RUNNABLE again, with a pod of another name; when that gets no host in time, as restart

// lose applies the loss of another node while the job goes on; false when it is as any other end of a node.
func (ev Ended) lose(job batch.Job, n *batch.NodeAttempt, now time.Time) (batch.Job, []Effect, bool) {
	isUnderWay := job.Status == batch.StatusStarting || job.Status == batch.StatusRunning
	if !ev.Lost || !n.StoppedAt.IsZero() || !isUnderWay || job.Stop != nil || job.Current.StatusReason != "" || n.StatusReason != "" {
		return job, nil, false
	}
	switch job.Tags[batchmeta.GangOnMemberLoss] {
	case batchmeta.MemberLossRestart:
		done := ev.close(attemptOf(*n), nil, now)
		closeNode(n, done, batch.StatusFailed)
		return giveUp(job, ev.StatusReason), []Effect{ReleasePod, StopPod}, true
	case batchmeta.MemberLossReplace:
		*n = replacement(*n, now)
		return job, []Effect{ReleasePod}, true
	}
	return job, nil, false
}

// giveUp has all nodes stopped. The attempt ends with the main node's pod, for this reason.
func giveUp(job batch.Job, reason string) batch.Job {
	job.Current.StatusReason = reason
	noteMain(job.Current, job.MainNode, job.Status)
	return job
}

// replacement is a lost node that waits for a new host. It remembers the one that it lost until then.
func replacement(lost batch.NodeAttempt, now time.Time) batch.NodeAttempt {
	name := strings.TrimSuffix(lost.PodName, "-r"+strconv.Itoa(lost.Replaced))
	return batch.NodeAttempt{
		Status:     batch.StatusRunnable,
		PodName:    name + "-r" + strconv.Itoa(lost.Replaced+1),
		InstanceID: lost.InstanceID,
		Replaced:   lost.Replaced + 1,
		LostAt:     now,
		Past:       lost.Cost(now),
	}
}

// NotReplaced says that a lost node found no new host in time. The attempt ends as if the job were to be restarted.
type NotReplaced struct {
	Attempt int
	Node    int
}

func (ev NotReplaced) apply(job batch.Job, _ time.Time) (batch.Job, []Effect, error) {
	n := otherNode(job, ev.Attempt, ev.Node)
	if n == nil || !n.IsReplacing() || job.Stop != nil || job.Current.StatusReason != "" {
		return job, nil, nil
	}
	return giveUp(job, HostTerminated(n.InstanceID)), []Effect{StopPod}, nil
}
