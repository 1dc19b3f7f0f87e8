// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package cli

import "os"

// notifyResized never tells: there is no signal for it here.
func notifyResized() (resized <-chan os.Signal, ignore func()) { return nil, func() {} }
