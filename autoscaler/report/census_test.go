// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	testclock "k8s.io/utils/clock/testing"

	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// The number is said at first, when it changes, and now and then, so that who waits for none can tell that it was
// counted again.
func TestCensus(t *testing.T) {
	t.Parallel()
	api, clock := fake.NewClientset(), testclock.NewFakeClock(time.Now())
	n := 0
	c := NewCensus(api.CoreV1().ConfigMaps(namespace), func() int { return n }, CensusConfig{Clock: clock})
	say := func() map[string]string {
		t.Helper()
		if err := c.Say(t.Context()); err != nil {
			t.Fatal(err)
		}
		cm, err := api.CoreV1().ConfigMaps(namespace).Get(t.Context(), batchmeta.InstancesReport, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return cm.Data
	}
	first := say()
	if first[batchmeta.InstancesCount] != "0" {
		t.Errorf("data = %v", first)
	}
	clock.Step(time.Second)
	if again := say(); again[batchmeta.InstancesCountedAt] != first[batchmeta.InstancesCountedAt] {
		t.Error("the same number was said again a second later")
	}
	n = 3
	if data := say(); data[batchmeta.InstancesCount] != "3" {
		t.Errorf("data = %v", data)
	}
	clock.Step(15 * time.Second)
	if data := say(); data[batchmeta.InstancesCount] != "3" || data[batchmeta.InstancesCountedAt] == first[batchmeta.InstancesCountedAt] {
		t.Errorf("data = %v", data)
	}
}
