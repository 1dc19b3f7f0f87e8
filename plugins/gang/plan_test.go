// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-batch/muster/plugins/gang"
)

// adopt plans the gang of pod with room for all and returns the plan.
func adopt(t *testing.T, l *gang.Ledger, pod *corev1.Pod) *gang.Plan {
	t.Helper()
	turn := l.Turn(pod)
	if turn.Draft == nil {
		t.Fatalf("turn of %s: %+v, want a draft", pod.Name, turn)
	}
	seats, reason, err := turn.Draft.Fill(seatAll)
	if err != nil || reason != "" {
		t.Fatalf("fill: %q, %v", reason, err)
	}
	plan := l.Adopt(turn.Draft, seats)
	if plan == nil {
		t.Fatal("the draft was not adopted")
	}
	return plan
}

func TestFill(t *testing.T) {
	t.Parallel()
	elastic := members(4, 4)
	for _, pod := range elastic {
		pod.Annotations["muster.sh/gang-min"] = "2"
	}
	cases := map[string]struct {
		pods       []*corev1.Pod
		seat       gang.Seat
		wantSeats  int
		wantReason string
	}{
		"all fit":                         {pods: members(3, 3), seat: seatAll, wantSeats: 3},
		"one does not fit":                {pods: members(3, 3), seat: seatOnly("m0", "m2"), wantReason: "gang g: 2 of 3 members fit; m1: no room"},
		"none fits":                       {pods: members(2, 2), seat: seatOnly(), wantReason: "gang g: 0 of 2 members fit; m0: no room"},
		"the min fits":                    {pods: elastic, seat: seatOnly("m0", "m3"), wantSeats: 2},
		"less than the min fits":          {pods: elastic, seat: seatOnly("m3"), wantReason: "gang g: 1 of 4 members fit; m0: no room"},
		"the rest of a started gang":      {pods: append(members(2, 3), on(member("m2", "3", ""), "a")), seat: seatAll, wantSeats: 2},
		"bound members count in a reason": {pods: append(members(2, 3), on(member("m2", "3", ""), "a")), seat: seatOnly("m1"), wantReason: "gang g: 2 of 3 members fit; m0: no room"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			observe(l, tc.pods...)
			seats, reason, err := l.Turn(tc.pods[0]).Draft.Fill(tc.seat)
			if err != nil {
				t.Fatal(err)
			}
			if len(seats) != tc.wantSeats || reason != tc.wantReason {
				t.Errorf("%d seats, reason %q; want %d, %q", len(seats), reason, tc.wantSeats, tc.wantReason)
			}
		})
	}
}

