// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// The sentences. Each says what is so at the moment, with numbers, and names no more than a few things.

// MaxUnmetShown bounds the dependencies that a sentence names.
const MaxUnmetShown = 3

// textOf is a supply in a sentence.
func textOf(s viewapi.Supply) string {
	out := s.Name + " any number of"
	if s.Free != nil {
		out = s.Name + " " + amount(*s.Free)
	}
	if s.Total != nil {
		out += " of " + amount(*s.Total)
	}
	if s.Unit != "" {
		out += " " + s.Unit
	}
	if s.State != "" {
		out += " (" + s.State + ")"
	}
	return out
}

func amount(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// whyWaiting is for a job that may be admitted.
func whyWaiting(job *batch.Job, at batch.Place, supplies []viewapi.Supply) string {
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
		b.WriteString([]string{"; free: ", ", "}[min(i, 1)] + textOf(s))
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
func vCPUs(milli int64) string { return amount(float64(milli) / 1000) }

// whyAdmitted is for a job whose pods exist and have no node. cluster is that which does not answer, if it does not.
func whyAdmitted(job *batch.Job, cluster string) string {
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
	if cluster != "" {
		what += "; cluster " + cluster + " does not answer"
	}
	return fmt.Sprintf("Admitted to compute environment %s%s; %s.", a.ComputeEnvironment, since, what)
}

// whyPending is for a job that waits for others. found has those of the unmet that are known; the first few are enough.
func whyPending(unmet []string, found map[string]*batch.Job) string {
	if len(unmet) == 0 {
		return ""
	}
	shown := make([]string, 0, MaxUnmetShown)
	for _, id := range unmet[:min(len(unmet), MaxUnmetShown)] {
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

// whyArray is for an array whose children have not all ended.
func whyArray(job *batch.Job) string {
	ended := job.Children[batch.StatusSucceeded] + job.Children[batch.StatusFailed]
	var parts []string
	for _, status := range batch.JobStatuses {
		if n := job.Children[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	out := fmt.Sprintf("%d of %d children have ended", ended, job.ArraySize)
	if len(parts) > 0 {
		out += ": " + strings.Join(parts, ", ")
	}
	return out + "."
}

// whyStopping is for a job that was told to stop and has not ended.
func whyStopping(stop *batch.Stop) string { return "It was told to stop: " + stop.Reason }

// whyPlaced is for a job that has a node.
func whyPlaced(job *batch.Job) string {
	a := job.Current
	if a == nil {
		return "It has a node."
	}
	on := "node " + a.NodeName
	if n := len(a.Nodes); n > 0 {
		on = fmt.Sprintf("%d nodes", n)
	}
	attempt := fmt.Sprintf("attempt %d of %d", job.CountedAttempts()+1, job.MaxAttempts())
	if job.Status == batch.StatusStarting {
		return fmt.Sprintf("Starts on %s, %s.", on, attempt)
	}
	return fmt.Sprintf("Runs on %s since %s, %s.", on, a.StartedAt.UTC().Format(time.RFC3339), attempt)
}

// lowerFirst joins a sentence to what stands before it.
func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
