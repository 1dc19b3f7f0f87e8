// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/muster-batch/muster/autoscaler/interruption"
)

// warningTime is between the warning of a Spot interruption and the interruption. EC2: two minutes.
const warningTime = 2 * time.Minute

// event is an event of EventBridge, version 0.
type event struct {
	Version    string
	Source     string
	DetailType string `json:"detail-type"`
	Time       time.Time
	Detail     json.RawMessage
}

// eventKey tells events apart.
type eventKey struct{ version, source, detailType string }

// parsers are by what is read. All other events are of the kind Unknown.
var parsers = map[eventKey]func(*event) interruption.Message{
	{"0", "aws.ec2", "EC2 Spot Instance Interruption Warning"}: (*event).spotInterruption,
	{"0", "aws.ec2", "EC2 Instance Rebalance Recommendation"}:  (*event).rebalance,
	{"0", "aws.ec2", "EC2 Instance State-change Notification"}: (*event).stateChange,
	{"0", "aws.health", "AWS Health Event"}:                    (*event).health,
}

// parseEvent reads the body of a message. What it does not know asks for nothing.
func parseEvent(body []byte) interruption.Message {
	var e event
	if err := json.Unmarshal(body, &e); err == nil {
		if parse := parsers[eventKey{e.Version, e.Source, e.DetailType}]; parse != nil {
			return parse(&e)
		}
	}
	return interruption.Message{Kind: interruption.Unknown}
}

// instanceDetail is the detail of events about one instance.
type instanceDetail struct {
	InstanceID string `json:"instance-id"`
	State      string
}

var instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

// notice is the event's if it names an instance.
func (e *event) notice(kind interruption.Kind) (n interruption.Notice, state string, ok bool) {
	var d instanceDetail
	if err := json.Unmarshal(e.Detail, &d); err != nil || !instanceID.MatchString(d.InstanceID) {
		return n, "", false
	}
	return interruption.Notice{Kind: kind, InstanceID: d.InstanceID, At: e.Time}, d.State, true
}

func message(n *interruption.Notice) interruption.Message {
	return interruption.Message{Kind: n.Kind, Notices: []interruption.Notice{*n}}
}

func (e *event) spotInterruption() interruption.Message {
	n, _, ok := e.notice(interruption.Spot)
	if !ok {
		return interruption.Message{Kind: interruption.Unknown}
	}
	if !e.Time.IsZero() {
		n.Deadline = e.Time.Add(warningTime)
	}
	return message(&n)
}

func (e *event) rebalance() interruption.Message {
	n, _, ok := e.notice(interruption.Rebalance)
	if !ok {
		return interruption.Message{Kind: interruption.Unknown}
	}
	return message(&n)
}

// stateChange asks for nothing while the instance lives.
func (e *event) stateChange() interruption.Message {
	n, state, ok := e.notice(interruption.StateChange)
	if !ok {
		return interruption.Message{Kind: interruption.Unknown}
	}
	switch state {
	case "stopping", "shutting-down":
	case "stopped":
		n.Gone, n.Stopped = true, true
	case "terminated":
		n.Gone = true
	default:
		return interruption.Message{Kind: interruption.StateChange}
	}
	return message(&n)
}

// health takes the scheduled changes of EC2: that instances are stopped, rebooted or retired. AWS Health: each event names up
// to 100 of them, and starts at a time as in HTTP.
func (e *event) health() interruption.Message {
	var d struct {
		Service, EventTypeCategory, StatusCode, StartTime string
		AffectedEntities                                  []struct{ EntityValue string }
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil || d.Service != "EC2" || d.EventTypeCategory != "scheduledChange" {
		return interruption.Message{Kind: interruption.Unknown}
	}
	out := interruption.Message{Kind: interruption.ScheduledChange}
	if d.StatusCode == "closed" {
		return out
	}
	deadline, _ := time.Parse(time.RFC1123, d.StartTime) // nothing depends on it
	for _, entity := range d.AffectedEntities {
		if instanceID.MatchString(entity.EntityValue) {
			out.Notices = append(out.Notices, interruption.Notice{
				Kind: interruption.ScheduledChange, InstanceID: entity.EntityValue, At: e.Time, Deadline: deadline,
			})
		}
	}
	return out
}
