// SPDX-License-Identifier: Apache-2.0

package computeenv

import (
	"testing"

	"github.com/muster-batch/muster/hack/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
