// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"
)

// completionExamples are by shell.
var completionExamples = map[string]string{
	"bash":       "  source <(muster completion bash)",
	"zsh":        `  muster completion zsh >"${fpath[1]}/_muster"`,
	"fish":       "  muster completion fish | source",
	"powershell": "  muster completion powershell | Out-String | Invoke-Expression",
}

// addCompletion adds cobra's own command, with examples.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.GroupID, c.Example = groupProgram, completionExamples["bash"]
		for _, shell := range c.Commands() {
			shell.Example = completionExamples[shell.Name()]
		}
	}
}
