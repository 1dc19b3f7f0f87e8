// SPDX-License-Identifier: Apache-2.0

package nemesis

import (
	"math/rand/v2"
	"testing"

	"github.com/muster-batch/muster/hack/faults/stack"
)

func TestReplicasWeighAsTheirProgram(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{
		stack.Redis: weights[stack.Redis], stack.QueueAPI + "-1": weights[stack.QueueAPI], stack.Autoscaler + "-2": weights[stack.Autoscaler], "other": 1,
	} {
		if got := weightOf(name); got != want {
			t.Errorf("weight of %s is %d, want %d", name, got, want)
		}
	}
}

func TestDrawnByWeight(t *testing.T) {
	t.Parallel()
	const draws = 10_000
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // it has to be the same again
	drawn := map[int]int{}
	for range draws {
		drawn[draw(r, []int{1, 3, 0, 6}, func(n int) int { return n })]++
	}
	for weight, share := range map[int]int{1: draws / 10, 3: draws * 3 / 10, 0: 0, 6: draws * 6 / 10} {
		if got := drawn[weight]; got < share*9/10 || got > share*11/10 {
			t.Errorf("what weighs %d was drawn %d times, want about %d", weight, got, share)
		}
	}
}