func TestFillEndsWithAnError(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	broken := errors.New("broken")
	_, _, err := l.Turn(m[0]).Draft.Fill(func(*corev1.Pod) (string, string, error) { return "", "", broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestPlanReleasesAllWithTheLastSeat(t *testing.T) {
	l := gang.NewLedger()
	m := members(3, 3)
	observe(l, m...)
	plan := adopt(t, l, m[1])
	for i, pod := range m {
		if pin := l.Turn(pod).Pin; pin == nil || pin.Plan != plan || pin.Node != "node-of-"+pod.Name {
			t.Fatalf("pin of %s: %+v", pod.Name, pin)
		}
		if !l.Reserve(plan, pod.UID) {
			t.Fatalf("%s cannot reserve its seat", pod.Name)
		}
		arrival := l.Arrive(plan)
		if got := len(arrival.Release); (i < 2 && got != 0) || (i == 2 && got != 3) {
			t.Errorf("member %d releases %d", i, got)
		}
		if got := len(arrival.Missing); (i == 0 && got != 2) || (i > 0 && got != 0) {
			t.Errorf("member %d misses %d", i, got)
		}
	}
}

func TestRefusedGangSleepsUntilAnEventMayHelp(t *testing.T) {
	l := gang.NewLedger()
	m := members(3, 3)
	observe(l, m...)
	draft := l.Turn(m[0]).Draft
	if !l.Refuse(draft, m[0].UID, "too big") {
		t.Fatal("the refusal does not count")
	}
	for _, pod := range m {
		if got := l.Turn(pod); got.Refusal != "too big" {
			t.Errorf("turn of %s: %+v", pod.Name, got)
		}
	}
	if got := l.Next(); got != nil {
		t.Errorf("activated: %v", names(got))
	}
	if _, watches := l.Watches("m0"); !watches {
		t.Error("nobody hears of events for the gang")
	}
	none := func([]*corev1.Pod) int { return 0 }
	if l.Help(gang.Key{}, none) {
		t.Error("an event that does not help gives the gang a turn")
	}
	if one := func([]*corev1.Pod) int { return 1 }; !l.Help(gang.Key{}, one) {
		t.Error("an event that may help gives the gang no turn")
	}
	if diff := cmp.Diff([]string{"m0"}, names(l.Next())); diff != "" {
		t.Errorf("activated (-want +got):\n%s", diff)
	}
}

// A Binding that seemed to have failed had its effect, and the ledger hears of it only when the gang is planned anew.
func TestPlanDoesNotWaitForAMemberThatIsBound(t *testing.T) {
	l := gang.NewLedger()
	m := members(3, 3)
	observe(l, m...)
	plan := adopt(t, l, m[0])
	l.Reserve(plan, m[0].UID)
	l.Reserve(plan, m[1].UID)
	if change := l.Observe(on(m[1], "x")); len(change.Reject) > 0 {
		t.Errorf("a member that holds its seat is bound: %v are rejected", change.Reject)
	}
	change := l.Observe(on(m[2], "x"))
	if want := []types.UID{m[0].UID, m[1].UID}; !slices.Equal(slices.Sorted(slices.Values(change.Reject)), want) || !change.Placed {
		t.Errorf("rejected: %v, placed %t; want %v", change.Reject, change.Placed, want)
	}
	if want := "gang g: m2 has its node already"; change.Reason != want {
		t.Errorf("reason %q, want %q", change.Reason, want)
	}
	if again := adopt(t, l, m[0]); len(again.Members()) != 1 {
		t.Errorf("planned anew: %v", names(again.Members()))
	}
}

func TestWithdrawGivesAllReservedMembersBack(t *testing.T) {
	t.Parallel()
	cases := map[string]func(l *gang.Ledger, plan *gang.Plan) []types.UID{
		"by a conflict":         func(l *gang.Ledger, plan *gang.Plan) []types.UID { return l.Withdraw(plan, "why") },
		"by a member lost":      func(l *gang.Ledger, plan *gang.Plan) []types.UID { return l.Unreserve(plan, "m1", "why") },
		"by a member's removal": func(l *gang.Ledger, _ *gang.Plan) []types.UID { return l.Forget("m2").Reject },
	}
	for name, withdraw := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			m := members(3, 3)
			observe(l, m...)
			plan := adopt(t, l, m[0])
			l.Reserve(plan, "m0")
			l.Reserve(plan, "m1")
			if diff := cmp.Diff([]string{"m0", "m1"}, sorted(withdraw(l, plan))); diff != "" {
				t.Errorf("rejected (-want +got):\n%s", diff)
			}
			if got := l.Withdraw(plan, "again"); got != nil {
				t.Errorf("rejected twice: %v", got)
			}
			if l.Reserve(plan, "m0") || !l.Arrive(plan).Closed {
				t.Error("a withdrawn plan still takes members")
			}
		})
	}
}

func TestRoomGivenBackIsWorthOneMoreTurn(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	for attempt, want := range []bool{true, false} {
		plan := adopt(t, l, m[attempt])
		l.Reserve(plan, m[attempt].UID)
		l.Withdraw(plan, "taken")
		if got := l.Turn(m[1-attempt]).Draft != nil; got != want {
			t.Errorf("after conflict %d: another turn %v, want %v", attempt+1, got, want)
		}
	}
	key, _ := gang.KeyOf(m[0])
	helps := func([]*corev1.Pod) int { return gang.Unknown }
	if l.Help(key, helps) {
		t.Error("the gang's own doing gives it another turn")
	}
	if !l.Help(gang.Key{}, helps) {
		t.Error("somebody else's doing gives it no turn")
	}
}

func TestGangThatWentBackIsLookedAtAgainInTime(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	for range 2 {
		l.Withdraw(adopt(t, l, m[0]), "taken")
	}
	l.Reconsider(false)
	if l.Turn(m[0]).Draft == nil {
		t.Error("the gang has no other turn")
	}
}

