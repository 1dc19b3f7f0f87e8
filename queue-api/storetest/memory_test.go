// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func openMemory(*testing.T) Store { return NewMemory() }

func TestMemory(t *testing.T) {
	Run(t, openMemory)
	RunArrays(t, openMemory)
	RunDependencies(t, openMemory)
	RunShares(t, openMemory)
	RunConsumables(t, openMemory)
	RunPolicies(t, openMemory)
	RunTags(t, openMemory)
	RunOutbox(t, openMemory)
	RunRetention(t, func(_ *testing.T, retention time.Duration, clock *clocktesting.FakeClock) Store {
		m := NewMemory()
		m.Now, m.Retention = clock.Now, retention
		return m
	})
	RunSpending(t, func(_ *testing.T, clock *clocktesting.FakeClock) Store {
		m := NewMemory()
		m.Now = clock.Now
		return m
	})
}

func TestModel(t *testing.T) {
	RunModel(t, 1, 50, openMemory)
}
