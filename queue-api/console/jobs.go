// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-batch/muster/queue-api/awsapi"
	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

const (
	// jobsPage is how many jobs a page has. AWS Batch: at most 100 with a filter.
	jobsPage = 100
	// maxLinked bounds the token of the next page in a link: a browser's request must fit its headers.
	maxLinked = 9 << 10
)

// jobsView is the page of jobs. The URL's query is all of its state.
type jobsView struct {
	Query  jobsQuery
	Queues []string
	Tiles  []countTile
	Groups []jobGroup
	// Looked is how many jobs were looked at, Shown how many of them are shown.
	Looked, Shown int
	Next          string // link to the next page; empty at the end
	TooFar        bool   // there is a next page that no link can have
	First         string // link to the first page; empty there
	Columns       []column
	Commands      []command
	Statuses      []string
}

// jobsQuery is what the URL says.
type jobsQuery struct {
	Queue, Status, Name, Definition, Share, After string
	Group, Sort, Order, Next                      string
}

// column is a heading that sorts.
type column struct {
	Label, Path, Sorted string // Sorted is ascending, descending or empty
}

// jobGroup is the jobs of a page that have something in common; one without a name is all of them.
type jobGroup struct {
	Name   string
	Counts []countTile
	Jobs   []jobRow
}

// jobRow is one job of a list.
type jobRow struct {
	ID, Name, Status, Reason, Definition, Share string
	Created, Started, Stopped                   int64
	Ran                                         int64 // seconds; -1 if it did not run
	Array                                       string
	Nodes                                       int
	Ended                                       bool
}

func readJobsQuery(q url.Values) jobsQuery {
	one := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	return jobsQuery{
		Queue: one("queue"), Status: one("status"), Name: one("name"), Definition: one("definition"), Share: one("share"), After: one("after"),
		Group: one("group"), Sort: one("sort"), Order: one("order"), Next: one("next"),
	}
}

// path is the page with some members of the query set anew, in pairs of name and value.
func (q jobsQuery) path(pairs ...string) string {
	values := url.Values{}
	all := []string{
		"queue", q.Queue, "status", q.Status, "name", q.Name, "definition", q.Definition, "share", q.Share, "after", q.After,
		"group", q.Group, "sort", q.Sort, "order", q.Order, "next", q.Next,
	}
	all = append(all, pairs...)
	for i := 0; i+1 < len(all); i += 2 {
		values.Del(all[i])
		if all[i+1] != "" {
			values.Set(all[i], all[i+1])
		}
	}
	if len(values) == 0 {
		return Root + "jobs"
	}
	return Root + "jobs?" + values.Encode()
}

// Filters reports whether the query leaves out any of the queue's jobs.
func (q jobsQuery) Filters() bool {
	return cmp.Or(q.Status, q.Name, q.Definition, q.Share, q.After, q.Next) != ""
}

func loadJobs(r *Request) (*View, error) {
	q := readJobsQuery(r.URL.Query())
	s, err := r.summary()
	if err != nil {
		return nil, err
	}
	v := &jobsView{Query: q, Queues: queueNames(s)}
	for _, status := range batch.JobStatuses {
		v.Statuses = append(v.Statuses, string(status))
	}
	if v.Query.Queue == "" && len(v.Queues) > 0 {
		v.Query.Queue = v.Queues[0]
	}
	if v.Query.Queue == "" {
		return &View{Title: "Jobs", Data: v}, nil
	}
	if i := slices.IndexFunc(s.Queues, func(one viewapi.QueueSummary) bool { return one.JobQueue == v.Query.Queue }); i >= 0 {
		v.Tiles = v.statusTiles(s.Queues[i].Counts)
	}
	if err := v.list(r); err != nil {
		return nil, err
	}
	return &View{Title: "Jobs", Data: v, Live: &Live{Queues: []string{v.Query.Queue}, Every: time.Minute}}, nil
}

func queueNames(s *viewapi.Summary) []string {
	names := []string{}
	for i := range s.Queues {
		names = append(names, s.Queues[i].JobQueue)
	}
	slices.Sort(names)
	return names
}

func (v *jobsView) statusTiles(counts map[string]int64) (list []countTile) {
	for _, t := range tiles(&viewapi.Totals{Counts: counts}) {
		t.Path = v.Query.path("status", t.Label, "next", "")
		list = append(list, t)
	}
	return list
}

