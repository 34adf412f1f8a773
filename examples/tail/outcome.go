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

// outcome is the result of the program.
type outcome struct {
	code        int
	color, sign string
	label       string // For example, "success".
	reason      string
}

// outcomeOf returns the outcome for a job and an error. The job is nil if there was no
// response.
func outcomeOf(t *target.Target, job *gitlabjobs.Job, lines int, err error) outcome {
	name := fmt.Sprintf("job %d of %s", t.ID, terminal.Clean(string(t.Project)))
	if job != nil {
		name = fmt.Sprintf("job %s (%d) of %s", terminal.Clean(job.Name), t.ID, terminal.Clean(string(t.Project)))
	}
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		return outcome{exit.Blocked, terminal.Yellow, "▷", "blocked", name + " is manual: play it to start it"}
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
		o.reason += " after " + terminal.JobDuration(job.Duration)
	}
	if job.Status == gitlabjobs.StatusFailed {
		if job.FailureReason != "" {
			o.reason += ": " + terminal.Clean(string(job.FailureReason))
		}
		if job.AllowFailure {
			o.reason += " (allowed to fail)"
		}
	}
	switch {
	case !job.ErasedAt.IsZero():
		o.reason += "; the log was erased at " + job.ErasedAt.Local().Format(time.DateTime)
	case lines == 0 && job.StartedAt.IsZero():
		o.reason += "; the log is empty, because the job never started"
	case lines == 0:
		o.reason += "; the log is empty"
	}
	return o
}
