// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/muster-batch/muster/queue-api/batch"
)

// Kind is what a call is.
type Kind string

// The calls. Advance is the leader's: it takes the job one step on its way, and to its end from RUNNING.
const (
	Submit    Kind = "submit"
	Describe  Kind = "describe"
	Cancel    Kind = "cancel"
	Terminate Kind = "terminate"
	Advance   Kind = "advance"
)

// Call is one call for one job.
type Call struct {
	Job      int
	Kind     Kind
	Reason   string // of Cancel and Terminate
	Succeeds bool   // how an Advance from RUNNING ends the attempt
}

// View is what can be seen of a job. The zero value is a job that there is not.
type View struct {
	Status     batch.JobStatus
	Cancelled  bool
	Terminated bool
	Reason     string // once the job is FAILED
}

// Reply is what the caller learned.
type Reply struct {
	Unknown bool // whether the call was carried out
	View    View // of Describe
}

// state is a job as the model has it: what can be seen, and what cannot.
type state struct {
	View

	admitted bool
	stop     string // the reason with which a job that runs will fail
}

// Model is the Batch API as one job's callers know it.
func Model() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byJob := map[int][]porcupine.Operation{}
			for _, op := range history {
				job := op.Input.(Call).Job
				byJob[job] = append(byJob[job], op)
			}
			var out [][]porcupine.Operation
			for _, ops := range byJob {
				out = append(out, ops)
			}
			return out
		},
		Init: func() any { return state{} },
		Step: func(s, in, out any) (bool, any) { return step(s.(state), in.(Call), out.(Reply)) },
		DescribeOperation: func(in, out any) string {
			return fmt.Sprintf("%+v → %+v", in, out)
		},
		DescribeState: func(s any) string { return fmt.Sprintf("%+v", s) },
	}
}

// step says whether a reply can be, and what the job is then.
func step(s state, c Call, r Reply) (bool, any) {
	if c.Kind == Describe {
		return r.Unknown || r.View == s.View, s
	}
	return true, s.after(c)
}

func (s state) after(c Call) state {
	switch {
	case c.Kind == Submit && s.Status == "":
		s.Status = batch.StatusRunnable
	case s.Status == batch.StatusRunnable && (c.Kind == Cancel || c.Kind == Terminate):
		return state{View: View{batch.StatusFailed, c.Kind == Cancel, c.Kind == Terminate, c.Reason}}
	case (s.Status == batch.StatusStarting || s.Status == batch.StatusRunning) && c.Kind == Terminate && !s.Terminated:
		s.Terminated, s.stop = true, c.Reason
	case c.Kind == Advance:
		return s.advanced(c.Succeeds)
	}
	return s
}

// ReasonEnded is the reason of a job that failed by itself.
const ReasonEnded = "Essential container in task exited"

func (s state) advanced(succeeds bool) state {
	switch {
	case s.Status == batch.StatusRunnable && !s.admitted:
		s.admitted = true
	case s.Status == batch.StatusRunnable:
		s.Status = batch.StatusStarting
	case s.Status == batch.StatusStarting:
		s.Status = batch.StatusRunning
	case s.Status == batch.StatusRunning && s.Terminated:
		s.Status, s.Reason = batch.StatusFailed, s.stop
	case s.Status == batch.StatusRunning && succeeds:
		s.Status = batch.StatusSucceeded
	case s.Status == batch.StatusRunning:
		s.Status, s.Reason = batch.StatusFailed, ReasonEnded
	}
	return s
}

// patience bounds the search for an order; a history that takes longer is not one that tests should record.
const patience = time.Minute

// Check tells whether a history is linearizable, and if it is not, the calls of one job that are not. It fails with an error if
// it could not tell in time.
func Check(history []porcupine.Operation) (ok bool, culprits []porcupine.Operation, err error) {
	model := Model()
	for _, ops := range model.Partition(history) {
		switch porcupine.CheckOperationsTimeout(model, ops, patience) {
		case porcupine.Ok:
		case porcupine.Illegal:
			return false, ops, nil
		case porcupine.Unknown:
			return false, ops, fmt.Errorf("no answer within %v for the %d calls of job %d", patience, len(ops), ops[0].Input.(Call).Job)
		}
	}
	return true, nil, nil
}