// list asks for one page of jobs. The API takes one filter; the others are held against what it gives.
func (v *jobsView) list(r *Request) error {
	in, err := v.Query.request()
	if err != nil {
		return err
	}
	var out awsapi.ListJobsResponse
	if err := r.API.Post(r.Context(), "/v1/listjobs", in, &out); err != nil {
		return err
	}
	rows := []jobRow{}
	now := r.Now().UnixMilli()
	for i := range out.JobSummaryList {
		if row := newJobRow(&out.JobSummaryList[i], now); v.Query.matches(&row) {
			rows = append(rows, row)
		}
	}
	v.Looked, v.Shown = len(out.JobSummaryList), len(rows)
	sortRows(rows, v.Query.Sort, v.Query.Order)
	v.Groups, v.Columns = group(rows, v.Query.Group), v.columns()
	if next := value(out.NextToken); len(next) > maxLinked {
		v.TooFar = true
	} else if next != "" {
		v.Next = v.Query.path("next", next)
	}
	if v.Query.Next != "" {
		v.First = v.Query.path("next", "")
	}
	v.Commands = v.listCommands(r, in)
	return nil
}

// request is what the API is asked.
func (q *jobsQuery) request() (*awsapi.ListJobsRequest, error) {
	in := &awsapi.ListJobsRequest{JobQueue: &q.Queue, MaxResults: new(jobsPage)}
	filter := func(name, value string) { in.Filters = []awsapi.KeyValuesPair{{Name: &name, Values: []string{value}}} }
	switch {
	case q.Name != "":
		filter("JOB_NAME", q.Name)
	case q.Definition != "":
		filter("JOB_DEFINITION", q.Definition)
	case q.Share != "":
		filter("SHARE_IDENTIFIER", q.Share)
	case q.After != "":
		millis, err := q.after()
		if err != nil {
			return nil, err
		}
		filter("AFTER_CREATED_AT", strconv.FormatInt(millis, 10))
	case q.Status == "":
		filter("JOB_NAME", "*") // of every status, latest first
	}
	if q.Status != "" {
		in.JobStatus = &q.Status
	}
	if q.Next != "" {
		in.NextToken = &q.Next
	}
	return in, nil
}

// after is the time of a form's field, which has no zone and means UTC.
func (q *jobsQuery) after() (int64, error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, q.After); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, &ProblemError{Status: http.StatusBadRequest, Message: "after: must be a time such as 2026-01-31T12:00"}
}

// matches holds a job against what the API was not asked.
func (q *jobsQuery) matches(row *jobRow) bool {
	if q.Status != "" && row.Status != q.Status {
		return false
	}
	if q.Share != "" && row.Share != q.Share {
		return false
	}
	if q.Definition != "" {
		name, _, _ := strings.Cut(row.Definition, ":")
		prefix, isPrefix := strings.CutSuffix(q.Definition, "*")
		if row.Definition != q.Definition && name != q.Definition && (!isPrefix || !strings.HasPrefix(name, prefix)) && !strings.HasPrefix(q.Definition, "arn:") {
			return false
		}
	}
	if millis, err := q.after(); err == nil && row.Created <= millis {
		return false
	}
	return true
}

func newJobRow(j *awsapi.JobSummary, now int64) jobRow {
	row := jobRow{
		ID: value(j.JobId), Name: value(j.JobName), Status: value(j.Status), Reason: value(j.StatusReason), Share: value(j.ShareIdentifier),
		Created: deref(j.CreatedAt), Started: deref(j.StartedAt), Stopped: deref(j.StoppedAt), Ran: -1,
	}
	row.Definition, _ = batch.NameFromARN(batch.ARNJobDefinition, value(j.JobDefinition))
	row.Ended = batch.JobStatus(row.Status).IsTerminal()
	if end := cmp.Or(row.Stopped, now); row.Started > 0 {
		row.Ran = max(0, (end-row.Started)/1000)
	}
	if a := j.ArrayProperties; a != nil && a.Index == nil && deref(a.Size) > 0 {
		row.Array = arraySummary(deref(a.Size), a.StatusSummary)
	}
	if n := j.NodeProperties; n != nil {
		row.Nodes = deref(n.NumNodes)
	}
	return row
}

// arraySummary says how many children of an array are where.
func arraySummary(size int, counts map[string]int) string {
	parts := []string{}
	for _, status := range slices.Backward(batch.JobStatuses[:]) {
		if n := counts[string(status)]; n > 0 {
			parts = append(parts, number(int64(n))+" "+strings.ToLower(string(status)))
		}
	}
	return "array of " + number(int64(size)) + ": " + cmp.Or(strings.Join(parts, ", "), "none yet")
}

