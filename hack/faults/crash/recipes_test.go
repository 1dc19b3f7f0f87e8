// SPDX-License-Identifier: Apache-2.0

//go:build integration && crashpoints

package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/queue-api/batchmeta"
	"github.com/muster-batch/muster/queue-api/crashpoint"
)

// recipe has the program come to a point.
type recipe struct {
	// does is what is asked of the API besides the ordinary mix.
	does []func(*workload) error
	// alone: no ordinary mix goes with it.
	alone bool
	// flags are of the process that is to die and of the next one; with restarts the one that lives is ended before.
	flags    func(*world) []string
	restarts bool
	// down is done while no process runs, before one that restarts.
	down func(*world)
	// most is up to which hit of the point is died at; 1 if zero.
	most int
	// within is how long after all is over the program may come to the point yet; 1.5 s if zero.
	within time.Duration
	// until is what the program does at the point, or after a death the next one, if that can be seen; within is of no matter then.
	until func(*world) bool
	// forgets says that the jobs are forgotten in the end.
	forgets bool
}

// recipes are for the points to which the mix alone need not come.
var recipes = map[crashpoint.Point]recipe{
	"redis/submit":           {does: one((*workload).chain), most: 2},
	"redis/transition":       {does: one((*workload).retries), most: 8},
	"redis/child":            {does: one((*workload).arrayRetries), most: 6},
	"redis/settle":           {does: one((*workload).afterEnd)},
	"redis/unsettle":         {does: one((*workload).chain), most: 2},
	"redis/depend":           {does: one((*workload).pairwise)},
	"redis/forget-dependent": {does: one((*workload).chain)},
	"redis/take":             {does: one((*workload).licensed), most: 3},
	"redis/give-back":        {does: one((*workload).licensed), most: 3},
	"redis/retire":           {does: one((*workload).single), alone: true, restarts: true, flags: briefly, forgets: true},
	"redis/retire-children":  {does: one((*workload).arrays), alone: true, restarts: true, flags: briefly, forgets: true},

	"redis/compare-and-set":   {does: one((*workload).administers), most: 8},
	"redis/register":          {does: one((*workload).administers)},
	"redis/deregister":        {does: one((*workload).administers)},
	"redis/set-consumable":    {does: one((*workload).administers), most: 2},
	"redis/delete-consumable": {does: one((*workload).administers)},
	"redis/number-queue":      {does: one((*workload).administers)},
	"redis/change-view":       {does: one((*workload).administers), most: 3},
	"redis/close-queue":       {does: one((*workload).administers)},
	"redis/delete-queue":      {does: one((*workload).administers)},
	"redis/forget-queue":      {does: one((*workload).administers)},
	"redis/forget-deleted":    {does: one((*workload).administers)},

	"redis/lead":         {restarts: true},
	"redis/seal":         {restarts: true, down: loseSeal, until: isSealed},
	"redis/pulse":        {does: one((*workload).chain), within: 4 * time.Second},
	"redis/claim":        {restarts: true, most: 3},
	"redis/save-ledger":  {does: one((*workload).lastsShared)},
	"redis/forget-share": {does: one((*workload).lastsShared), restarts: true, down: ageShares},
	"redis/set-cursor":   {does: one((*workload).single), restarts: true, flags: toWebhooks},

	"redis/audit": {does: one((*workload).single), restarts: true, down: breakIndexes, until: isMended},
	"redis/mend":  {does: one((*workload).single), restarts: true, down: breakIndexes, until: isMended},

	"pods/create":           {does: one((*workload).gang), most: 3},
	"pods/stop":             {does: one((*workload).terminates)},
	"pods/release":          {does: one((*workload).single), most: 2},
	"pods/nudge":            {does: one((*workload).gang)},
	"pods/withdraw":         {does: one((*workload).findsNoCapacity)},
	"pods/withdraw-unbound": {does: one((*workload).losesEnvironment)},
	"pods/stop-within":      {does: one((*workload).losesNode), alone: true},
	"configmaps/announce":   {does: one((*workload).gang)},
}

func one(f func(*workload) error) []func(*workload) error { return []func(*workload) error{f} }

// briefly has jobs forgotten as soon as can be.
func briefly(*world) []string { return []string{"--job-retention=1s"} }

// toWebhooks has a receiver told of the events.
func toWebhooks(w *world) []string {
	return []string{"--webhooks-file=" + filepath.Join(w.dir, "webhooks")}
}

