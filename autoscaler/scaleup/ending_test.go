// SPDX-License-Identifier: Apache-2.0

package scaleup

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestIsEnding(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	in := func(d time.Duration) *metav1.Time { return new(metav1.NewTime(now.Add(d))) }
	cases := map[string]struct {
		deletion *metav1.Time
		want     bool
	}{
		"a pod that runs":                                 {},
		"a victim within its grace period":                {deletion: in(30 * time.Second), want: true},
		"one that is being killed":                        {deletion: in(-time.Second), want: true},
		"one whose grace period outlasts a node's coming": {deletion: in(10 * time.Minute)},
		"one that is stuck":                               {deletion: in(-10 * time.Minute)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: tc.deletion}}
			if got := isEnding(p, now); got != tc.want {
				t.Errorf("isEnding = %t", got)
			}
		})
	}
}
