package gitlabjobstest

import (
	"time"

	"example.com/gitlabjobs"
)

// Enqueue makes a job that waits for something else pending, as GitLab does
// when the stage before it is done.
func (j *Job) Enqueue() {
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.requireWaiting("Enqueue") && j.status != gitlabjobs.StatusPending {
		j.enqueue(now)
	}
}

// Start lets a runner take the job.
func (j *Job) Start() {
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.requireWaiting("Start") {
		j.start(now)
	}
}

// is says what a job is, for a line that tells what is wrong.
func (j *Job) state() string {
	if j.deleted {
		return "deleted"
	}
	return string(j.status)
}

// waiting refuses what can be done only before a job has started.
func (j *Job) requireWaiting(what string) bool {
	if j.deleted || j.status == gitlabjobs.StatusRunning || j.status == gitlabjobs.StatusCanceling || j.status.Finished() {
		if j.srv.tb != nil {
			j.srv.tb.Helper()
		}
		j.srv.failf("%s of job %d: it is %s: add it with the Status gitlabjobs.StatusPending, or retry it and use the new job", what, j.id, j.state())
		return false
	}
	return true
}

// AppendLog adds to the log of a job that has started. Like a runner, it may
// write the last part after the job has ended.
func (j *Job) AppendLog(text string) {
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.deleted || j.started.IsZero() || !j.erased.IsZero() {
		j.srv.failf("AppendLog to job %d: it is %s and has no log: call Start first", j.id, j.state())
		return
	}
	j.heldLog(now)
	j.write(text, now)
}

// Succeed ends the job in success. A job that no runner has taken runs for no
// time at all. A job that ends, in whatever way, and has written nothing has a
// log made up, unless it has a Script or NoLog.
func (j *Job) Succeed() {
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if !j.requireUnfinished("Succeed") {
		return
	}
	if j.started.IsZero() {
		j.start(now)
	}
	j.finish(gitlabjobs.StatusSuccess, "", now)
}

// Fail ends the job as failed, for script_failure where no reason is given. A
// job that no runner has taken fails without having run, as stuck jobs do, and
// for stuck_or_timeout_failure.
func (j *Job) Fail(reason gitlabjobs.FailureReason) {
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if !j.requireUnfinished("Fail") {
		return
	}
	if j.started.IsZero() {
		reason = or(reason, gitlabjobs.FailureStuckOrTimeout)
	}
	j.finish(gitlabjobs.StatusFailed, reason, now)
}

// Cancel cancels the job as a request for it would: a running one with
// GracefulCancel is canceling first, and one that is canceling or
// finished stays so.
func (j *Job) Cancel() {
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	switch {
	case j.deleted:
		j.requireUnfinished("Cancel")
	case j.cancelable():
		j.cancel(false, now)
	}
}

// FinishCancel lets the runner of a job that is canceling be done with it.
func (j *Job) FinishCancel() {
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.deleted || j.status != gitlabjobs.StatusCanceling {
		j.srv.failf("FinishCancel of job %d: it is %s: set GracefulCancel in its JobSpec, and cancel it while it is running", j.id, j.state())
		return
	}
	j.finish(gitlabjobs.StatusCanceled, "", now)
}

// open refuses what can be done only before a job has ended.
func (j *Job) requireUnfinished(what string) bool {
	if j.deleted || j.status.Finished() {
		if j.srv.tb != nil {
			j.srv.tb.Helper()
		}
		j.srv.failf("%s of job %d: it is %s: add it with the Status gitlabjobs.StatusRunning, or retry it and use the new job", what, j.id, j.state())
		return false
	}
	return true
}

// move is the only way from one status to another.
func (j *Job) move(to gitlabjobs.Status, at time.Time) {
	j.transitions++
	j.pipeline.count(j, -1)
	j.status = to
	j.pipeline.count(j, 1)
	j.pipeline.transition(at)
}

func (j *Job) enqueue(at time.Time) {
	j.queued = at
	j.move(gitlabjobs.StatusPending, at)
	if j.spec.Script != nil {
		j.begin(j.spec.Script, at)
	}
}

func (j *Job) start(at time.Time) {
	if j.queued.IsZero() && j.bridge == nil {
		j.queued = at
	}
	j.started = at
	if j.bridge == nil {
		j.runner = j.spec.Runner
		j.writeFirst(at)
	}
	j.move(gitlabjobs.StatusRunning, at)
	if j.spec.Script != nil {
		j.begin(j.spec.Script, at)
	}
}

func (j *Job) finish(as gitlabjobs.Status, reason gitlabjobs.FailureReason, at time.Time) {
	if j.status == gitlabjobs.StatusCanceling {
		// However the script ends, GitLab has a cancelled job then.
		as, reason = gitlabjobs.StatusCanceled, ""
	}
	if as == gitlabjobs.StatusFailed {
		reason = or(reason, gitlabjobs.FailureScript)
	} else {
		reason = ""
	}
	j.writeLines(at)
	j.log = j.stamper.flush(j.log)
	j.finished, j.reason = at, reason
	if !j.spec.LiveLog {
		j.live = false
	}
	j.addDefaultLog()
	j.move(as, at)
	if as == gitlabjobs.StatusFailed {
		j.autoRetry(at)
	}
}

func (j *Job) cancel(force bool, at time.Time) {
	graceful := j.spec.GracefulCancel && j.status == gitlabjobs.StatusRunning
	if !graceful || force {
		j.finish(gitlabjobs.StatusCanceled, "", at)
		return
	}
	j.move(gitlabjobs.StatusCanceling, at)
	j.planCancel(at)
}

// planCancel lets the runner of a job that is canceling be done with it in
// time.
func (j *Job) planCancel(at time.Time) {
	if takes := j.spec.CancelTakes; takes > 0 {
		j.srv.schedule.plan(at.Add(takes), j, func(at time.Time) { j.finish(gitlabjobs.StatusCanceled, "", at) })
	}
}
