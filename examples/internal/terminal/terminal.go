// Package terminal is what the examples know of terminals.
package terminal

import (
	"fmt"
	"os"
	"time"

	"example.com/gitlabjobs"
)

// Is reports whether a file is a terminal, and not a pipe or a file on a disk.
func Is(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Codes that a terminal obeys.
const (
	Reset      = "\x1b[0m"
	Bold       = "\x1b[1m"
	Dim        = "\x1b[2m"
	ClearLine  = "\r\x1b[K"
	ClearBelow = "\x1b[J"
)

// Up moves the cursor n lines up.
func Up(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA", n)
}

// Colour is the code of a status's colour.
func Colour(s gitlabjobs.Status) string {
	switch s {
	case gitlabjobs.StatusSuccess:
		return "\x1b[32m"
	case gitlabjobs.StatusFailed:
		return "\x1b[31m"
	case gitlabjobs.StatusRunning, gitlabjobs.StatusCanceling:
		return "\x1b[34m"
	case gitlabjobs.StatusPending, gitlabjobs.StatusPreparing, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusWaitingForCallback:
		return "\x1b[33m"
	default:
		return Dim
	}
}

// Sign is a status in one character.
func Sign(s gitlabjobs.Status) string {
	switch s {
	case gitlabjobs.StatusSuccess:
		return "✓"
	case gitlabjobs.StatusFailed:
		return "✗"
	case gitlabjobs.StatusRunning:
		return "●"
	case gitlabjobs.StatusCanceled, gitlabjobs.StatusCanceling:
		return "⊘"
	case gitlabjobs.StatusSkipped:
		return "»"
	case gitlabjobs.StatusManual, gitlabjobs.StatusScheduled:
		return "▷"
	default:
		return "○"
	}
}

// Took is how long a job has run, in whole seconds; a dash before it has begun.
func Took(job *gitlabjobs.Job) string {
	if job.Duration == nil {
		return "-"
	}
	return time.Duration(*job.Duration * float64(time.Second)).Round(time.Second).String()
}
