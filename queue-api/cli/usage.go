// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// strict has the commands below one say what they take where they were given something else, and note when they begin.
func (f *frame) strict(parent *cobra.Command) {
	for _, c := range parent.Commands() {
		f.strict(c)
		if c.Runnable() {
			f.strictOne(c)
		} else {
			c.RunE = runGroup
		}
	}
}

func (f *frame) strictOne(c *cobra.Command) {
	if takes := c.Args; takes != nil {
		if takes(c, []string{"x"}) != nil && c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		c.Args = func(c *cobra.Command, args []string) error {
			if takes(c, args) == nil {
				return nil
			}
			problem := "too many arguments"
			if takes(c, append(args, "x", "x")) == nil || takes(c, append(args, "x")) == nil {
				problem = "too few arguments"
			}
			return fmt.Errorf("%s: the command is %s", problem, c.UseLine())
		}
	}
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			f.started = true
			return run(c, args)
		}
	}
}

// runGroup is a command that has others below it, and was called without one of them.
func runGroup(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	text := fmt.Sprintf("unknown command %.64q for %q", args[0], c.CommandPath())
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if alike := c.SuggestionsFor(args[0]); len(alike) > 0 {
		text += "; did you mean " + strings.Join(alike, " or ") + "?"
	}
	return usagef("%s", text)
}
