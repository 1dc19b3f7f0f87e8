// SPDX-License-Identifier: Apache-2.0

package machines

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/muster-batch/muster/hack/faults/check"
)

// Plan says how long things take and how they end, by the seed and by what they are: never by when.
type Plan struct {
	Seed uint64
	// Longest is how long a pod runs at most that does not say it itself.
	Longest time.Duration
}

// DurationVariable is the variable of a container by which its pod says how long it runs.
const DurationVariable = "RIG_DURATION"

// failing is how many of a hundred attempts fail.
const failing = 15

func (p Plan) random(what ...any) *rand.Rand {
	digest := fnv.New64a()
	fmt.Fprint(digest, what...)
	return rand.New(rand.NewPCG(p.Seed, binary.BigEndian.Uint64(digest.Sum(nil)))) //nolint:gosec // it has to be the same again
}

func (p Plan) boot(instance string, most time.Duration) time.Duration {
	return time.Duration(p.random("boot", instance).Int64N(int64(most)))
}

// run says how long an attempt runs and with which code it exits. Most are short.
func (p Plan) run(pod *corev1.Pod, a check.Attempt) (d time.Duration, exitCode int) {
	r := p.random(a)
	share := r.Float64()
	d = time.Duration(share * share * share * float64(p.Longest))
	if r.IntN(100) < failing {
		exitCode = []int{1, 2, 42}[r.IntN(3)]
	}
	for _, v := range pod.Spec.Containers[0].Env {
		if v.Name == DurationVariable {
			if told, err := time.ParseDuration(v.Value); err == nil {
				d = told
			}
		}
	}
	return d, exitCode
}
