// SPDX-License-Identifier: Apache-2.0

package batchmeta

import (
	"strings"
	"time"
)

// Reservation is a value of Reserved: for which gang a node is kept, and until when at most.
type Reservation struct {
	Gang  string // as GangName says
	Until time.Time
}

// GangName is how programs name a gang to each other. A PodGroup's and another may have the same name.
func GangName(namespace, name string, isPodGroup bool) string {
	gang := namespace + "/" + name
	if isPodGroup {
		gang = "podgroup/" + gang
	}
	return gang
}

// String is the annotation's value.
func (r Reservation) String() string { return r.Gang + " " + r.Until.UTC().Format(time.RFC3339) }

// ReservationOf reads an annotation's value; false when it says nothing.
func ReservationOf(value string) (Reservation, bool) {
	gang, stamp, _ := strings.Cut(value, " ")
	until, err := time.Parse(time.RFC3339, stamp)
	if gang == "" || err != nil {
		return Reservation{}, false
	}
	return Reservation{Gang: gang, Until: until}, true
}
