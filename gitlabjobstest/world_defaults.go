package gitlabjobstest

import (
	"cmp"
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// The default times of a job, counted from its creation.
const (
	defaultQueuedAfter   = 1250 * time.Millisecond
	defaultStartedAfter  = 3500 * time.Millisecond
	defaultFinishedAfter = 42123456 * time.Microsecond
)

// stepsReached reports which of the steps a job with this status has reached.
func (j *Job) stepsReached() (queued, started, finished bool) {
	switch j.status {
	case gitlabjobs.StatusPending, gitlabjobs.StatusWaitingForCallback:
		return true, false, false
	case gitlabjobs.StatusRunning, gitlabjobs.StatusCanceling:
		return true, true, false
	case gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed:
		return true, !j.spec.NeverStarted, true
	case gitlabjobs.StatusCanceled:
		// GitLab cancels jobs before they start too, so a canceled job has started
		// only if its spec says so.
		return true, !j.spec.StartedAt.IsZero(), true
	default:
		return false, false, false
	}
}

// setTimes sets the job's times: those of the spec, and defaults for the others.
// It returns what is wrong with those of the spec, or an empty string.
func (j *Job) setTimes(now time.Time) string {
	queued, started, finished := j.stepsReached()
	if j.bridge != nil {
		queued = false // A bridge does not wait for a runner.
	}
	spec := &j.spec
	j.created, j.queued, j.started, j.finished = spec.CreatedAt, spec.QueuedAt, spec.StartedAt, spec.FinishedAt
	switch {
	case !j.created.IsZero():
	case !j.queued.IsZero():
		j.created = j.queued.Add(-defaultQueuedAfter)
	case !j.started.IsZero():
		j.created = j.started.Add(-defaultStartedAfter)
	case !j.finished.IsZero():
		j.created = j.finished.Add(-defaultFinishedAfter)
	case !spec.ErasedAt.IsZero():
		j.created = spec.ErasedAt.Add(-defaultFinishedAfter)
	case finished:
		j.created = now.Add(-defaultFinishedAfter)
	case started:
		j.created = now.Add(-defaultStartedAfter)
	case queued:
		j.created = now.Add(-defaultQueuedAfter)
	default:
		j.created = now
	}
	last := j.created
	step := func(t *time.Time, reached bool, after time.Duration) {
		if !reached {
			return
		}
		if t.IsZero() {
			*t = j.created.Add(after)
			if t.After(now) {
				*t = now // A default is never in the future.
			}
			if t.Before(last) {
				*t = last
			}
		}
		last = *t
	}
	step(&j.queued, queued, defaultQueuedAfter)
	step(&j.started, started, defaultStartedAfter)
	step(&j.finished, finished, defaultFinishedAfter)
	j.erased = spec.ErasedAt
	if started && j.bridge == nil {
		j.runner = spec.Runner
	}
	steps := []time.Time{j.created, j.queued, j.started, j.finished, j.erased}
	var latest time.Time
	for _, t := range steps {
		if t.IsZero() {
			continue
		}
		if t.Before(latest) {
			return fmt.Sprintf("the times created, queued, started, finished and erased are not in order: %v: leave some of them out", steps)
		}
		latest = t
	}
	switch {
	case !started && !j.started.IsZero():
		return fmt.Sprintf("StartedAt is set, but Status is %s: leave out StartedAt, or use gitlabjobs.StatusRunning", j.status)
	case !started && finished && (spec.Log != "" || spec.LogSize > 0):
		return fmt.Sprintf("a log is set, but the job is %s and never started: set StartedAt, or leave out the log", j.status)
	case !finished && !j.finished.IsZero() && j.status != gitlabjobs.StatusSkipped:
		return fmt.Sprintf("FinishedAt is set, but Status is %s: leave out FinishedAt, or use a status such as gitlabjobs.StatusSuccess", j.status)
	}
	return ""
}

// setFiles sets the log and the artifacts.
func (j *Job) setFiles() {
	spec := &j.spec
	j.isLive = spec.LiveLog || !j.status.Finished()
	if !j.erased.IsZero() {
		return
	}
	j.artifacts = append([]Artifact(nil), spec.Artifacts...)
	for i := range j.artifacts {
		j.artifacts[i].setDefaults()
	}
	j.expires = spec.ArtifactsExpireAt
	switch {
	case spec.NoLog || j.bridge != nil || j.started.IsZero():
	case spec.LogSize > 0 || spec.Log != "":
		j.writeInitialLog(j.started)
	case j.status.Finished():
		j.hasDefaultLog = true
	}
}

// writeInitialLog writes the log of the spec.
func (j *Job) writeInitialLog(at time.Time) {
	j.generatedSize = j.spec.LogSize
	j.write(j.spec.Log, at)
}

// addDefaultLog gives a job the default log if it has ended without a log. A job
// with a Script has no default log, because its log may be empty.
func (j *Job) addDefaultLog() {
	spec := &j.spec
	if j.bridge == nil && !j.started.IsZero() && j.erased.IsZero() && !spec.NoLog && spec.Script == nil {
		j.hasDefaultLog = j.generatedSize == 0 && len(j.log) == 0
	}
}

// setDefaults sets an empty Filename or Format.
func (a *Artifact) setDefaults() {
	name, format := a.Type+".json", "raw"
	switch a.Type {
	case "archive":
		name, format = "artifacts.zip", "zip"
	case "metadata":
		name, format = "metadata.gz", "gzip"
	case "junit":
		name, format = "junit.xml.gz", "gzip"
	case "dotenv":
		name, format = ".env.gz", "gzip"
	case "cobertura":
		name, format = "cobertura-coverage.xml.gz", "gzip"
	case "codequality", "annotations", "terraform":
		name, format = a.Type+".json.gz", "gzip"
	}
	a.Filename, a.Format = cmp.Or(a.Filename, name), cmp.Or(a.Format, format)
}
