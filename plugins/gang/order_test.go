// SPDX-License-Identifier: Apache-2.0

package gang_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/muster-batch/muster/plugins/gang"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// queued describes a pod to be sorted.
type queued struct {
	gang     string
	rank     string
	priority int32
	age      int // seconds; the oldest has most
}

func (q queued) pod(name string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: name, UID: types.UID(name),
		CreationTimestamp: metav1.NewTime(time.Unix(int64(1_000_000-q.age), 0)),
		Labels:            map[string]string{},
		Annotations:       map[string]string{batchmeta.GangSize: "1"},
	}}
	pod.Spec.Priority = &q.priority
	if q.rank != "" {
		pod.Annotations[batchmeta.Rank] = q.rank
	}
	if q.gang != "" {
		pod.Labels[batchmeta.Gang] = q.gang
	}
	return pod
}

func TestOrder(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		pods map[string]queued
		want []string
	}{
		"lower rank first, whatever the priority": {
			pods: map[string]queued{"a": {rank: "0002", priority: 9}, "b": {rank: "0001"}},
			want: []string{"b", "a"},
		},
		"ranked before unranked": {
			pods: map[string]queued{"a": {priority: 9, age: 9}, "b": {rank: "9999"}},
			want: []string{"b", "a"},
		},
		"unranked by priority, then age": {
			pods: map[string]queued{"a": {}, "b": {age: 5}, "c": {priority: 1}},
			want: []string{"c", "b", "a"},
		},
		"a rank that is no number is none": {
			pods: map[string]queued{"a": {rank: "!"}, "b": {rank: "0001"}, "c": {rank: "-1", age: 1}},
			want: []string{"b", "c", "a"},
		},
		"equals by name": {
			pods: map[string]queued{"b": {}, "a": {}},
			want: []string{"a", "b"},
		},
		"a gang stands together by its first member's age": {
			pods: map[string]queued{"a": {gang: "g", age: 9}, "b": {age: 5}, "c": {gang: "g", age: 1}},
			want: []string{"a", "c", "b"},
		},
		"a gang stands together by its best priority": {
			pods: map[string]queued{"a": {gang: "g"}, "b": {priority: 5}, "c": {gang: "g", priority: 9}},
			want: []string{"a", "c", "b"},
		},
		"a gang stands together by its best rank": {
			pods: map[string]queued{"a": {gang: "g", rank: "0003"}, "b": {rank: "0002"}, "c": {gang: "g", rank: "0001"}},
			want: []string{"a", "c", "b"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := gang.NewLedger()
			var pods []*corev1.Pod
			for name, q := range tc.pods {
				pod := q.pod(name)
				if q.gang != "" {
					pod.Annotations[batchmeta.GangSize] = "2"
				}
				pods = append(pods, pod)
			}
			observe(l, pods...)
			slices.SortFunc(pods, func(a, b *corev1.Pod) int { return compare(l.Order(a), l.Order(b)) })
			var got []string
			for _, pod := range pods {
				got = append(got, pod.Name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func compare(a, b gang.Order) int {
	switch {
	case a.Before(b):
		return -1
	case b.Before(a):
		return 1
	}
	return 0
}

// TestOrderIsStrictAndWeak also checks that gangs stay together and that keys do not change while others come and go.
func TestOrderIsStrictAndWeak(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := gang.NewLedger()
		one := rapid.Custom(func(t *rapid.T) queued {
			return queued{
				gang:     rapid.SampledFrom([]string{"", "g", "h", "p3"}).Draw(t, "gang"),
				rank:     rapid.SampledFrom([]string{"", "", "0001", "0002", "bad"}).Draw(t, "rank"),
				priority: rapid.Int32Range(-1, 1).Draw(t, "priority"),
				age:      rapid.IntRange(0, 2).Draw(t, "age"),
			}
		})
		var pods []*corev1.Pod
		first := map[types.UID]gang.Order{}
		for i, q := range rapid.SliceOfN(one, 3, 12).Draw(t, "pods") {
			pod := q.pod("p" + strconv.Itoa(i))
			l.Observe(pod)
			pods = append(pods, pod)
			first[pod.UID] = l.Order(pod)
		}
		if gone := pods[0]; rapid.Bool().Draw(t, "one is deleted") {
			l.Forget(gone.UID)
		}
		for _, a := range pods {
			if l.Order(a) != first[a.UID] {
				t.Fatalf("the key of %s changed", a.Name)
			}
			for _, b := range pods {
				checkTriple(t, l, a, b, pods)
			}
		}
	})
}

func checkTriple(t *rapid.T, l *gang.Ledger, a, b *corev1.Pod, pods []*corev1.Pod) {
	less := func(x, y *corev1.Pod) bool { return l.Order(x).Before(l.Order(y)) }
	if a.UID == b.UID {
		if less(a, b) {
			t.Fatalf("%s goes before itself", a.Name)
		}
		return
	}
	if less(a, b) == less(b, a) {
		t.Fatalf("%s and %s are not in order", a.Name, b.Name)
	}
	for _, c := range pods {
		if less(a, b) && less(b, c) && !less(a, c) {
			t.Fatalf("%s, %s, %s are not transitive", a.Name, b.Name, c.Name)
		}
		together := a.Labels[batchmeta.Gang] != "" && a.Labels[batchmeta.Gang] == c.Labels[batchmeta.Gang]
		if together && b.Labels[batchmeta.Gang] != a.Labels[batchmeta.Gang] && less(a, b) && less(b, c) {
			t.Fatalf("%s stands between %s and %s of one gang", b.Name, a.Name, c.Name)
		}
	}
}
