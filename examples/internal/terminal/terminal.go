// Package terminal writes text and control codes to terminals.
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
	Resized <-chan os.Signal // Receives a value when the size has changed. Nil if the system does not report this.
}

// Open returns a screen for a file. It returns nil if the program should write plain text,
// because the file is not a terminal, or because the environment disables control codes.
func Open(f *os.File, getenv func(string) string) *Screen {
	fd := int(f.Fd())
	if !term.IsTerminal(fd) || getenv("TERM") == "dumb" || getenv("NO_COLOR") != "" || !enableCodes(f) {
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

// Redraw calls draw every 100 milliseconds, and when the size of the screen has changed, until
// the context ends.
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
