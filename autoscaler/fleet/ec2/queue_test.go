// SPDX-License-Identifier: Apache-2.0

package ec2

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/autoscaler/fleet"
	"github.com/muster-batch/muster/autoscaler/fleet/ec2/ec2fake"
	"github.com/muster-batch/muster/autoscaler/interruption"
)

// queueWorld is a queue of a fake cloud.
type queueWorld struct {
	*Queue
	t     *testing.T
	cloud *ec2fake.Cloud
	clock *testingclock.FakeClock
}

func newQueueWorld(t *testing.T, nameOrURL string) *queueWorld {
	t.Helper()
	w := &queueWorld{t: t, clock: testingclock.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	w.cloud = ec2fake.New(ec2fake.Config{Queue: "notices", Clock: w.clock})
	srv := httptest.NewServer(w.cloud)
	t.Cleanup(srv.Close)
	client, err := NewClient(ClientConfig{Region: "us-east-1", Endpoint: srv.URL, HTTP: srv.Client(), Credentials: aws.CredentialsProviderFunc(staticCredentials)})
	if err != nil {
		t.Fatal(err)
	}
	w.Queue = NewQueue(client, nameOrURL)
	return w
}

// receive is what the next call of Receive gives.
func (w *queueWorld) receive() []interruption.Message {
	w.t.Helper()
	messages, err := w.Receive(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return messages
}

func TestQueueIsFoundByNameOrURL(t *testing.T) {
	t.Parallel()
	for name, nameOrURL := range map[string]string{"name": "notices", "URL": "https://sqs.us-east-1.amazonaws.com/123456789012/notices"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newQueueWorld(t, nameOrURL)
			w.cloud.Send(rebalanceAdvice)
			got := w.receive()
			if len(got) != 1 || got[0].Kind != interruption.Rebalance || len(got[0].Notices) != 1 {
				t.Fatalf("received %+v", got)
			}
			if err := w.Delete(t.Context(), []string{got[0].Receipt}); err != nil {
				t.Fatal(err)
			}
			if n := w.cloud.Messages(); n != 0 {
				t.Errorf("%d messages are left", n)
			}
		})
	}
}

func TestAMessageThatIsNotDeletedComesAgain(t *testing.T) {
	t.Parallel()
	w := newQueueWorld(t, "notices")
	w.cloud.Send(spotWarning)
	first := w.receive()
	got := make(chan []interruption.Message)
	go func() {
		messages, _ := w.Receive(t.Context())
		got <- messages
	}()
	for !w.clock.HasWaiters() {
		time.Sleep(time.Millisecond) // until the call waits
	}
	w.clock.Step(comesAgain)
	second := <-got
	if len(first) != 1 || len(second) != 1 || !cmp.Equal(first[0].Notices, second[0].Notices) || first[0].Receipt == second[0].Receipt {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

func TestALongPollEnds(t *testing.T) {
	t.Parallel()
	w := newQueueWorld(t, "notices")
	got := make(chan error)
	go func() {
		messages, err := w.Receive(t.Context())
		if len(messages) > 0 {
			t.Errorf("received %+v", messages)
		}
		got <- err
	}()
	for done := false; !done; {
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
			done = true
		default:
			if w.clock.HasWaiters() {
				w.clock.Step(longPoll)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestTheEndOfATermEndsALongPoll(t *testing.T) {
	t.Parallel()
	w := newQueueWorld(t, "notices")
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() {
		_, err := w.Receive(ctx)
		got <- err
	}()
	cancel()
	if err := <-got; err == nil {
		t.Error("no error")
	}
}

func TestVerifyTakesNothing(t *testing.T) {
	t.Parallel()
	w := newQueueWorld(t, "notices")
	w.cloud.Send(spotWarning)
	if err := w.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if got := w.receive(); len(got) != 1 {
		t.Errorf("received %+v", got)
	}
	if err := newQueueWorld(t, "other").Verify(t.Context()); err == nil {
		t.Error("a queue that there is not is verified")
	}
}

func TestManyMessagesAreDeletedInBatches(t *testing.T) {
	t.Parallel()
	w := newQueueWorld(t, "notices")
	for range 25 {
		w.cloud.Send(rebalanceAdvice)
	}
	var receipts []string
	for len(receipts) < 25 {
		messages := w.receive()
		if len(messages) > messagesPerCall {
			t.Fatalf("received %d at once", len(messages))
		}
		for _, m := range messages {
			receipts = append(receipts, m.Receipt)
		}
	}
	if err := w.Delete(t.Context(), receipts); err != nil {
		t.Fatal(err)
	}
	if n := w.cloud.Messages(); n != 0 || w.cloud.Calls("DeleteMessageBatch") != 3 {
		t.Errorf("%d messages are left after %d calls", n, w.cloud.Calls("DeleteMessageBatch"))
	}
}

func TestQueueThatCannotBeRead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		queue string
		fault ec2fake.Fault
		want  fleet.Class
	}{
		"it does not exist": {queue: "other", want: fleet.Unknown},
		"it is not ours":    {queue: "notices", fault: ec2fake.Fault{Action: "ReceiveMessage", Code: "AccessDenied", Message: "no"}, want: fleet.Denied},
		"too often":         {queue: "notices", fault: ec2fake.Fault{Action: "ReceiveMessage", Code: "RequestThrottled", Message: "slower"}, want: fleet.Throttled},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newQueueWorld(t, tc.queue)
			if tc.fault.Code != "" {
				w.cloud.Break(tc.fault)
			}
			_, err := w.Receive(t.Context())
			if err == nil || fleet.ClassOf(err) != tc.want {
				t.Errorf("error %v of class %s, want %s", err, fleet.ClassOf(err), tc.want)
			}
		})
	}
}

// What the cloud announces of its instances arrives as notices.
func TestNoticesOfACloud(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ec2fake.Config{Queue: "notices"})
	instances := w.launched(w.request("token", 1))
	id := instances[0].ID
	srv := httptest.NewServer(w.cloud)
	t.Cleanup(srv.Close)
	client, err := NewClient(ClientConfig{Region: "us-east-1", Endpoint: srv.URL, HTTP: srv.Client(), Credentials: aws.CredentialsProviderFunc(staticCredentials)})
	if err != nil {
		t.Fatal(err)
	}
	w.cloud.Recommend(id)
	w.cloud.Retire(id, time.Now().Add(time.Hour))
	w.cloud.Interrupt(id)
	w.cloud.Reclaim(id)
	if _, err := w.List(t.Context()); err != nil { // it ends meanwhile
		t.Fatal(err)
	}
	messages, err := NewQueue(client, "notices").Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []interruption.Notice
	for _, m := range messages {
		for _, n := range m.Notices {
			got = append(got, interruption.Notice{Kind: n.Kind, InstanceID: n.InstanceID, Gone: n.Gone})
		}
	}
	want := []interruption.Notice{
		{Kind: interruption.Rebalance, InstanceID: id},
		{Kind: interruption.ScheduledChange, InstanceID: id},
		{Kind: interruption.Spot, InstanceID: id},
		{Kind: interruption.StateChange, InstanceID: id},
		{Kind: interruption.StateChange, InstanceID: id, Gone: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notices mismatch (-want +got):\n%s", diff)
	}
}
