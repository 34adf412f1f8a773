package terminal

import (
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// Color is the code of a status's color. A failure that is allowed is a warning.
func Color(s gitlabjobs.Status, mayFail bool) string {
	switch s {
	case gitlabjobs.StatusSuccess:
		return Green
	case gitlabjobs.StatusFailed:
		if mayFail {
			return Yellow
		}
		return Red
	case gitlabjobs.StatusRunning, gitlabjobs.StatusCanceling:
		return Blue
	case gitlabjobs.StatusPending, gitlabjobs.StatusPreparing, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusWaitingForCallback:
		return Yellow
	default:
		return Dim
	}
}

// Sign is a status in one character. A failure that is allowed is a warning.
func Sign(s gitlabjobs.Status, mayFail bool) string {
	switch s {
	case gitlabjobs.StatusSuccess:
		return "✓"
	case gitlabjobs.StatusFailed:
		if mayFail {
			return "!"
		}
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

// Took is how long a job has run, in whole seconds; a dash before it has started.
func Took(duration *float64) string {
	if duration == nil {
		return "-"
	}
	return Elapsed(Seconds(duration))
}

// Seconds makes a duration of GitLab's seconds; 0 of none.
func Seconds(duration *float64) time.Duration {
	if duration == nil {
		return 0
	}
	return time.Duration(*duration * float64(time.Second))
}

// Elapsed writes a time in at most 6 columns, for less than 100 hours: 48s, 2m03s,
// 1h07m.
func Elapsed(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
}
