// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/muster-batch/muster/hack/faults/seeds"
	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
)

// TestHistoriesAreLinearizable records MUSTER_HISTORIES histories (20 unless told) of 2,000 calls from MUSTER_SEED on, each
// with connections that break, with leaders that do not know that they lead no longer, and one in four with a server that
// is killed.
func TestHistoriesAreLinearizable(t *testing.T) {
	began := time.Now()
	all := seeds.From(t, "MUSTER_HISTORIES", 20)
	s := startServer(t)
	var calls, lost, broken, stale int
	for _, n := range all {
		t.Run("seed "+strconv.FormatUint(n, 10), func(t *testing.T) {
			r := newRecorder(t, s, n)
			history := r.record(n%4 == 0)
			ok, culprits, err := Check(history)
			if !ok || err != nil {
				t.Errorf("not linearizable: %v; %s\n%s", err, seeds.Again("MUSTER_HISTORIES", n), tell(culprits))
			}
			calls, stale = calls+len(history), stale+r.stale
			for _, lostHere := range r.lost {
				lost += lostHere
			}
			for _, p := range r.replicas {
				broken += p.faults.count
			}
		})
	}
	t.Logf("%d histories of %d calls in all, %d of unknown outcome; %d connections broken, %d writes of former leaders refused, %d kills, in %v",
		len(all), calls, lost, broken, stale, s.kills, time.Since(began).Round(time.Second))
}

// tell writes calls in the order in which they began.
func tell(ops []porcupine.Operation) string {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range ops {
		b.WriteString(strconv.FormatInt(op.Call, 10) + "–" + strconv.FormatInt(op.Return, 10) + " " + Model().DescribeOperation(op.Input, op.Output) + "\n")
	}
	return b.String()
}

// forgetful is a control plane that answers some descriptions from memory.
type forgetful struct {
	*replica

	seen map[string]*awsapi.DescribeJobsResponse
}

func (f *forgetful) describe(ctx context.Context, id string) (*awsapi.DescribeJobsResponse, error) {
	if out := f.seen[id]; out != nil {
		return out, nil
	}
	out, err := f.DescribeJobs(ctx, caller, &awsapi.DescribeJobsRequest{Jobs: []string{id}})
	f.seen[id] = out
	return out, err
}

// TestPlantedViolationIsFound holds the whole of it to a control plane that is wrong: it shows a job as it was.
func TestPlantedViolationIsFound(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, startServer(t), 1)
	p := r.replicas[0]
	p.faults.share = 0
	f := &forgetful{replica: p, seen: map[string]*awsapi.DescribeJobsResponse{}}
	for _, kind := range []Kind{Submit, Describe, Cancel, Describe} {
		c := Call{Kind: kind, Reason: "r"}
		from := r.time.Add(1)
		reply, err := r.ask(p, c)
		if kind == Describe {
			out, err := f.describe(t.Context(), r.id(0))
			if err != nil {
				t.Fatal(err)
			}
			reply.View = View{Status: batch.JobStatus(*out.Jobs[0].Status)}
		}
		r.keep(porcupine.Operation{Input: c, Call: from, Output: reply, Return: r.time.Add(1)}, err)
	}
	if ok, culprits, err := Check(r.history); ok || err != nil || len(culprits) != 4 {
		t.Errorf("a stale description is found linearizable: %v, %v", ok, err)
	}
}
