// SPDX-License-Identifier: Apache-2.0

package envhealth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/computeenv"
	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/queue-api/batch"
)

// patient is a tracker of one environment.
type patient struct {
	*Tracker
	t     *testing.T
	clock *testingclock.FakeClock
	env   computeenv.Environment
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	c := testingclock.NewFakeClock(time.Unix(1000, 0))
	return &patient{
		Tracker: New(Config{Clock: c}), t: t, clock: c,
		env: computeenv.Environment{UUID: "u", InstanceTypes: []string{"c5"}, State: batch.Enabled},
	}
}

func (p *patient) fail(class fleet.Class, code string) {
	var err error = &fleet.RefusedError{Class: class, Code: code, Message: "words"}
	if class == fleet.NoCapacity || class == fleet.Quota {
		err = &fleet.CapacityError{InstanceType: "c5.large", Err: err}
	}
	p.LaunchFailed("u", "c5.large", fmt.Errorf("create fleet: %w", err))
}

func (p *patient) want(status batch.ResourceStatus, reason string) {
	p.t.Helper()
	if v := p.Judge(&p.env); v.Status != status || !strings.HasPrefix(v.Reason, reason) {
		p.t.Errorf("%s %q, want %s %q", v.Status, v.Reason, status, reason)
	}
}

const (
	valid   = batch.ResourceValid
	invalid = batch.ResourceInvalid
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	refusal := "CLIENT_ERROR - UnauthorizedOperation: words"
	cases := map[string]func(p *patient){
		"an environment of which nothing is known is healthy": func(p *patient) {
			p.want(valid, ReasonHealthy)
		},
		"the first refusal makes it INVALID, in the cloud's words": func(p *patient) {
			p.fail(fleet.Denied, "UnauthorizedOperation")
			p.want(invalid, refusal)
		},
		"so does a request for what there is not": func(p *patient) {
			p.fail(fleet.BadRequest, "InvalidSubnetID.NotFound")
			p.want(invalid, "CLIENT_ERROR - InvalidSubnetID.NotFound: words")
		},
		"what may pass does not": func(p *patient) {
			p.fail(fleet.Throttled, "RequestLimitExceeded")
			p.LaunchFailed("u", "c5.large", errors.New("connection refused"))
			p.want(valid, ReasonHealthy)
			if v := p.Judge(&p.env); v.LastError != "connection refused" {
				p.t.Errorf("last error = %q", v.LastError)
			}
		},
		"one that worked is given a minute": func(p *patient) {
			p.Launched("u")
			p.fail(fleet.Denied, "UnauthorizedOperation")
			p.want(valid, ReasonHealthy)
			p.clock.Step(patience)
			p.fail(fleet.Denied, "UnauthorizedOperation")
			p.want(invalid, refusal)
		},
		"refusals of one type do not count while others are launched": func(p *patient) {
			for range 10 {
				p.Launched("u")
				p.clock.Step(patience)
				p.fail(fleet.BadRequest, "InvalidParameterValue")
			}
			p.want(valid, ReasonHealthy)
		},
		"want of machines is the reason of a VALID one until a launch succeeds": func(p *patient) {
			p.fail(fleet.NoCapacity, "InsufficientInstanceCapacity")
			p.want(valid, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for instance type [c5.large]: InsufficientInstanceCapacity: words")
			if v := p.Judge(&p.env); !v.ShortAt.Equal(p.clock.Now()) {
				p.t.Errorf("short at %v", v.ShortAt)
			}
			p.Launched("u")
			p.want(valid, ReasonHealthy)
			if v := p.Judge(&p.env); !v.ShortAt.IsZero() || v.LastError != "" {
				p.t.Errorf("after a launch: %+v", v)
			}
		},
		"a quota is want of machines, too": func(p *patient) {
			p.fail(fleet.Quota, "VcpuLimitExceeded")
			p.want(valid, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ")
		},
		"none joined": func(p *patient) {
			launched := p.clock.Now()
			p.Launched("u")
			p.clock.Step(15 * time.Minute)
			p.NotJoined("u", launched, false)
			p.want(invalid, ReasonNoneJoined)
		},
		"one did not join, others have": func(p *patient) {
			launched := p.clock.Now()
			p.Launched("u")
			p.clock.Step(time.Minute)
			p.Joined("u")
			p.clock.Step(15 * time.Minute)
			p.NotJoined("u", launched, false)
			p.NotJoined("u", p.clock.Now(), true)
			p.want(valid, ReasonHealthy)
		},
		"the first that joins makes it VALID": func(p *patient) {
			p.NotJoined("u", p.clock.Now(), false)
			p.Launched("u") // says nothing about joining
			p.want(invalid, ReasonNoneJoined)
			p.Joined("u")
			p.want(valid, ReasonHealthy)
		},
		"a node that is there, as after a restart, does not undo a refusal": func(p *patient) {
			p.fail(fleet.Denied, "UnauthorizedOperation")
			p.Joined("u")
			p.want(invalid, refusal)
			p.clock.Step(5 * time.Minute)
			p.want(valid, ReasonHealthy)
			p.fail(fleet.Denied, "UnauthorizedOperation")
			p.want(invalid, refusal)
		},
		"three that die before they join": func(p *patient) {
			for range deaths {
				p.want(valid, ReasonHealthy)
				p.Died("u", p.clock.Now(), false)
			}
			p.want(invalid, ReasonNoneJoined)
		},
		"an update mends, if it changes something": func(p *patient) {
			p.want(valid, ReasonHealthy)
			p.fail(fleet.BadRequest, "InvalidParameterValue")
			p.env.MaxvCPUs = 8
			p.want(invalid, "CLIENT_ERROR")
			p.env.InstanceTypes = []string{"m5"}
			p.want(valid, ReasonHealthy)
			p.fail(fleet.BadRequest, "InvalidParameterValue")
			p.want(invalid, "CLIENT_ERROR")
		},
		"a successor goes on where the last one ended": func(p *patient) {
			p.NotJoined("u", p.clock.Now(), false)
			v := p.Judge(&p.env)
			p.Tracker = New(Config{Clock: p.clock})
			p.Restore("u", v)
			p.Launched("u")
			p.want(invalid, ReasonNoneJoined)
			p.Joined("u")
			p.want(valid, ReasonHealthy)
		},
		"instance types that nobody knows": func(p *patient) {
			p.env.TypesUnknown, p.env.TypesError = true, "unknown instance types: c99"
			p.want(invalid, "CLIENT_ERROR - unknown instance types: c99")
			p.clock.Step(time.Hour)
			p.want(invalid, "CLIENT_ERROR - unknown instance types: c99")
			p.env.TypesUnknown, p.env.TypesError = false, ""
			p.want(valid, ReasonHealthy)
		},
		"what is gone is forgotten": func(p *patient) {
			p.fail(fleet.Denied, "UnauthorizedOperation")
			p.Forget(func(string) bool { return false })
			p.want(valid, ReasonHealthy)
		},
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newPatient(t))
		})
	}
}