// ageShares lets an hour go by for the ledger of shares.
func ageShares(w *world) {
	ctx := w.t.Context()
	keys, err := w.redis.Keys(ctx, "*share-ledger").Result()
	if err != nil {
		w.t.Error(err)
	}
	for _, key := range keys {
		var ledger map[string]any
		text, err := w.redis.Get(ctx, key).Bytes()
		if err == nil {
			err = json.Unmarshal(text, &ledger)
		}
		if err == nil {
			ago := time.Now().Add(-time.Hour).Format(time.RFC3339)
			ledger["at"] = ago
			for _, share := range ledger["shares"].(map[string]any) {
				share.(map[string]any)["busy"] = ago
			}
			text, _ = json.Marshal(ledger)
			err = w.redis.Set(ctx, key, text, 0).Err()
		}
		if err != nil {
			w.t.Error(err)
		}
	}
}

// breakIndexes takes away what the checker puts back: a resource from the list of them, and ended jobs from those.
func breakIndexes(w *world) {
	ctx := w.t.Context()
	err := w.redis.SRem(ctx, "muster:{global}:consumables", licence).Err()
	keys, keysErr := w.redis.Keys(ctx, "*:ended").Result()
	err = errors.Join(err, keysErr)
	for _, key := range keys {
		err = errors.Join(err, w.redis.ZRemRangeByRank(ctx, key, 0, 2).Err())
	}
	if err != nil {
		w.t.Error(err)
	}
}

func isMended(w *world) bool {
	found, err := w.redis.SIsMember(w.t.Context(), "muster:{global}:consumables", licence).Result()
	return err == nil && found
}

// loseSeal takes the secret away that a leader makes.
func loseSeal(w *world) {
	if err := w.redis.Del(w.t.Context(), "muster:{global}:seal").Err(); err != nil {
		w.t.Error(err)
	}
}

func isSealed(w *world) bool {
	n, err := w.redis.Exists(w.t.Context(), "muster:{global}:seal").Result()
	return err == nil && n == 1
}

// lastsShared runs a job of a share for so long that its use is written down.
func (l *workload) lastsShared() error {
	in := of(definitionHolds)
	in.JobQueue, in.ShareIdentifier = aws.String(queueShared), aws.String("c")
	id, err := l.submit(in, fails, -1)
	if err != nil {
		return err
	}
	saved := l.await("the ledger of shares has it", func() bool {
		keys, err := l.redis.Keys(l.ctx, "*share-ledger").Result()
		if err != nil || len(keys) == 0 {
			return false
		}
		text, err := l.redis.Get(l.ctx, keys[0]).Result()
		return err == nil && strings.Contains(text, `"c"`) && l.statusOf(id) == types.JobStatusRunning
	})
	if !saved {
		return errPatience
	}
	_, err = l.api.TerminateJob(l.ctx, &sdk.TerminateJobInput{JobId: &id, Reason: aws.String("no more")})
	return err
}

// tolerant does not mind that an earlier try of a call that a crash cut short had done it.
func tolerant(err error) error {
	if err != nil && strings.Contains(err.Error(), "ClientException") {
		return nil
	}
	return err
}

// administers makes, changes and deletes one of everything.
func (l *workload) administers() error {
	name := fmt.Sprintf("x-%d", l.serial)
	_, err := l.api.RegisterJobDefinition(l.ctx, &sdk.RegisterJobDefinitionInput{
		JobDefinitionName: &name, Type: types.JobDefinitionTypeContainer, EksProperties: &types.EksProperties{PodProperties: podOf()},
	})
	if err != nil {
		return err
	}
	_, err = l.api.CreateJobQueue(l.ctx, &sdk.CreateJobQueueInput{
		JobQueueName: &name, Priority: aws.Int32(1),
		ComputeEnvironmentOrder: []types.ComputeEnvironmentOrder{{Order: aws.Int32(1), ComputeEnvironment: aws.String(environmentMain)}},
	})
	if tolerant(err) != nil {
		return err
	}
	_, err = l.api.CreateConsumableResource(l.ctx, &sdk.CreateConsumableResourceInput{ConsumableResourceName: &name, TotalQuantity: aws.Int64(1)})
	if tolerant(err) != nil {
		return err
	}
	_, err = l.api.UpdateConsumableResource(l.ctx, &sdk.UpdateConsumableResourceInput{
		ConsumableResource: &name, Operation: aws.String("ADD"), Quantity: aws.Int64(2),
	})
	if tolerant(err) != nil {
		return err
	}
	return l.deletes(name)
}