// sorts are the orders of a page's rows, by the name in its URL. The API's own is by time, latest first.
var sorts = map[string]func(a, b *jobRow) int{
	"name":       func(a, b *jobRow) int { return strings.Compare(a.Name, b.Name) },
	"status":     func(a, b *jobRow) int { return cmp.Compare(lifeOrder(a.Status), lifeOrder(b.Status)) },
	"definition": func(a, b *jobRow) int { return strings.Compare(a.Definition, b.Definition) },
	"share":      func(a, b *jobRow) int { return strings.Compare(a.Share, b.Share) },
	"created":    func(a, b *jobRow) int { return cmp.Compare(a.Created, b.Created) },
	"ran":        func(a, b *jobRow) int { return cmp.Compare(a.Ran, b.Ran) },
}

func lifeOrder(status string) int { return slices.Index(batch.JobStatuses[:], batch.JobStatus(status)) }

func sortRows(rows []jobRow, by, order string) {
	compare, ok := sorts[by]
	if !ok {
		return
	}
	slices.SortStableFunc(rows, func(a, b jobRow) int {
		if order == "desc" {
			return compare(&b, &a)
		}
		return compare(&a, &b)
	})
}

// columns are the headings; a second click turns the order around.
func (v *jobsView) columns() (list []column) {
	for _, c := range [...][2]string{{"Job", "name"}, {"Status", "status"}, {"Definition", "definition"}, {"Share", "share"}, {"Submitted", "created"}, {"Ran", "ran"}} {
		one := column{Label: c[0], Path: v.Query.path("sort", c[1], "order", "")}
		if v.Query.Sort == c[1] {
			one.Sorted = "ascending"
			one.Path = v.Query.path("order", "desc")
			if v.Query.Order == "desc" {
				one.Sorted = "descending"
				one.Path = v.Query.path("sort", "", "order", "")
			}
		}
		list = append(list, one)
	}
	return list
}

// group puts together the rows that have the same name, share or definition, the largest group first.
func group(rows []jobRow, by string) []jobGroup {
	of := map[string]func(*jobRow) string{
		"name": func(j *jobRow) string { return j.Name }, "share": func(j *jobRow) string { return cmp.Or(j.Share, "no share") },
		"definition": func(j *jobRow) string { return j.Definition }, "status": func(j *jobRow) string { return j.Status },
	}[by]
	if of == nil {
		return []jobGroup{{Jobs: rows}}
	}
	byName := map[string]*jobGroup{}
	order := []*jobGroup{}
	for i := range rows {
		name := of(&rows[i])
		if byName[name] == nil {
			byName[name] = &jobGroup{Name: name}
			order = append(order, byName[name])
		}
		byName[name].Jobs = append(byName[name].Jobs, rows[i])
	}
	slices.SortStableFunc(order, func(a, b *jobGroup) int { return cmp.Compare(len(b.Jobs), len(a.Jobs)) })
	list := make([]jobGroup, len(order))
	for i, g := range order {
		g.count()
		list[i] = *g
	}
	return list
}

// count counts the group's jobs by status.
func (g *jobGroup) count() {
	counts := map[string]int64{}
	for i := range g.Jobs {
		counts[g.Jobs[i].Status]++
	}
	for _, status := range batch.JobStatuses {
		if n := counts[string(status)]; n > 0 {
			g.Counts = append(g.Counts, countTile{Label: string(status), Count: n})
		}
	}
}

// muster is the query as flags of muster jobs, which has none for the definition.
func (q jobsQuery) muster() []string {
	list := []string{"muster", "jobs", "--queue", q.Queue}
	for _, flag := range [][2]string{{"--status", q.Status}, {"--name", q.Name}, {"--share", q.Share}} {
		if flag[1] != "" {
			list = append(list, flag[0]+"="+flag[1])
		}
	}
	if millis, err := q.after(); err == nil {
		list = append(list, "--since", at(millis))
	}
	return list
}

func (v *jobsView) listCommands(r *Request, in *awsapi.ListJobsRequest) []command {
	list := []string{"list-jobs", "--job-queue", value(in.JobQueue)}
	if len(in.Filters) > 0 {
		list = append(list, "--filters", "name="+value(in.Filters[0].Name)+",values="+strings.Join(in.Filters[0].Values, ","))
	}
	if in.JobStatus != nil {
		list = append(list, "--job-status", *in.JobStatus)
	}
	plain := *in
	plain.NextToken = nil
	return []command{
		{"AWS CLI", r.aws(list...)},
		{"muster", words(v.Query.muster()...)},
		{"curl", r.curl("/v1/listjobs", &plain)},
	}
}
