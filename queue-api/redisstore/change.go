// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"errors"
	"strconv"
	"strings"
)

// Change is a hint that something was written. At most one member is set; none means a queue, environment or definition
// changed.
type Change struct {
	Queue int    // number of a queue with a new waiting job
	Job   string // id of a job that an API call changed
}

// String is the form on the channel.
func (c Change) String() string {
	switch {
	case c.Queue != 0:
		return "queue " + strconv.Itoa(c.Queue)
	case c.Job != "":
		return "job " + c.Job
	default:
		return "resources"
	}
}

var errBadChange = errors.New("not a change")

func parseChange(s string) (Change, error) {
	kind, rest, _ := strings.Cut(s, " ")
	switch kind {
	case "queue":
		n, err := strconv.Atoi(rest)
		return Change{Queue: n}, err
	case "job":
		return Change{Job: rest}, nil
	case "resources":
		return Change{}, nil
	default:
		return Change{}, errBadChange
	}
}
