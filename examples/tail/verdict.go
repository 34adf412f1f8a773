package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

// outcome is how it has ended.
type outcome struct {
	code        int
	color, sign string
	word        string // In one word.
	why         string
}

// outcomeOf says how it has ended, and why. The job is nil if it was never seen.
func outcomeOf(t *target.Target, job *gitlabjobs.Job, lines int, err error) outcome {
	name := fmt.Sprintf("job %d of %s", t.ID, terminal.Clean(string(t.Project)))
	if job != nil {
		name = fmt.Sprintf("job %s (%d) of %s", terminal.Clean(job.Name), t.ID, terminal.Clean(string(t.Project)))
	}
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		return outcome{exit.Blocked, terminal.Yellow, "▷", "blocked", name + " is manual: it waits until somebody plays it"}
	case errors.Is(err, context.Canceled):
		if job != nil {
			name += fmt.Sprintf(", which was %s", terminal.Clean(string(job.Status)))
		}
		return outcome{exit.Interrupted, terminal.Yellow, "⊘", "interrupted", name}
	case err != nil:
		return outcome{exit.Error, terminal.Red, "✗", "error", terminal.Clean(err.Error())}
	}
	o := outcome{
		exit.Of(job.Status), terminal.Color(job.Status, job.AllowFailure), terminal.Sign(job.Status, job.AllowFailure),
		terminal.Clean(string(job.Status)), name,
	}
	if job.Duration != nil {
		o.why += " after " + terminal.Took(job.Duration)
	}
	if job.Status == gitlabjobs.StatusFailed {
		if job.FailureReason != "" {
			o.why += ": " + terminal.Clean(string(job.FailureReason))
		}
		if job.AllowFailure {
			o.why += ", which is allowed"
		}
	}
	switch {
	case !job.ErasedAt.IsZero():
		o.why += "; the log was erased at " + job.ErasedAt.Local().Format(time.DateTime)
	case lines == 0 && job.StartedAt.IsZero():
		o.why += "; the log is empty, as the job never started"
	case lines == 0:
		o.why += "; the log is empty"
	}
	return o
}
