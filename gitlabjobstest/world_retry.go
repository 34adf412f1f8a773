package gitlabjobstest

import (
	"maps"
	"time"

	"example.com/gitlabjobs"
)

// maxAutoRetry is the maximum that GitLab allows for the keyword retry.
const maxAutoRetry = 2

// autoRetry retries a job that has just failed, if its AutoRetry allows another
// attempt. Retries by users count as attempts too.
func (j *Job) autoRetry(at time.Time) {
	switch j.reason {
	case gitlabjobs.FailureQuotaExceeded, gitlabjobs.FailureNoMatchingRunner, gitlabjobs.FailureMissingDependency:
		return // GitLab does not retry these failures, because the job would fail again.
	default:
	}
	if j.retryable() && j.attempt() <= j.spec.AutoRetry {
		j.replace(j.user, at)
	}
}

// attempt returns the number of the job's attempt: 1 for the first job with its
// name, 2 for its retry, and so on.
func (j *Job) attempt() int {
	n := 1
	for _, other := range j.pipeline.jobs {
		if other.retried && other.spec.Name == j.spec.Name {
			n++
		}
	}
	return n
}

// retrySpec returns the spec of the job that replaces this one.
func (j *Job) retrySpec(user *User) JobSpec {
	spec := j.spec
	spec.ID, spec.Status, spec.FailureReason = 0, gitlabjobs.StatusPending, ""
	spec.Retried, spec.Archived, spec.NeverStarted = false, false, false
	spec.CreatedAt, spec.QueuedAt, spec.StartedAt, spec.FinishedAt, spec.ErasedAt =
		time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	spec.Artifacts, spec.ArtifactsExpireAt = nil, time.Time{}
	spec.Log, spec.LogSize, spec.LogAt, spec.Coverage = "", 0, nil, 0
	spec.ScheduledAt = time.Time{}
	spec.User, spec.NoUser = user, false
	if len(spec.Retries) > 0 {
		script := spec.Retries[0]
		spec.Script = &script
		if len(spec.Retries) > 1 {
			spec.Retries = spec.Retries[1:]
		}
	}
	return spec
}

// replace replaces the job with a new pending job.
func (j *Job) replace(user *User, now time.Time) *Job {
	pl := j.pipeline
	pl.count(j, -1)
	j.retried = true
	if j.bridge == nil {
		pl.retried++
	}
	spec := j.retrySpec(user)
	newJob := &Job{srv: j.srv, pipeline: pl, spec: spec}
	if j.bridge != nil {
		newJob.bridge = &bridge{spec: j.bridge.spec}
	}
	// The spec is a copy of a valid one.
	_ = newJob.applySpec(now)
	newJob.created, newJob.queued = now, now
	newJob.inputs = maps.Clone(j.inputs)
	if j.bridge == nil { // GitLab copies the variables of a job, but not those of a bridge.
		newJob.variables = maps.Clone(j.variables)
	}
	newJob.register()
	pl.transition(now)
	if spec.Script != nil {
		newJob.scheduleScript(spec.Script, now)
	}
	newJob.startBridgeSoon(now)
	return newJob
}
