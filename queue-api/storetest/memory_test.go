// SPDX-License-Identifier: Apache-2.0

package storetest

import "testing"

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) Store { return NewMemory() })
}
