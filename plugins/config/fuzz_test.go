// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/muster-batch/muster/plugins/config"
)

// FuzzDecodeGangFit reads anything as the plugin's arguments: what is accepted is within its bounds.
func FuzzDecodeGangFit(f *testing.F) {
	f.Add([]byte("topologyKeys: [rack]\nmemberLossTimeout: 1m\nroomTimeout: 0s\n"))
	f.Add([]byte("{\"topologyKeys\":null,\"x\":&a [*a]}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		args, err := config.DecodeGangFit(&runtime.Unknown{Raw: raw})
		if err == nil && (args.MemberLossTimeout.Duration <= 0 || args.RoomTimeout == nil || args.RoomTimeout.Duration < 0) {
			t.Errorf("%s: %+v", raw, args)
		}
	})
}
