// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// DefinitionRef names one revision of a job definition.
type DefinitionRef struct {
	Name     string
	Revision int // from 1; 0 means the latest active one
}

// String gives name:revision, or the name alone for the latest.
func (r DefinitionRef) String() string {
	if r.Revision == 0 {
		return r.Name
	}
	return r.Name + ":" + strconv.Itoa(r.Revision)
}

var errBadRevision = errors.New("revision is not a positive number")

// ParseDefinitionRef reads name or name:revision.
func ParseDefinitionRef(s string) (DefinitionRef, error) {
	name, rev, found := strings.Cut(s, ":")
	if !found {
		return DefinitionRef{Name: name}, nil
	}
	n, err := strconv.Atoi(rev)
	if err != nil || n < 1 || strconv.Itoa(n) != rev { // one revision has one name
		return DefinitionRef{}, errBadRevision
	}
	return DefinitionRef{Name: name, Revision: n}, nil
}

// Statuses of a job definition.
const (
	DefinitionActive   = "ACTIVE"
	DefinitionInactive = "INACTIVE"
)

// JobDefinition is one revision; it never changes but for Status and Tags.
type JobDefinition struct {
	Name                 string
	Revision             int // from 1; never reused
	Type                 string
	Status               string // DefinitionActive or DefinitionInactive
	SchedulingPriority   *int
	Parameters           map[string]string
	Tags                 map[string]string
	RetryStrategy        *RetryStrategy
	Timeout              time.Duration
	PropagateTags        *bool
	PlatformCapabilities []string
	// ContainerProperties, EKSProperties, ECSProperties and NodeProperties are as registered; exactly one is set.
	ContainerProperties json.RawMessage `json:",omitempty"`
	EKSProperties       json.RawMessage `json:",omitempty"`
	ECSProperties       json.RawMessage `json:",omitempty"`
	NodeProperties      json.RawMessage `json:",omitempty"`
	// ConsumableResourceProperties are as registered.
	ConsumableResourceProperties json.RawMessage `json:",omitempty"`
}

// Ref names the revision.
func (d *JobDefinition) Ref() DefinitionRef { return DefinitionRef{Name: d.Name, Revision: d.Revision} }
