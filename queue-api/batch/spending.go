// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of what is kept of a queue's spending in an hour, whatever tenants name. What is beyond them is in no row of its own.
const (
	// MaxSpendingShares bounds the shares; those beyond count under OtherShares.
	MaxSpendingShares = 500
	// MaxSpendingTags bounds the tags, as pairs of key and value, and MaxJobSpendingTags those that are counted of one job: the first
	// by key.
	MaxSpendingTags    = 250
	MaxJobSpendingTags = 10
	// MaxSpendingJobs is how many jobs are remembered: those that cost most.
	MaxSpendingJobs = 50
)

// SpendingHours is for how long spending is kept: a day.
const SpendingHours = 24

// OtherShares stands for the shares beyond MaxSpendingShares. No share has this name.
const OtherShares = "*"

// Spending is what the attempts cost that ended in a queue during a day, the current hour being the last of its hours. An attempt
// counts wholly in the hour in which its end was written.
type Spending struct {
	Shares map[string]Cost
	Tags   map[Tag]Cost
	Hours  map[int64]Cost // by HourOf
	// Jobs are the jobs and arrays of which an attempt ended, those that cost most; what each cost in all up to then.
	Jobs []SpentJob
	// MoreTags says that there were more tags than are kept.
	MoreTags bool
}

// Tag is one tag of a job. Children of an array have those of the array.
type Tag struct{ Key, Value string }

// SpentJob is what a job, or an array, cost.
type SpentJob struct {
	JobID string
	Nano  int64
}

// Remember takes a job among those that cost most, in the order of what they cost. Of one that is there already the larger of its
// costs counts, which only grow.
func (s *Spending) Remember(job SpentJob) {
	if i := slices.IndexFunc(s.Jobs, func(j SpentJob) bool { return j.JobID == job.JobID }); i >= 0 {
		job.Nano = max(job.Nano, s.Jobs[i].Nano)
		s.Jobs = slices.Delete(s.Jobs, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(s.Jobs, job, func(a, b SpentJob) int {
		return cmp.Or(cmp.Compare(b.Nano, a.Nano), cmp.Compare(a.JobID, b.JobID))
	})
	s.Jobs = slices.Insert(s.Jobs, i, job)
	s.Jobs = s.Jobs[:min(len(s.Jobs), MaxSpendingJobs)]
}

// HourOf numbers the hours since 1970.
func HourOf(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }

// SpendingTags are the tags of a job that its spending is counted for.
func SpendingTags(tags map[string]string) []Tag {
	keys := slices.Sorted(maps.Keys(tags))
	var out []Tag
	for _, key := range keys[:min(len(keys), MaxJobSpendingTags)] {
		out = append(out, Tag{key, tags[key]})
	}
	return out
}

// tagSeparator stands between a tag's key and its value in its text; neither has one.
const tagSeparator = "\x00"

// String is the tag as TagOf reads it.
func (t Tag) String() string { return t.Key + tagSeparator + t.Value }

// TagOf reads a tag's text.
func TagOf(text string) Tag {
	key, value, _ := strings.Cut(text, tagSeparator)
	return Tag{key, value}
}
