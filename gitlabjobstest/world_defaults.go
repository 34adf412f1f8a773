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

// reached tells which steps a job in its status has passed.
func (j *Job) stepsReached() (queued, started, finished bool) {
	switch j.status {
	case gitlabjobs.StatusPending, gitlabjobs.StatusWaitingForCallback:
		return true, false, false
	case gitlabjobs.StatusRunning, gitlabjobs.StatusCanceling:
		return true, true, false
	case gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed:
		return true, !j.spec.NeverStarted, true
	case gitlabjobs.StatusCanceled:
		// GitLab cancels a job that is not running at once, so most canceled
		// jobs never started.
		return true, !j.spec.StartedAt.IsZero(), true
	default:
		return false, false, false
	}
}

// fillTimes sets the times that the spec leaves out. It returns what is wrong
// with the others.
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
				*t = now // Nothing is in the future.
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
	var highest time.Time
	for _, t := range steps {
		if t.IsZero() {
			continue
		}
		if t.Before(highest) {
			return fmt.Sprintf("the times created, queued, started, finished and erased are not in order: %v: leave some of them out", steps)
		}
		highest = t
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

// fillFiles sets the log and the artifacts.
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

// writeFirst writes the log that the spec starts with.
func (j *Job) writeInitialLog(at time.Time) {
	j.generatedSize = j.spec.LogSize
	j.write(j.spec.Log, at)
}

// addDefaultLog gives a job that has ended without writing anything the default
// log. The log of a job with a Script may be empty.
func (j *Job) addDefaultLog() {
	spec := &j.spec
	if j.bridge == nil && !j.started.IsZero() && j.erased.IsZero() && !spec.NoLog && spec.Script == nil {
		j.hasDefaultLog = j.generatedSize == 0 && len(j.log) == 0
	}
}

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
