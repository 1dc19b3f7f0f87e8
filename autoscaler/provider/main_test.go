// SPDX-License-Identifier: Apache-2.0

package provider

import (
	"testing"

	"github.com/muster-batch/muster/hack/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
