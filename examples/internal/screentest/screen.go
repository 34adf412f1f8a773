// Package screentest has terminals for the tests of the examples: a terminal in memory, which
// can be saved as a picture, and a real one, tmux.
package screentest

import (
	"strings"
	"sync"
	"testing"

	"example.com/gitlabjobs/examples/internal/terminal"
)

// Screen is a terminal in memory. It supports the control codes that the examples use.
type Screen struct {
	tb            testing.TB
	columns, rows int

	mu        sync.Mutex // Protects the fields below.
	cells     [][]cell   // The rows, including those that have scrolled off the top.
	main      *Screen    // The state before FullScreen.
	top       int        // The index of the first row on the screen.
	x, y      int        // The cursor. y is an index of cells.
	style     style
	noWrap    bool
	truncated int // The number of characters that did not fit.
	unparsed  string
}

// cell is a column of a row. The second column of a wide character is empty.
type cell struct {
	text  string
	style style
}

// New returns a screen of the given size.
func New(tb testing.TB, columns, rows int) *Screen {
	tb.Helper()
	return &Screen{tb: tb, columns: columns, rows: rows, cells: make([][]cell, 1)}
}

// Terminal returns the screen for the program under test.
func (s *Screen) Terminal() *terminal.Screen {
	return &terminal.Screen{Writer: s, Size: func() (int, int) { return s.columns, s.rows }}
}

// Truncated returns the number of characters that did not fit into a row with NoWrap.
func (s *Screen) Truncated() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.truncated
}

// String returns the text on the screen, without space at the ends of rows.
func (s *Screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text strings.Builder
	for _, row := range s.cells[s.top:] {
		var line strings.Builder
		for _, c := range row {
			line.WriteString(c.text)
		}
		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return strings.TrimRight(text.String(), "\n")
}

// Write writes text and control codes to the screen.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.unparsed + string(p)
	s.unparsed = ""
	for text != "" {
		plain, rest, found := strings.Cut(text, "\x1b[")
		s.print(plain)
		if text = rest; !found {
			break
		}
		end := strings.IndexFunc(text, func(r rune) bool { return r >= '@' })
		if end < 0 {
			s.unparsed = "\x1b[" + text
			break
		}
		s.apply(text[:end], text[end])
		text = text[end+1:]
	}
	return len(p), nil
}

func (s *Screen) print(text string) {
	for c, width := range terminal.Characters(text) {
		switch c {
		case "\r":
			s.x = 0
		case "\n": // Terminals add a carriage return to the line breaks of a program.
			s.x = 0
			s.down()
		default:
			if s.x+width > s.columns {
				if s.noWrap {
					s.truncated++
					continue
				}
				s.x = 0
				s.down()
			}
			s.put(c, width)
		}
	}
}

func (s *Screen) put(c string, width int) {
	row := s.cells[s.y]
	for len(row) < s.x+width {
		row = append(row, cell{text: " "})
	}
	row[s.x] = cell{c, s.style}
	for i := 1; i < width; i++ {
		row[s.x+i] = cell{"", s.style}
	}
	s.cells[s.y] = row
	s.x += width
}

func (s *Screen) down() {
	if s.y++; s.y == len(s.cells) {
		s.cells = append(s.cells, nil)
	}
	s.top = max(s.top, s.y-s.rows+1)
}

func (s *Screen) apply(parameter string, code byte) {
	switch string(code) + parameter {
	case "H":
		s.x, s.y = 0, s.top
	case "K":
		s.cells[s.y] = s.cells[s.y][:min(s.x, len(s.cells[s.y]))]
	case "J":
		s.cells[s.y] = s.cells[s.y][:min(s.x, len(s.cells[s.y]))]
		s.cells = s.cells[:s.y+1]
	case "l?7", "h?7":
		s.noWrap = code == 'l'
	case "h?25", "l?25":
	case "h?1049":
		s.main = &Screen{cells: s.cells, top: s.top, x: s.x, y: s.y}
		s.cells, s.top, s.x, s.y = make([][]cell, 1), 0, 0, 0
	case "l?1049":
		s.cells, s.top, s.x, s.y = s.main.cells, s.main.top, s.main.x, s.main.y
	default:
		switch code {
		case 'm':
			s.style.apply(parameter)
		case 'A':
			s.y = max(s.y-number(parameter), s.top)
		default:
			s.tb.Errorf("the screen does not support the control code %q", parameter+string(code))
		}
	}
}
