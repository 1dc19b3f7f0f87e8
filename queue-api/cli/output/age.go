// SPDX-License-Identifier: Apache-2.0

package output

import (
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// None stands where there is nothing to show.
const None = "-"

// Age is a span of time as kubectl shows it: 45s, 12m, 3d4h.
func Age(d time.Duration) string { return duration.HumanDuration(max(d, 0)) }

// Since is how long ago a time in milliseconds was, as AWS gives times.
func Since(now time.Time, millis *int64) string {
	if millis == nil || *millis == 0 {
		return None
	}
	return Age(now.Sub(time.UnixMilli(*millis)))
}

// Between is the span between two such times; without an end it goes on.
func Between(now time.Time, from, to *int64) string {
	if from == nil || *from == 0 {
		return None
	}
	if to != nil && *to != 0 {
		now = time.UnixMilli(*to)
	}
	return Age(now.Sub(time.UnixMilli(*from)))
}

// Stamp is a time in milliseconds in the local zone.
func Stamp(millis *int64) string {
	if millis == nil || *millis == 0 {
		return None
	}
	return time.UnixMilli(*millis).Format(time.RFC3339)
}
