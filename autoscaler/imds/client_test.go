// SPDX-License-Identifier: Apache-2.0

package imds

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-batch/muster/autoscaler/interruption"
)

// service is a metadata service that answers from a table, and whose tokens can be made to run out.
type service struct {
	replies map[string]string
	tokens  atomic.Int32
	status  int // of everything, if it is not 0
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, isData := strings.CutPrefix(r.URL.Path, "/latest/meta-data/")
	switch reply, ok := s.replies[path]; {
	case s.status != 0:
		w.WriteHeader(s.status)
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
		_, _ = w.Write([]byte(strings.Repeat("t", int(s.tokens.Add(1)))))
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != strings.Repeat("t", int(s.tokens.Load())):
		w.WriteHeader(http.StatusUnauthorized)
	case !isData || !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		_, _ = w.Write([]byte(reply))
	}
}

func start(t *testing.T, s *service) *Client {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c := New(srv.URL)
	c.http = srv.Client() // in no hurry, and with connections of its own
	return c
}

func TestNotices(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := map[string]struct {
		replies map[string]string
		want    []interruption.Notice
		wantErr string
	}{
		"nothing is announced": {},
		"a Spot interruption": {
			replies: map[string]string{"spot/instance-action": `{"action": "terminate", "time": "2026-01-02T03:04:05Z"}`},
			want:    []interruption.Notice{{Kind: interruption.Spot, InstanceID: "i-1", Deadline: at}},
		},
		"a rebalance recommendation": {
			replies: map[string]string{"events/recommendations/rebalance": `{"noticeTime": "2026-01-02T03:04:05Z"}`},
			want:    []interruption.Notice{{Kind: interruption.Rebalance, InstanceID: "i-1", At: at}},
		},
		"maintenance": {
			replies: map[string]string{"events/maintenance/scheduled": `[{"NotBefore":"1 Jan 2026 00:00:00 GMT","Code":"system-reboot","State":"completed"},
				{"NotBefore":"2 Jan 2026 03:04:05 GMT","Code":"instance-retirement","State":"active"}]`},
			want: []interruption.Notice{{Kind: interruption.Maintenance, InstanceID: "i-1", Deadline: at}},
		},
		"no maintenance any more": {replies: map[string]string{"events/maintenance/scheduled": `[]`}},
		"all at once, and one that cannot be read": {
			replies: map[string]string{"spot/instance-action": `{"time": "2026-01-02T03:04:05Z"}`, "events/maintenance/scheduled": `<html>`},
			want:    []interruption.Notice{{Kind: interruption.Spot, InstanceID: "i-1", Deadline: at}}, wantErr: "decode events/maintenance/scheduled",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{replies: map[string]string{"instance-id": "i-1"}}
			maps.Copy(s.replies, tc.replies)
			got, err := start(t, s).Notices(t.Context())
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("notices mismatch (-want +got):\n%s", diff)
			}
			if (err != nil) != (tc.wantErr != "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("error %v, want %q", err, tc.wantErr)
			}
		})
	}
}

func TestATokenThatRanOutIsReplaced(t *testing.T) {
	t.Parallel()
	s := &service{replies: map[string]string{"instance-id": "i-1"}}
	c := start(t, s)
	for range 2 {
		if _, err := c.Notices(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.tokens.Add(1) // the one that was given out is not good any more
	}
	if got := s.tokens.Load(); got != 4 {
		t.Errorf("%d tokens, want one for each time", got)
	}
}

func TestAServiceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError} {
		c := start(t, &service{status: status})
		if got, err := c.Notices(t.Context()); err == nil || len(got) != 0 {
			t.Errorf("%d: notices %v, error %v", status, got, err)
		}
	}
}
