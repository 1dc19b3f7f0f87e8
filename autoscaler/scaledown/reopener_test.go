// SPDX-License-Identifier: Apache-2.0

package scaledown

import (
	"errors"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/autoscaler/cluster-autoscaler/utils/taints"
	clienttesting "k8s.io/client-go/testing"
)

// ending are the provider ids of instances that are being ended.
type ending map[string]bool

func (e ending) Hold(providerID string, do func() error) (bool, error) {
	if e[providerID] {
		return false, nil
	}
	return true, do()
}

// A node stays closed when the API server was away just as its end failed: cluster-autoscaler opens it once, then forgets it.
func TestNodesThatWereNotEndedAreOpenedAgain(t *testing.T) {
	t.Parallel()
	closed := func(name string, at int64) *corev1.Node {
		n := nodeOf(name, "1")
		n.Spec.ProviderID = "fleet:///" + name
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{
			Key: taints.ToBeDeletedTaint, Value: strconv.FormatInt(at, 10), Effect: corev1.TaintEffectNoSchedule,
		})
		return n
	}
	s := newSite(t, closed("failed", 1000), closed("ending", 1000), closed("new", 1010), nodeOf("open", "1"))
	r := NewReopener(s.client.CoreV1().Nodes(), s, ending{"fleet:///ending": true}, 30*time.Second, s.clock)
	isAway := true
	s.client.PrependReactor("patch", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		return isAway, nil, errors.New("connection refused")
	})
	for _, step := range []struct {
		after         time.Duration
		isAway, fails bool
		want          map[string]bool // closed
	}{
		{after: 29 * time.Second, want: map[string]bool{"failed": true, "ending": true, "new": true}},
		{after: time.Second, isAway: true, fails: true, want: map[string]bool{"failed": true, "ending": true, "new": true}},
		{after: 0, want: map[string]bool{"failed": false, "ending": true, "new": true, "open": false}},
		{after: 10 * time.Second, want: map[string]bool{"ending": true, "new": false}},
	} {
		s.clock.Step(step.after)
		isAway = step.isAway
		if err := r.Reopen(t.Context()); (err != nil) != step.fails {
			t.Errorf("Reopen = %v, want an error: %v", err, step.fails)
		}
		for name, want := range step.want {
			n, err := s.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := taints.HasToBeDeletedTaint(n); got != want {
				t.Errorf("at %v, %s is closed: %v, want %v", s.clock.Now().Unix(), name, got, want)
			}
			if len(n.Spec.Taints) == 0 || n.Spec.Taints[0].Value != "u" {
				t.Errorf("%s has lost the taint of its environment: %v", name, n.Spec.Taints)
			}
		}
	}
}
