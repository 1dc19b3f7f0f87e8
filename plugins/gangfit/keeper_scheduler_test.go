// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-batch/muster/plugins/plugintest"
	"github.com/muster-batch/muster/queue-api/batchmeta"
)

// later returns a pod that comes after all gangs of a test; it has a deadline unless that is 0.
func later(name string, cpus int, deadline int64) *corev1.Pod {
	pod := plugintest.Pod(name, cpus)
	pod.CreationTimestamp = metav1.NewTime(pod.CreationTimestamp.Add(time.Hour))
	if deadline > 0 {
		pod.Spec.ActiveDeadlineSeconds = &deadline
	}
	return pod
}

func TestGangThatIsNextIsNotOvertakenForEver(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 4), plugintest.Node("b", 4))
	c.CreatePods(later("long", 4, 3600), later("short", 3, 60))
	c.AwaitBound("long", "short")
	members := annotated(plugintest.Gang("g", 2, 4), batchmeta.Rank, "0001") // its queue says that it is next
	c.CreatePods(members...)
	c.AwaitUnschedulable("gang g: 0 of 2 members fit", plugintest.Names(members)...)
	forever := awaitKept(c)
	c.CreatePods(later("quick", 1, 60))
	c.AwaitBound("quick") // it is over before the gang can come
	c.DeletePods("short", "quick")
	c.CreatePods(later("forever-too", 1, 0))
	c.AwaitUnschedulable("keep room for gang default/g", "forever-too")
	c.DeletePods("long")
	c.AwaitBound(plugintest.Names(members)...)
	c.DeletePods(plugintest.Names(members)...)
	c.AwaitBound(forever, "forever-too")
}

// awaitKept returns the name of a pod that is kept off the room that it would fit in. Room is kept a moment after the gang
// was refused.
func awaitKept(c *plugintest.Cluster) string {
	for i := 0; ; i++ {
		name := "probe-" + strconv.Itoa(i)
		c.CreatePods(later(name, 1, 0))
		c.Await(name+" was tried", func() bool { return c.Bound(name) == 1 || plugintest.Condition(c.Pod(name)) != nil })
		if c.Bound(name) == 0 {
			c.AwaitUnschedulable("keep room for gang default/g", name)
			return name
		}
		c.DeletePods(name)
	}
}

func TestNothingIsKeptFromPlainWorkWhenNoGangWaits(t *testing.T) {
	c := plugintest.Start(t, plugintest.Node("a", 4))
	members := annotated(plugintest.Gang("larger-than-all", 2, 4), batchmeta.Rank, "0001")
	c.CreatePods(members...)
	c.AwaitUnschedulable("1 of 2 members fit", plugintest.Names(members)...)
	c.CreatePods(later("single", 4, 0))
	c.AwaitBound("single")
}
