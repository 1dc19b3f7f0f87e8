// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Why a job does not run, in one sentence with numbers. The codes of AWS Batch for the head of a queue are the dispatcher's
// and stored; these sentences are made when a job without a stored reason is described, and say what is so at that moment.

// maxUnmetShown bounds the dependencies that a sentence names.
const maxUnmetShown = 3

// A supply is something of which there is only so much, and what nobody holds of it.
type supply struct {
	name      string
	unit      string // with a leading space; empty for consumable resources
	free, all string // all is empty where there is no limit
	state     string // why nothing of it can be had; may be empty
}

func (s supply) String() string {
	out := s.name + " " + s.free
	if s.all != "" {
		out += " of " + s.all
	}
	out += s.unit
	if s.state != "" {
		out += " (" + s.state + ")"
	}
	return out
}

// whyWaiting is for a job that may be admitted.
func whyWaiting(job *batch.Job, at batch.Place, supplies []supply) string {
	var b strings.Builder
	if at.Of > 0 {
		fmt.Fprintf(&b, "Number %d of %d waiting in ", at.Ahead+1, at.Of)
	} else {
		b.WriteString("Waiting in ")
	}
	if job.ShareIdentifier != "" {
		fmt.Fprintf(&b, "share %s of ", job.ShareIdentifier)
	}
	fmt.Fprintf(&b, "job queue %s; needs %s", job.Queue, needs(job))
	for i, s := range supplies {
		b.WriteString([]string{"; free: ", ", "}[min(i, 1)] + s.String())
	}
	return b.String() + "."
}

// needs is what one attempt takes.
func needs(job *batch.Job) string {
	var parts []string
	if job.IsMultiNode() {
		parts = append(parts, strconv.Itoa(job.NumNodes)+" nodes with together")
	}
	r := job.Requests
	amounts := []string{vCPUs(r.MilliVCPU) + " vCPU", strconv.FormatInt(r.MemoryMiB, 10) + " MiB"}
	if r.GPU > 0 {
		amounts = append(amounts, strconv.FormatInt(r.GPU, 10)+" GPU")
	}
	for _, c := range job.Consumables {
		amounts = append(amounts, fmt.Sprintf("%d of %s", c.Quantity, c.Name))
	}
	return strings.Join(append(parts, strings.Join(amounts, ", ")), " ")
}

// vCPUs shows thousandths of a vCPU.
func vCPUs(milli int64) string { return strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64) }

// whyAdmitted is for a job whose pods exist and have no node.
func whyAdmitted(job *batch.Job) string {
	a := job.Current
	since := ""
	if !a.AdmittedAt.IsZero() {
		since = " since " + a.AdmittedAt.UTC().Format(time.RFC3339)
	}
	what := "pod " + a.PodName + " waits for a node"
	if n := len(a.Nodes); n > 0 {
		waiting := 0
		for i := range a.Nodes {
			if a.Nodes[i].NodeName == "" {
				waiting++
			}
		}
		what = fmt.Sprintf("%d of %d pods wait for a node", waiting, n)
	}
	return fmt.Sprintf("Admitted to compute environment %s%s; %s.", a.ComputeEnvironment, since, what)
}

// whyPending is for a job that waits for others. found has those of the unmet that are known; the first few are enough.
func whyPending(unmet []string, found map[string]*batch.Job) string {
	if len(unmet) == 0 {
		return ""
	}
	shown := make([]string, 0, maxUnmetShown)
	for _, id := range unmet[:min(len(unmet), maxUnmetShown)] {
		state := "not found"
		if on, ok := found[id]; ok {
			state = string(on.Status)
		}
		shown = append(shown, id+" ("+state+")")
	}
	noun := "jobs"
	if len(unmet) == 1 {
		noun = "job"
	}
	out := fmt.Sprintf("Waiting for %d %s: %s", len(unmet), noun, strings.Join(shown, ", "))
	if more := len(unmet) - len(shown); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out + "."
}
