// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/clock"

	"github.com/muster-batch/muster/autoscaler/imds"
	"github.com/muster-batch/muster/autoscaler/interruption"
)

// sayings is a source that says something else each time, and its last word for ever.
type sayings struct {
	words [][]interruption.Notice
	errs  []error
	asked int
}

func (s *sayings) Notices(context.Context) ([]interruption.Notice, error) {
	n := s.asked
	s.asked++
	var err error
	if n < len(s.errs) {
		err = s.errs[n]
	}
	return s.words[min(n, len(s.words)-1)], err
}

func newAnnouncer(s source) (*announcer, *fake.Clientset) {
	client := fake.NewClientset(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{ProviderID: "aws:///us-east-1a/i-1"},
	})
	return &announcer{
		node: "n", interval: 5 * time.Second, source: s, clock: clock.RealClock{},
		marker: interruption.NewMarker(client.CoreV1().Nodes(), clock.RealClock{}),
	}, client
}

func taints(t *testing.T, client *fake.Clientset) (out []string) {
	t.Helper()
	node, err := client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, taint := range node.Spec.Taints {
		out = append(out, taint.ToString())
	}
	return out
}

func TestANodeIsMarkedWithinOneInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rebalance := interruption.Notice{Kind: interruption.Rebalance, InstanceID: "i-1"}
		spot := interruption.Notice{Kind: interruption.Spot, InstanceID: "i-1", Deadline: time.Now().Add(2 * time.Minute)}
		a, client := newAnnouncer(&sayings{
			words: [][]interruption.Notice{nil, {rebalance}, {rebalance}, {spot, rebalance}},
			errs:  []error{errors.New("not yet"), nil, errors.New("a part cannot be read")},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- a.Run(ctx) }()
		for _, want := range [][]string{
			nil,
			{"muster.sh/interruption=rebalance:NoSchedule"},
			{"muster.sh/interruption=rebalance:NoSchedule"},
			{"muster.sh/interruption=rebalance:NoSchedule", "muster.sh/interruption=spot:NoExecute"},
			{"muster.sh/interruption=rebalance:NoSchedule", "muster.sh/interruption=spot:NoExecute"},
		} {
			synctest.Wait()
			if got := taints(t, client); !slices.Equal(got, want) {
				t.Errorf("taints %v, want %v", got, want)
			}
			time.Sleep(a.interval)
		}
		writes := 0
		for _, action := range client.Actions() {
			if action.GetVerb() == "patch" {
				writes++
			}
		}
		if writes != 2 {
			t.Errorf("%d writes, want one for each announcement", writes)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOptions(t *testing.T) {
	t.Setenv("NODE_NAME", "n")
	if o := newOptions(); o.Validate(nil) != nil || o.MetadataEndpoint != imds.Endpoint {
		t.Errorf("%+v: %v", o, o.Validate(nil))
	}
	for name, o := range map[string]options{
		"no node":     {Interval: time.Second, MetadataEndpoint: imds.Endpoint},
		"no interval": {Node: "n", MetadataEndpoint: imds.Endpoint},
		"no URL":      {Node: "n", Interval: time.Second, MetadataEndpoint: "169.254.169.254"},
	} {
		if o.Validate(nil) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := newOptions().Validate([]string{"run"}); err == nil {
		t.Error("an argument: no error")
	}
}
