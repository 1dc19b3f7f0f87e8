// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/interruption"
)

// The events are those of the documentation of Amazon EC2, AWS Health and EventBridge.
const (
	spotWarning = `{"version":"0","id":"12345678-1234-1234-1234-123456789012","detail-type":"EC2 Spot Instance Interruption Warning",
		"source":"aws.ec2","account":"123456789012","time":"2026-01-02T03:04:05Z","region":"us-east-2",
		"resources":["arn:aws:ec2:us-east-2a:instance/i-1234567890abcdef0"],
		"detail":{"instance-id":"i-1234567890abcdef0","instance-action":"terminate"}}`
	rebalanceAdvice = `{"version":"0","id":"12345678-1234-1234-1234-123456789012","detail-type":"EC2 Instance Rebalance Recommendation",
		"source":"aws.ec2","account":"123456789012","time":"2026-01-02T03:04:05Z","region":"us-east-2",
		"resources":["arn:aws:ec2:us-east-2:123456789012:instance/i-1234567890abcdef0"],"detail":{"instance-id":"i-1234567890abcdef0"}}`
	retirement = `{"version":"0","id":"121345678-1234-1234-1234-123456789012","detail-type":"AWS Health Event","source":"aws.health",
		"account":"123456789012","time":"2026-01-02T03:04:05Z","region":"us-west-2","resources":["i-abcd1111"],
		"detail":{"eventArn":"arn:aws:health:us-west-2::event/EC2/x","service":"EC2","eventTypeCode":"AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED",
		"eventTypeCategory":"scheduledChange","statusCode":"upcoming","startTime":"Thu, 08 Jan 2026 15:10:09 GMT","endTime":"Thu, 08 Jan 2026 15:10:09 GMT",
		"eventDescription":[{"language":"en_US","latestDescription":"A description"}],
		"affectedEntities":[{"entityValue":"i-abcd1111"},{"entityValue":"vol-1"},{"entityValue":"i-abcd2222"}]}}`
)

func stateEvent(state string) string {
	return `{"id":"7bf73129-1428-4cd3-a780-95db273d1602","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","version":"0",
		"account":"123456789012","time":"2026-01-02T03:04:05Z","region":"us-east-1",
		"resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],"detail":{"instance-id":"i-abcd1111","state":"` + state + `"}}`
}

func TestParseEvent(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	of := func(notices ...interruption.Notice) interruption.Message {
		return interruption.Message{Kind: notices[0].Kind, Notices: notices}
	}
	state := func(change func(*interruption.Notice)) interruption.Message {
		n := interruption.Notice{Kind: interruption.StateChange, InstanceID: "i-abcd1111", At: at}
		change(&n)
		return of(n)
	}
	due := time.Date(2026, 1, 8, 15, 10, 9, 0, time.UTC)
	unknown := interruption.Message{Kind: interruption.Unknown}
	cases := map[string]struct {
		body string
		want interruption.Message
	}{
		"a Spot interruption, two minutes ahead": {spotWarning, of(interruption.Notice{
			Kind: interruption.Spot, InstanceID: "i-1234567890abcdef0", At: at, Deadline: at.Add(2 * time.Minute),
		})},
		"a rebalance recommendation": {rebalanceAdvice, of(interruption.Notice{Kind: interruption.Rebalance, InstanceID: "i-1234567890abcdef0", At: at})},
		"stopping":                   {stateEvent("stopping"), state(func(*interruption.Notice) {})},
		"shutting down":              {stateEvent("shutting-down"), state(func(*interruption.Notice) {})},
		"stopped":                    {stateEvent("stopped"), state(func(n *interruption.Notice) { n.Gone, n.Stopped = true, true })},
		"terminated":                 {stateEvent("terminated"), state(func(n *interruption.Notice) { n.Gone = true })},
		"running asks for nothing":   {stateEvent("running"), interruption.Message{Kind: interruption.StateChange}},
		"a retirement, of several instances": {retirement, of(
			interruption.Notice{Kind: interruption.ScheduledChange, InstanceID: "i-abcd1111", At: at, Deadline: due},
			interruption.Notice{Kind: interruption.ScheduledChange, InstanceID: "i-abcd2222", At: at, Deadline: due},
		)},
		"a scheduled change that is over": {
			`{"version":"0","source":"aws.health","detail-type":"AWS Health Event","time":"2026-01-02T03:04:05Z","detail":{"service":"EC2",
				"eventTypeCategory":"scheduledChange","statusCode":"closed","affectedEntities":[{"entityValue":"i-abcd1111"}]}}`,
			interruption.Message{Kind: interruption.ScheduledChange},
		},
		"another service's health": {
			`{"version":"0","source":"aws.health","detail-type":"AWS Health Event","detail":{"service":"RDS","eventTypeCategory":"scheduledChange"}}`, unknown,
		},
		"another version":     {`{"version":"1","source":"aws.ec2","detail-type":"EC2 Instance Rebalance Recommendation","detail":{"instance-id":"i-abcd1111"}}`, unknown},
		"another source":      {`{"version":"0","source":"mine","detail-type":"EC2 Instance Rebalance Recommendation","detail":{"instance-id":"i-abcd1111"}}`, unknown},
		"no instance":         {`{"version":"0","source":"aws.ec2","detail-type":"EC2 Instance Rebalance Recommendation","detail":{"instance-id":"x"}}`, unknown},
		"no detail":           {`{"version":"0","source":"aws.ec2","detail-type":"EC2 Spot Instance Interruption Warning"}`, unknown},
		"a time that is none": {`{"version":"0","source":"aws.ec2","detail-type":"EC2 Instance Rebalance Recommendation","time":"soon"}`, unknown},
		"no JSON":             {`hello`, unknown},
		"nothing":             {``, unknown},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, parseEvent([]byte(tc.body))); diff != "" {
				t.Errorf("message mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzParseEvent holds that whatever comes, a notice names an instance, and what is not known asks for nothing.
func FuzzParseEvent(f *testing.F) {
	for _, seed := range []string{spotWarning, rebalanceAdvice, retirement, stateEvent("terminated"), "", "{}", "null", `{"detail":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m := parseEvent(body)
		if m.Kind == interruption.Unknown && len(m.Notices) > 0 {
			t.Errorf("%d notices of an unknown event", len(m.Notices))
		}
		for _, n := range m.Notices {
			if !instanceID.MatchString(n.InstanceID) || n.Kind != m.Kind || n.Stopped && !n.Gone {
				t.Errorf("notice %+v in a message of %s", n, m.Kind)
			}
		}
	})
}
