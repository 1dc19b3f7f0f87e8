// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"testing"

	"github.com/muster-batch/muster/queue-api/storetest"
)

// TestModel compares the store over the Redis of --dev with storetest.Memory: 2,000 sequences of 50 steps, or 200 in a short
// run.
func TestModel(t *testing.T) {
	t.Parallel()
	rounds := 10
	if testing.Short() {
		rounds = 1
	}
	for _, half := range []string{"first half", "second half"} {
		t.Run(half, func(t *testing.T) {
			t.Parallel()
			client := startMiniredis(t)
			storetest.RunModel(t, rounds, 50, func(t *testing.T) storetest.Store {
				t.Helper()
				if err := client.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				return New(client, Config{})
			})
		})
	}
}