func TestDraftKnowsWhereMembersStood(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	plan := adopt(t, l, m[0])
	l.Reserve(plan, "m0")
	l.Withdraw(plan, "taken")
	draft := l.Turn(m[1]).Draft
	if diff := cmp.Diff(map[types.UID]string{"m0": "node-of-m0"}, draft.Left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	l.Postpone(draft)
	if got := l.Next(); got != nil {
		t.Errorf("activated at once: %v", names(got))
	}
	if diff := cmp.Diff([]string{"m1"}, names(l.Remind(false))); diff != "" {
		t.Errorf("activated soon after (-want +got):\n%s", diff)
	}
}

func TestReplan(t *testing.T) {
	l := gang.NewLedger()
	m := members(3, 3)
	observe(l, m...)
	plan := adopt(t, l, m[0])
	l.Reserve(plan, "m0")
	draft := l.Replan(plan)
	if diff := cmp.Diff([]string{"m1", "m2"}, names(draft.Members)); diff != "" {
		t.Errorf("members to be seated again (-want +got):\n%s", diff)
	}
	if _, reason, _ := draft.Fill(seatOnly("m2")); reason != "gang g: 2 of 3 members fit; m1: no room" {
		t.Errorf("reason %q", reason)
	}
	if !l.Reseat(plan, map[types.UID]string{"m1": "x", "m2": "y"}) {
		t.Fatal("the plan does not take new seats")
	}
	if got := l.Turn(m[2]).Pin.Node; got != "y" {
		t.Errorf("m2 is pinned to %s", got)
	}
	if l.Replan(plan) != nil {
		t.Error("the plan is replanned twice")
	}
}

func TestFailedBindBringsOneMemberBack(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	plan := adopt(t, l, m[0])
	l.Reserve(plan, "m0")
	l.Reserve(plan, "m1")
	l.Arrive(plan)
	if got := l.Unreserve(plan, "m1", "no bind"); got != nil {
		t.Errorf("rejected: %v", got)
	}
	if got := l.Turn(m[1]).Refusal; got != "no bind" {
		t.Errorf("turn at once: refusal %q", got)
	}
	l.Retry("m1")
	draft := l.Turn(m[1]).Draft
	if diff := cmp.Diff([]string{"m1"}, names(draft.Members)); diff != "" {
		t.Errorf("members to be placed (-want +got):\n%s", diff)
	}
	if _, reason, _ := draft.Fill(seatAll); reason != "" {
		t.Errorf("the member is refused: %s", reason)
	}
}

func TestDraftOfAGangThatChangedIsNotAdopted(t *testing.T) {
	l := gang.NewLedger()
	m := members(2, 2)
	observe(l, m...)
	draft := l.Turn(m[0]).Draft
	seats, _, _ := draft.Fill(seatAll)
	l.Forget("m1")
	if l.Adopt(draft, seats) != nil {
		t.Error("a seat was given to a member that is gone")
	}
}

func TestMalformedGangIsRefused(t *testing.T) {
	l := gang.NewLedger()
	m := []*corev1.Pod{member("m0", "2", ""), member("m1", "3", "")}
	observe(l, m...)
	if got := l.Turn(m[0]).Refusal; got != "gang g: its members differ in size or min, or one of them is malformed" {
		t.Errorf("refusal %q", got)
	}
}

func TestDraftKnowsTheNodesOfTheOthers(t *testing.T) {
	l := gang.NewLedger()
	pods := members(4, 4)
	observe(l, pods...)
	observe(l, on(pods[0], "a"))
	draft := l.Turn(pods[1]).Draft
	if diff := cmp.Diff([]string{"a"}, draft.Placed); diff != "" {
		t.Errorf("nodes of the draft (-want +got):\n%s", diff)
	}
	plan := l.Adopt(draft, map[types.UID]string{pods[1].UID: "b", pods[2].UID: "c", pods[3].UID: "d"})
	l.Reserve(plan, pods[1].UID)
	redraft := l.Replan(plan)
	slices.Sort(redraft.Placed)
	if diff := cmp.Diff([]string{"a", "b"}, redraft.Placed); diff != "" {
		t.Errorf("nodes of the draft for the open seats (-want +got):\n%s", diff)
	}
}
