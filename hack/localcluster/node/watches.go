// SPDX-License-Identifier: Apache-2.0

package node

import (
	"os"
	"strconv"
	"strings"
)

const (
	inotifySetting = "/proc/sys/fs/inotify/max_user_instances"
	// inotifyNeeded is enough for a hundred nodes. A kubelet has up to ten instances, and Debian allows root 128 in all: with
	// more than a dozen nodes the next kubelet ends at once.
	inotifyNeeded = 1024
)

// raiseWatches lets as many kubelets watch files as there may be nodes. It is the one setting of the machine's kernel that a
// node changes, and only upwards. Where that is not allowed, a few nodes run all the same.
func raiseWatches(setting string) {
	value, err := os.ReadFile(setting)
	if err != nil {
		return
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(value))); err == nil && n < inotifyNeeded {
		_ = os.WriteFile(setting, []byte(strconv.Itoa(inotifyNeeded)), 0o644)
	}
}
