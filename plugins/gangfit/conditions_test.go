// SPDX-License-Identifier: Apache-2.0

package gangfit

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestWhatIsNewsToAMember(t *testing.T) {
	t.Parallel()
	const reason = "gang g: 0 of 1 members fit"
	cases := map[string]struct {
		told          string // before, by the teller
		code, message string // of its condition; none if empty
		want          bool
	}{
		"nobody said anything":                      {want: true},
		"it says so":                                {code: corev1.PodReasonUnschedulable, message: reason},
		"it says something else":                    {code: corev1.PodReasonUnschedulable, message: "gang g: 1 of 2 members exist", want: true},
		"it was told, and kube-scheduler said so":   {told: reason, code: corev1.PodReasonUnschedulable, message: "0/3 nodes are available: " + reason + "."},
		"it was told, but of an error since":        {told: reason, code: corev1.PodReasonSchedulerError, message: "bind pod p: no answer", want: true},
		"it was told, which may not be seen yet":    {told: reason},
		"it was told another reason":                {told: "gang g: 1 of 2 members exist", want: true},
		"it was told another reason, and says ours": {told: "gang g: 1 of 2 members exist", code: corev1.PodReasonUnschedulable, message: reason},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := &corev1.Pod{}
			pod.UID = "p"
			if tc.code != "" {
				pod.Status.Conditions = []corev1.PodCondition{
					{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: tc.code, Message: tc.message},
				}
			}
			g := &telling{told: map[types.UID]string{}}
			if tc.told != "" {
				g.told[pod.UID] = tc.told
			}
			if got := (&teller{}).isNews(g, pod, reason); got != tc.want {
				t.Errorf("news: %t", got)
			}
		})
	}
}
