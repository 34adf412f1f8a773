package gitlabjobstest

import (
	"cmp"
	"time"

	"example.com/gitlabjobs"
)

// Enqueue makes the job pending, as GitLab does when the previous stage has
// finished. The job must not have started.
func (j *Job) Enqueue() {
	j.srv.tb.Helper()
	j.ifWaiting("Enqueue", func(now time.Time) {
		if j.status != gitlabjobs.StatusPending {
			j.enqueue(now)
		}
	})
}

// Start starts the job, as a runner does.
func (j *Job) Start() {
	j.srv.tb.Helper()
	j.ifWaiting("Start", j.start)
}

// ifWaiting locks the server and calls f, unless the job has started or was
// deleted. Then it reports a setup error.
func (j *Job) ifWaiting(method string, f func(now time.Time)) {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.deleted || j.status == gitlabjobs.StatusRunning || j.status == gitlabjobs.StatusCanceling || j.status.Finished() {
		j.failState(method, "StatusPending")
		return
	}
	f(now)
}

// ifUnfinished locks the server and calls f, unless the job has finished or was
// deleted. Then it reports a setup error.
func (j *Job) ifUnfinished(method string, f func(now time.Time)) {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.deleted || j.status.Finished() {
		j.failState(method, "StatusRunning")
		return
	}
	f(now)
}

// failState reports that the job's state does not allow a method. The status is
// the name of the constant that allows it.
func (j *Job) failState(method, status string) {
	j.srv.tb.Helper()
	j.srv.failf("%s of job %d: it is %s: add it with the Status gitlabjobs.%s, or retry it and use the new job", method, j.id, j.state(), status)
}

// state describes the job in setup errors.
func (j *Job) state() string {
	if j.deleted {
		return "deleted"
	}
	return string(j.status)
}

// AppendLog appends text to the log of a job that has started. The job may have
// ended, because a runner can send the last part of a log late.
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

// Succeed ends the job with the status success. If the job has not started,
// Succeed starts it first. If the job has not written a log, it gets a default
// log, unless it has a Script or NoLog.
func (j *Job) Succeed() {
	j.srv.tb.Helper()
	j.ifUnfinished("Succeed", func(now time.Time) {
		if j.started.IsZero() {
			j.start(now)
		}
		if j.bridge != nil && j.bridge.started == nil && j.bridge.nextPipeline() != nil {
			j.startDownstream(now)
		}
		j.finish(gitlabjobs.StatusSuccess, "", now)
	})
}

// Fail ends the job with the status failed. The default reason is
// script_failure, or stuck_or_timeout_failure if the job has not started.
func (j *Job) Fail(reason gitlabjobs.FailureReason) {
	j.srv.tb.Helper()
	j.ifUnfinished("Fail", func(now time.Time) {
		if j.started.IsZero() {
			reason = cmp.Or(reason, gitlabjobs.FailureStuckOrTimeout)
		}
		j.finish(gitlabjobs.StatusFailed, reason, now)
	})
}

// Cancel cancels the job as a request does. A running job with GracefulCancel
// becomes canceling first. If the job is canceling or finished, Cancel does
// nothing.
func (j *Job) Cancel() {
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	switch {
	case j.deleted:
		j.failState("Cancel", "StatusRunning")
	case j.cancelable():
		j.cancel(false, now)
	}
}

// FinishCancel ends a job that is canceling, as its runner does. The job is then
// canceled.
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

// setStatus changes the status of the job, and updates its pipeline. It cancels
// the scheduled events of the job.
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

func (j *Job) finish(status gitlabjobs.Status, reason gitlabjobs.FailureReason, at time.Time) {
	if j.status == gitlabjobs.StatusCanceling {
		// A canceling job becomes canceled, even if its script succeeds or fails.
		status, reason = gitlabjobs.StatusCanceled, ""
	}
	if status == gitlabjobs.StatusFailed {
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
	j.setStatus(status, at)
	if status == gitlabjobs.StatusFailed {
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

// scheduleCanceled schedules the end of a job that is canceling.
func (j *Job) scheduleCanceled(at time.Time) {
	if d := j.spec.CancelTakes; d > 0 {
		j.srv.schedule.addJobEvent(at.Add(d), j, func(at time.Time) { j.finish(gitlabjobs.StatusCanceled, "", at) })
	}
}
