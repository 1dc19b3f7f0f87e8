// SPDX-License-Identifier: Apache-2.0

package output

// Style is how a terminal shows text. The zero Style is as it shows any text.
type Style string

// The styles, as ANSI numbers them.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
)

// statusStyles are those of statuses of jobs, and of what has a state.
var statusStyles = map[string]Style{
	"SUCCEEDED": Green, "FAILED": Red, "RUNNING": Blue, "STARTING": Blue, "RUNNABLE": Yellow,
	"VALID": Green, "INVALID": Red, "ENABLED": Plain, "DISABLED": Yellow, "PAUSED": Yellow, "DELETING": Yellow, "UPDATING": Yellow, "CREATING": Yellow,
}

// OfStatus is the style of a status.
func OfStatus(status string) Style { return statusStyles[status] }

// Paint gives clean text a style, if there are colours.
func (p *Printer) Paint(s Style, text string) string {
	if !p.Colors || s == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
