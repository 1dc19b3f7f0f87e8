// SPDX-License-Identifier: Apache-2.0

package termtest

import (
	"os/exec"
	"testing"
)

// A shell, which everybody has, on a terminal.
func TestTerminal(t *testing.T) {
	t.Parallel()
	x := Start(t, exec.Command("sh", "-c", `
		trap 'stty size; stty echo; exit 7' INT
		echo "$(stty size)"; read name; echo "hello $name"
		stty -echo; read secret; echo "is $secret"
		while :; do sleep 0.01; done`), 40, 5)
	x.AwaitText(t, "5 40")
	x.Type(t, "ann"+Enter)
	x.AwaitText(t, "hello ann")
	x.AwaitHidden(t)
	x.Type(t, "open"+Enter)
	x.AwaitText(t, "is open")
	x.Resize(t, 20, 6)
	x.Type(t, Interrupt)
	if code := x.Exit(t); code != 7 || !x.Echoes(t) {
		t.Errorf("exit code %d", code)
	}
	x.AwaitText(t, "6 20")
}
