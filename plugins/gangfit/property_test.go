// SPDX-License-Identifier: Apache-2.0

package gangfit_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2/textlogger"

	"github.com/muster-batch/muster/plugins/plugintest/virtual"
)

// TestGangsInTrouble has random gangs compete on random clusters whose scheduler hears of everything up to 5 s late, whose
// Bindings fail, whose nodes die and whose leaders are killed in the middle of everything. Whenever a cluster comes to
// rest, no gang is bound in part, no node has too much, nothing is held by a gang that waits, none waits that fits, and
// those that wait say why. In the end, all that fit have run.
//
// MUSTER_GANGS is how many gangs there are, MUSTER_SEED the first world's seed, MUSTER_LOG the verbosity of the
// schedulers' logs, which have virtual time.
func TestGangsInTrouble(t *testing.T) {
	gangs, seed := setting(t, "MUSTER_GANGS", 1000), setting(t, "MUSTER_SEED", 1)
	total := &counts{deaths: map[virtual.Point]int{}}
	for world := seed; total.gangs < gangs; world++ {
		t.Run("seed "+strconv.Itoa(world), func(t *testing.T) { runWorld(t, uint64(world), total) })
	}
	total.print(t)
}

// logger returns where the schedulers log to.
func logger(t *testing.T) logr.Logger {
	t.Helper()
	verbosity := setting(t, "MUSTER_LOG", -1)
	if verbosity < 0 {
		return logr.Discard()
	}
	return textlogger.NewLogger(textlogger.NewConfig(textlogger.Verbosity(verbosity)))
}

func setting(t *testing.T, name string, value int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return value
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}
