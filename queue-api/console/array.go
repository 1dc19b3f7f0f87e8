// SPDX-License-Identifier: Apache-2.0

package console

import (
	"html/template"
	"net/http"
	"strconv"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/console/chart"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// arrayView is the children of an array.
type arrayView struct {
	ID     string
	Size   int
	Grid   template.HTML
	Shown  int // children in the grid
	Counts []countTile
	// Failed are the first children that failed, and Unended the first that have not ended.
	Failed, Unended []childLink
}

type childLink struct {
	Index  int
	Path   string
	Status string
}

// Last is the index of the last child.
func (v *arrayView) Last() int { return v.Size - 1 }

const (
	// maxCells is how many children a grid shows: the most that an array of AWS Batch has.
	maxCells = 10_000
	// maxChildLinks is how many children are listed of a kind.
	maxChildLinks = 50
	gridColumns   = 100
)

func (r *Request) array(id string) (*arrayView, error) {
	var array viewapi.Array
	if err := r.API.Get(r.Context(), viewapi.PathArray(id), &array); err != nil {
		return nil, err
	}
	v := &arrayView{ID: id, Size: array.Size, Shown: min(array.Size, maxCells)}
	var counts [len(batch.JobStatuses)]int64
	states := make([]uint8, 0, len(array.Statuses))
	for i, letter := range []byte(array.Statuses) {
		state := stateOf(letter)
		states = append(states, state)
		if int(state) >= len(counts) {
			continue
		}
		counts[state]++
		v.list(i, batch.JobStatuses[state])
	}
	parts := []chart.Part{}
	for i, status := range batch.JobStatuses {
		parts = append(parts, chart.Part{Label: string(status), Class: string(status)})
		if counts[i] > 0 {
			v.Counts = append(v.Counts, countTile{Label: string(status), Count: counts[i]})
		}
	}
	v.Grid = chart.Grid("Children of the array", chart.Cells{States: parts, Of: states[:min(len(states), maxCells)], Columns: min(gridColumns, max(10, v.Size))})
	return v, nil
}

// stateOf is the place of a letter's status in the order of a job's life; none for what is no letter.
func stateOf(letter byte) uint8 {
	for i := range len(viewapi.StatusLetters) {
		if viewapi.StatusLetters[i] == letter {
			return uint8(i) //nolint:gosec // there are seven
		}
	}
	return 255
}

// list keeps the children that somebody may look for.
func (v *arrayView) list(index int, status batch.JobStatus) {
	link := childLink{index, jobPath(batch.ChildID(v.ID, index)), string(status)}
	switch {
	case status == batch.StatusFailed && len(v.Failed) < maxChildLinks:
		v.Failed = append(v.Failed, link)
	case !status.IsTerminal() && len(v.Unended) < maxChildLinks:
		v.Unended = append(v.Unended, link)
	}
}

// toChild leads to a child by its index, for those who cannot point at it.
func toChild(r *Request) (*View, error) {
	index, err := strconv.Atoi(r.URL.Query().Get("index"))
	if err != nil || index < 0 {
		return nil, &ProblemError{Status: http.StatusBadRequest, Message: "index: must be a number from 0 on"}
	}
	return &View{Elsewhere: jobPath(batch.ChildID(r.PathValue("id"), index))}, nil
}
