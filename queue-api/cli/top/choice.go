// SPDX-License-Identifier: Apache-2.0

package top

// Pane is a part of the view.
type Pane int

// The panes.
const (
	Queues Pane = iota
	Nodes
	panes
)

// Choice is what the viewer wants to see.
type Choice struct {
	Pane   Pane // whose rows move and are sorted
	IsHeld bool // nothing is refreshed
	// Of each pane:
	Sort      [panes]int // which of its orders
	IsReverse [panes]bool
	Top       [panes]int // first row that is shown
}

// Key is a key that was pressed.
type Key rune

// Keys that are no characters.
const (
	Up Key = -iota - 1
	Down
	PageUp
	PageDown
	Home
	End
	Interrupt
)

const page = 10

// Press is a key's effect. It tells whether the view goes on.
func (c *Choice) Press(k Key) bool {
	p := c.Pane
	switch k {
	case 'q', 'Q', Interrupt:
		return false
	case '\t':
		c.Pane = (p + 1) % panes
	case ' ':
		c.IsHeld = !c.IsHeld
	case 's':
		c.Sort[p] = (c.Sort[p] + 1) % len(orders[p])
		c.Top[p], c.IsReverse[p] = 0, false
	case 'r':
		c.IsReverse[p] = !c.IsReverse[p]
	case Up, 'k':
		c.Top[p]--
	case Down, 'j':
		c.Top[p]++
	case PageUp:
		c.Top[p] -= page
	case PageDown:
		c.Top[p] += page
	case Home, 'g':
		c.Top[p] = 0
	case End, 'G':
		c.Top[p] = 1 << 30 // Frame holds it to what there is
	}
	c.Top[p] = max(c.Top[p], 0)
	return true
}

// sequences are what terminals send for keys that are no characters.
var sequences = map[string]Key{
	"\x1b[A": Up, "\x1bOA": Up, "\x1b[B": Down, "\x1bOB": Down, "\x1b[5~": PageUp, "\x1b[6~": PageDown,
	"\x1b[H": Home, "\x1b[1~": Home, "\x1bOH": Home, "\x1b[F": End, "\x1b[4~": End, "\x1bOF": End,
}

// Keys reads what a terminal sent. Sequences that are not known are no keys.
func Keys(sent string) []Key {
	var keys []Key
	for len(sent) > 0 {
		n := 1
		switch c := sent[0]; {
		case c == 0x1b:
			n = sequence(sent)
			if k, ok := sequences[sent[:n]]; ok {
				keys = append(keys, k)
			}
		case c == 3 || c == 4: // Ctrl-C and Ctrl-D: the terminal is in raw mode
			keys = append(keys, Interrupt)
		case c < 0x80:
			keys = append(keys, Key(c))
		}
		sent = sent[n:]
	}
	return keys
}

// sequence is how long the sequence is that sent begins with.
func sequence(sent string) int {
	if len(sent) < 2 || sent[1] != '[' && sent[1] != 'O' {
		return 1
	}
	for i := 2; i < len(sent); i++ {
		if c := sent[i]; c >= 0x40 && c <= 0x7e {
			return i + 1
		}
	}
	return len(sent)
}
