package gitlabjobstest

import (
	"cmp"
	"time"

	"example.com/gitlabjobs"
)

// Enqueue makes a waiting job pending, as GitLab does when the stage before has
// finished.
func (j *Job) Enqueue() {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.requireWaiting("Enqueue") && j.status != gitlabjobs.StatusPending {
		j.enqueue(now)
	}
}

// Start starts the job, as a runner does.
func (j *Job) Start() {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.requireWaiting("Start") {
		j.start(now)
	}
}

// state describes the job in set-up errors.
func (j *Job) state() string {
	if j.deleted {
		return "deleted"
	}
	return string(j.status)
}

// requireWaiting fails if the job has started or was deleted.
func (j *Job) requireWaiting(what string) bool {
	if j.deleted || j.status == gitlabjobs.StatusRunning || j.status == gitlabjobs.StatusCanceling || j.status.Finished() {
		j.srv.tb.Helper()
		j.srv.failf("%s of job %d: it is %s: add it with the Status gitlabjobs.StatusPending, or retry it and use the new job", what, j.id, j.state())
		return false
	}
	return true
}

// AppendLog appends to the log of a job that has started. Like a runner, it may
// write the last part after the job has ended.
func (j *Job) AppendLog(text string) {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.deleted || j.started.IsZero() || !j.erased.IsZero() {
		j.srv.failf("AppendLog to job %d: it is %s and has no log: call Start first", j.id, j.state())
		return
	}
	j.storedLog(now)
	j.write(text, now)
}

// Succeed ends the job with success. If it has not started, it starts first. A
// job that ends without having written anything gets a default log, unless it
// has a Script or NoLog.
func (j *Job) Succeed() {
	j.srv.tb.Helper()
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

// Fail ends the job as failed. The default reason is script_failure, or
// stuck_or_timeout_failure for a job that has not started.
func (j *Job) Fail(reason gitlabjobs.FailureReason) {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if !j.requireUnfinished("Fail") {
		return
	}
	if j.started.IsZero() {
		reason = cmp.Or(reason, gitlabjobs.FailureStuckOrTimeout)
	}
	j.finish(gitlabjobs.StatusFailed, reason, now)
}

// Cancel cancels the job as a request does. A running job with GracefulCancel
// is canceling first. A job that is canceling or finished does not change.
func (j *Job) Cancel() {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	switch {
	case j.deleted:
		j.requireUnfinished("Cancel")
	case j.cancelable():
		j.cancel(false, now)
	}
}

// FinishCancel ends a job that is canceling, as its runner does.
func (j *Job) FinishCancel() {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.deleted || j.status != gitlabjobs.StatusCanceling {
		j.srv.failf("FinishCancel of job %d: it is %s: set GracefulCancel in its JobSpec, and cancel it while it is running", j.id, j.state())
		return
	}
	j.finish(gitlabjobs.StatusCanceled, "", now)
}

// requireUnfinished fails if the job has ended or was deleted.
func (j *Job) requireUnfinished(what string) bool {
	if j.deleted || j.status.Finished() {
		j.srv.tb.Helper()
		j.srv.failf("%s of job %d: it is %s: add it with the Status gitlabjobs.StatusRunning, or retry it and use the new job", what, j.id, j.state())
		return false
	}
	return true
}

// move changes the status. Every change goes through it.
func (j *Job) setStatus(to gitlabjobs.Status, at time.Time) {
	j.transitions++
	j.pipeline.count(j, -1)
	j.status = to
	j.pipeline.count(j, 1)
	j.pipeline.transition(at)
}

func (j *Job) enqueue(at time.Time) {
	j.queued = at
	j.setStatus(gitlabjobs.StatusPending, at)
	if j.spec.Script != nil {
		j.scheduleScript(j.spec.Script, at)
	}
}

func (j *Job) start(at time.Time) {
	if j.queued.IsZero() && j.bridge == nil {
		j.queued = at
	}
	j.started = at
	if j.bridge == nil {
		j.runner = j.spec.Runner
		j.writeInitialLog(at)
	}
	j.setStatus(gitlabjobs.StatusRunning, at)
	if j.spec.Script != nil {
		j.scheduleScript(j.spec.Script, at)
	}
}

func (j *Job) finish(as gitlabjobs.Status, reason gitlabjobs.FailureReason, at time.Time) {
	if j.status == gitlabjobs.StatusCanceling {
		// Whatever the result of its script, the job is canceled.
		as, reason = gitlabjobs.StatusCanceled, ""
	}
	if as == gitlabjobs.StatusFailed {
		reason = cmp.Or(reason, gitlabjobs.FailureScript)
	} else {
		reason = ""
	}
	j.writeLines(at)
	j.log = j.stamper.flush(j.log)
	j.finished, j.reason = at, reason
	if !j.spec.LiveLog {
		j.isLive = false
	}
	j.addDefaultLog()
	j.setStatus(as, at)
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
	j.setStatus(gitlabjobs.StatusCanceling, at)
	j.scheduleCanceled(at)
}

// planCancel schedules the end of a job that is canceling.
func (j *Job) scheduleCanceled(at time.Time) {
	if takes := j.spec.CancelTakes; takes > 0 {
		j.srv.schedule.addJobEvent(at.Add(takes), j, func(at time.Time) { j.finish(gitlabjobs.StatusCanceled, "", at) })
	}
}
