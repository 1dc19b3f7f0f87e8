// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"testing"

	"github.com/muster-batch/muster/hack/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
