// Package terminal is what the examples know about terminals.
package terminal

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// Screen is a terminal to draw on.
type Screen struct {
	io.Writer
	Size    func() (columns, rows int)
	Resized <-chan os.Signal // Receives when the size has changed. Nil where the system does not tell.
}

// Open returns a screen for a file. It is nil if views should write plain text: the file
// is no terminal, or the terminal or the user does not want control codes.
func Open(f *os.File, getenv func(string) string) *Screen {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) || getenv("TERM") == "dumb" || getenv("NO_COLOR") != "" || !obeysCodes(f) {
		return nil
	}
	return &Screen{Writer: f, Resized: resized(), Size: func() (columns, rows int) {
		columns, rows, err := term.GetSize(fd)
		if err != nil || columns <= 0 || rows <= 0 {
			return 80, 24
		}
		return columns, rows
	}}
}

// Redraw calls draw when the screen's size has changed, and often enough that a clock in
// seconds looks smooth, until the context ends.
func (s *Screen) Redraw(ctx context.Context, draw func()) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.Resized:
		}
		draw()
	}
}
