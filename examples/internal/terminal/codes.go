package terminal

import (
	"fmt"
	"strings"
)

// Control codes.
const (
	Reset  = "\x1b[0m"
	Bold   = "\x1b[1m"
	Dim    = "\x1b[2m"
	Red    = "\x1b[31m"
	Green  = "\x1b[32m"
	Yellow = "\x1b[33m"
	Blue   = "\x1b[34m"

	Home       = "\x1b[H"        // Moves the cursor to the first row.
	ClearRight = "\x1b[K"        // Clears the rest of the row.
	ClearBelow = "\x1b[0m\x1b[J" // Clears the rest of the row, and the rows below.
	NoWrap     = "\x1b[?7l"      // Cuts text that does not fit into a row.
	Wrap       = "\x1b[?7h"

	// FullScreen switches to the alternate screen and hides the cursor, until FullScreenEnd.
	FullScreen    = "\x1b[?1049h\x1b[?25l" + NoWrap
	FullScreenEnd = Wrap + "\x1b[?25h\x1b[?1049l"
)

// Up moves the cursor n rows up.
func Up(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA", n)
}

// Span is text in one style.
type Span struct {
	Style string // A control code, or empty.
	Text  string
}

// Row joins spans to a row and cuts it after a number of columns.
func Row(columns int, spans ...Span) string {
	var row strings.Builder
	for _, span := range spans {
		text := End(span.Text, columns)
		columns -= Width(text)
		if span.Style == "" || text == "" {
			row.WriteString(text)
		} else {
			row.WriteString(span.Style + text + Reset)
		}
	}
	return row.String()
}