func TestTrials(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	for _, minutes := range []int{5, 10, 20, 40, 60, 60} {
		wait := time.Duration(minutes) * time.Minute
		p.NotJoined("u", p.clock.Now(), false)
		before := p.Judge(&p.env)
		p.clock.Step(wait - time.Second)
		if v := p.Judge(&p.env); v.Status != invalid || p.OnTrial("u") {
			t.Fatalf("before %v are over: %s, on trial %t", wait, v.Status, p.OnTrial("u"))
		}
		p.clock.Step(time.Second)
		if v := p.Judge(&p.env); v.Status != valid || !p.OnTrial("u") || v.At.Equal(before.At) {
			t.Fatalf("after %v: %+v, on trial %t", wait, v, p.OnTrial("u"))
		}
	}
	p.Joined("u")
	if p.OnTrial("u") {
		t.Error("still on trial after an instance joined")
	}
	p.clock.Step(time.Minute)
	p.NotJoined("u", p.clock.Now(), false)
	p.clock.Step(5 * time.Minute)
	if p.want(valid, ReasonHealthy); !p.OnTrial("u") {
		t.Error("after an instance joined, the first back-off is as short as ever")
	}
}

func TestALaunchEndsATrialOfRefusals(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.fail(fleet.Denied, "UnauthorizedOperation")
	p.clock.Step(5 * time.Minute)
	p.want(valid, ReasonHealthy)
	p.fail(fleet.Denied, "UnauthorizedOperation")
	p.want(invalid, "CLIENT_ERROR")
	p.clock.Step(10 * time.Minute)
	p.want(valid, ReasonHealthy)
	if p.Launched("u"); p.OnTrial("u") {
		t.Error("still on trial after a launch")
	}
}

// What a cloud says is cut where a letter ends.
func TestReasonsAreText(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"", "x"} { // the letters after it have two bytes each
		p := newPatient(t)
		p.LaunchFailed("u", "c5.large", &fleet.RefusedError{Class: fleet.Denied, Code: "Denied", Message: first + strings.Repeat("é", reasonLimit)})
		v := p.Judge(&p.env)
		for _, got := range []string{v.Reason, v.LastError} {
			if !utf8.ValidString(got) || len(got) > reasonLimit || len(got) < reasonLimit-1 {
				t.Errorf("%d bytes, valid: %v", len(got), utf8.ValidString(got))
			}
		}
	}
}
