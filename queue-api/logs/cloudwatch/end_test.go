// SPDX-License-Identifier: Apache-2.0

package cloudwatch

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/queue-api/batch"
	"github.com/muster-batch/muster/queue-api/logs"
	"github.com/muster-batch/muster/queue-api/viewapi"
)

// get asks for a page of the first log and gives what no client of AWS's shows.
func (s *site) get(t *testing.T, in getLogEventsRequest) *getLogEventsResponse {
	t.Helper()
	in.group, in.LogStreamName = group{LogGroupName: Group}, streamOf(1)
	out, err := s.service.getLogEvents(t.Context(), batch.Call{User: batch.User{Name: "ann"}}, &in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEnd is told where there is nothing more to read forward, and only there.
func TestEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	open, complete := &viewapi.LogEnd{State: viewapi.LogOpen}, &viewapi.LogEnd{State: viewapi.LogComplete}
	check := func(when string, want *viewapi.LogEnd) {
		t.Helper()
		all := s.get(t, getLogEventsRequest{StartFromHead: true})
		one := s.get(t, getLogEventsRequest{StartFromHead: true, Limit: new(1)})
		back := s.get(t, getLogEventsRequest{})
		after := s.get(t, getLogEventsRequest{Token: &back.NextForwardToken})
		for what, tc := range map[string]struct{ got, want *viewapi.LogEnd }{
			"all":                                {all.End, want},
			"all that there is after the latest": {after.End, want},
			"a part, forward":                    {one.End, nil},
			"the latest, backward":               {back.End, nil},
		} {
			if diff := cmp.Diff(tc.want, tc.got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", when, what, diff)
			}
		}
	}
	s.write(taskOf(1), "a", "b")
	check("while the pod lives", open)
	s.end(t, taskOf(1))
	check("after it is kept", complete)

	text, err := json.Marshal(s.get(t, getLogEventsRequest{StartFromHead: true}))
	if err != nil || !strings.HasSuffix(string(text), `,"musterEnd":{"state":"COMPLETE"}}`) {
		t.Errorf("the answer is %s, %v", text, err)
	}
	out := page(t, s.client("ann"), &cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true)})
	wantMessages(t, "AWS's client, which knows of no end", messages(out.Events), "a", "b")
}

// TestStatesAreTheSame holds what is told to what is kept.
func TestStatesAreTheSame(t *testing.T) {
	t.Parallel()
	for kept, told := range map[logs.EndState]string{
		logs.EndComplete: viewapi.LogComplete, logs.EndTruncated: viewapi.LogTruncated,
		logs.EndIncomplete: viewapi.LogIncomplete, logs.EndLost: viewapi.LogLost,
	} {
		if string(kept) != told {
			t.Errorf("%s is told as %s", kept, told)
		}
	}
}