// deletes takes away what administers made, and waits until it is gone.
func (l *workload) deletes(name string) error {
	if _, err := l.api.DeleteConsumableResource(l.ctx, &sdk.DeleteConsumableResourceInput{ConsumableResource: &name}); tolerant(err) != nil {
		return err
	}
	definition := name + ":1"
	if _, err := l.api.DeregisterJobDefinition(l.ctx, &sdk.DeregisterJobDefinitionInput{JobDefinition: &definition}); tolerant(err) != nil {
		return err
	}
	if _, err := l.api.UpdateJobQueue(l.ctx, &sdk.UpdateJobQueueInput{JobQueue: &name, State: types.JQStateDisabled}); err != nil {
		return err
	}
	if _, err := l.api.DeleteJobQueue(l.ctx, &sdk.DeleteJobQueueInput{JobQueue: &name}); tolerant(err) != nil {
		return err
	}
	gone := l.await("a queue is deleted and forgotten", func() bool {
		out, err := l.api.DescribeJobQueues(l.ctx, &sdk.DescribeJobQueuesInput{JobQueues: []string{name}})
		left, redisErr := l.redis.Exists(l.ctx, "muster:{global}:deleted-queues").Result()
		return err == nil && redisErr == nil && len(out.JobQueues) == 0 && left == 0
	})
	if !gone {
		return errPatience
	}
	return nil
}

// findsNoCapacity has the autoscaler's word that there is none for a job in the environment dry: it goes to the next one.
func (l *workload) findsNoCapacity() error {
	l.dry.Store(true)
	defer l.dry.Store(false)
	in := of(definitionOK)
	in.JobQueue = aws.String(environmentDry)
	id, err := l.submit(in, succeeds, 1)
	if err != nil {
		return err
	}
	var told time.Time
	moved := l.await("a job goes where there is capacity", func() bool {
		for _, pod := range l.kubelets.podsOf(l.name) {
			if pod.Labels[batchmeta.JobID] != id || !l.isDry(pod) || time.Since(told) < time.Second { // it says so again and again
				continue
			}
			told = time.Now()
			_, err := l.kubelets.client.CoreV1().Events(l.name).Create(l.ctx, &corev1.Event{
				ObjectMeta:     metav1.ObjectMeta{GenerateName: "crash-", Namespace: l.name},
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: l.name, Name: pod.Name, UID: pod.UID},
				Reason:         batchmeta.ReasonScaleUpFailed, Message: "no capacity", Type: corev1.EventTypeWarning,
			}, metav1.CreateOptions{})
			if err != nil {
				l.t.Error(err)
			}
		}
		status := l.statusOf(id)
		return status == types.JobStatusSucceeded
	})
	if !moved {
		return errPatience
	}
	return nil
}

// losesEnvironment disables the environment in which a job waits for a node: it goes to the next one.
func (l *workload) losesEnvironment() error {
	l.dry.Store(true)
	defer l.dry.Store(false)
	in := of(definitionOK)
	in.JobQueue = aws.String(environmentDry)
	id, err := l.submit(in, succeeds, 1)
	if err != nil {
		return err
	}
	l.await("its pod is there", func() bool {
		for _, pod := range l.kubelets.podsOf(l.name) {
			if pod.Labels[batchmeta.JobID] == id {
				return true
			}
		}
		return false
	})
	err = l.setState(environmentDry, types.CEStateDisabled)
	if err == nil && !l.await("a job goes where it may run", func() bool { return l.statusOf(id) == types.JobStatusSucceeded }) {
		err = errPatience
	}
	return errors.Join(err, l.setState(environmentDry, types.CEStateEnabled))
}

func (l *workload) setState(environment string, state types.CEState) error {
	_, err := l.api.UpdateComputeEnvironment(l.ctx, &sdk.UpdateComputeEnvironmentInput{ComputeEnvironment: &environment, State: state})
	return tolerant(err)
}

// losesNode has the node end on which a job runs, which does not count against the job.
func (l *workload) losesNode() error {
	id, err := l.submit(retried(of(definitionHolds), 2), fails, -1)
	if err != nil {
		return err
	}
	if !l.await("a job runs", func() bool { return l.statusOf(id) == types.JobStatusRunning }) {
		return errPatience
	}
	l.loseNode()
	again := l.await("it runs again", func() bool {
		out, err := l.api.DescribeJobs(l.ctx, &sdk.DescribeJobsInput{Jobs: []string{id}})
		return err == nil && len(out.Jobs) == 1 && attemptsOf(&out.Jobs[0]) > 0 && out.Jobs[0].Status == types.JobStatusRunning
	})
	if !again {
		return errPatience
	}
	_, err = l.api.TerminateJob(l.ctx, &sdk.TerminateJobInput{JobId: &id, Reason: aws.String("no more")})
	return err
}
