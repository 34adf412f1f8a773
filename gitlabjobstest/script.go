package gitlabjobstest

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"example.com/gitlabjobs"
)

// Script runs a job without further calls: the job is pending, runs, writes
// lines to its log and ends. The server computes the job's state from the clock
// at each request, so a script needs no goroutine and works in virtual time.
type Script struct {
	Pending time.Duration      // How long the job is pending.
	Lines   int                // Number of log lines.
	Every   time.Duration      // The time before each line.
	Line    func(i int) string // Returns line i, counted from 0, with or without its newline. It must not use the server. If nil, the lines are "line 1", "line 2", ...

	Runs   time.Duration            // How long the job runs. If its lines need more time, the job runs until the last line.
	Result gitlabjobs.Status        // Success by default. With StatusRunning the job never ends.
	Reason gitlabjobs.FailureReason // The reason if Result is failed. Default: script_failure.

	// Stamped writes the log as newer runners do: see JobSpec.Stamped.
	Stamped bool
}

// validate returns what is wrong with the script, or an empty string.
func (sc *Script) validate() string {
	switch {
	case sc.Pending < 0 || sc.Every < 0 || sc.Runs < 0 || sc.Lines < 0:
		return fmt.Sprintf("the Script's Pending, Every, Runs and Lines are %v, %v, %v and %d: use 0 or more", sc.Pending, sc.Every, sc.Runs, sc.Lines)
	case sc.Result != "" && sc.Result != gitlabjobs.StatusRunning && !sc.Result.Finished():
		return fmt.Sprintf("the Script's Result is %s: use a final status, or gitlabjobs.StatusRunning for a job that never ends", sc.Result)
	case sc.Reason != "" && sc.Result != gitlabjobs.StatusFailed:
		return fmt.Sprintf("the Script's Reason is %s: set its Result to gitlabjobs.StatusFailed", sc.Reason)
	}
	return ""
}

// Run starts a script for the job, which replaces the job's previous script. If
// the job has not started, it becomes pending first.
func (j *Job) Run(script Script) {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if problem := script.validate(); problem != "" {
		j.srv.failf("Run of job %d: %s", j.id, problem)
		return
	}
	if j.deleted || j.status.Finished() || j.status == gitlabjobs.StatusCanceling {
		j.failState("Run", "StatusPending")
		return
	}
	j.writeLines(now) // Keep the lines that the previous script has written.
	j.spec.Script = &script
	if j.status == gitlabjobs.StatusRunning {
		j.transitions++ // Cancels the scheduled end of the previous script.
		j.scheduleScript(&script, now)
		return
	}
	j.enqueue(now)
}

// scheduleScript schedules the next step of a script for a job that is pending
// or running.
func (j *Job) scheduleScript(script *Script, at time.Time) {
	switch j.status {
	case gitlabjobs.StatusPending:
		j.srv.schedule.addJobEvent(at.Add(script.Pending), j, j.start)
	case gitlabjobs.StatusRunning:
		j.script, j.scriptStarted, j.linesWritten = script, at, 0
		if script.Result == gitlabjobs.StatusRunning {
			return
		}
		duration := max(script.Runs, time.Duration(script.Lines)*script.Every)
		result := cmp.Or(script.Result, gitlabjobs.StatusSuccess)
		j.srv.schedule.addJobEvent(at.Add(duration), j, func(at time.Time) { j.finish(result, script.Reason, at) })
	default: // Other statuses have no next step.
	}
}

// writeLines appends the lines that the script has written by now.
func (j *Job) writeLines(now time.Time) {
	sc := j.script
	if sc == nil || j.linesWritten >= sc.Lines {
		return
	}
	if !j.finished.IsZero() && now.After(j.finished) {
		now = j.finished
	}
	due := sc.Lines
	if sc.Every > 0 {
		due = min(due, int(now.Sub(j.scriptStarted)/sc.Every))
	}
	for ; j.linesWritten < due; j.linesWritten++ {
		line := fmt.Sprintf("line %d", j.linesWritten+1)
		if sc.Line != nil {
			line = sc.Line(j.linesWritten)
		}
		if !strings.HasSuffix(line, "\n") {
			line += "\n"
		}
		j.write(line, j.scriptStarted.Add(time.Duration(j.linesWritten+1)*sc.Every))
	}
}
