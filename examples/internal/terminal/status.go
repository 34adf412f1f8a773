package terminal

import (
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// Color returns the control code for the color of a status. An allowed failure is yellow.
func Color(s gitlabjobs.Status, allowFailure bool) string {
	switch s {
	case gitlabjobs.StatusSuccess:
		return Green
	case gitlabjobs.StatusFailed:
		if allowFailure {
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

// Sign returns a character for a status. An allowed failure is an exclamation mark.
func Sign(s gitlabjobs.Status, allowFailure bool) string {
	switch s {
	case gitlabjobs.StatusSuccess:
		return "✓"
	case gitlabjobs.StatusFailed:
		if allowFailure {
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

// JobDuration formats the duration of a job. It is a dash if the job has not started.
func JobDuration(duration *float64) string {
	if duration == nil {
		return "-"
	}
	return Elapsed(Seconds(duration))
}

// Seconds converts a duration from GitLab. It returns 0 for nil.
func Seconds(duration *float64) time.Duration {
	if duration == nil {
		return 0
	}
	return time.Duration(*duration * float64(time.Second))
}

// Elapsed formats a duration in whole seconds, such as 48s, 2m03s or 1h07m. For less than 100
// hours, the text has at most 6 columns.
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
