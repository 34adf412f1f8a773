package gitlabjobstest

import (
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// When a job gets where, counted from its making, where a test does not say.
const (
	untilQueued   = 1250 * time.Millisecond
	untilStarted  = 3500 * time.Millisecond
	untilFinished = 42123456 * time.Microsecond
)

// reached says which steps a job in a status has behind it.
func (j *Job) reached() (queued, started, finished bool) {
	switch j.status {
	case gitlabjobs.StatusPending, gitlabjobs.StatusWaitingForCallback:
		return true, false, false
	case gitlabjobs.StatusRunning, gitlabjobs.StatusCanceling:
		return true, true, false
	case gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed:
		return true, !j.spec.NeverStarted, true
	case gitlabjobs.StatusCanceled:
		// GitLab cancels a job that has not run at once, hence most of them.
		return true, !j.spec.StartedAt.IsZero(), true
	default:
		return false, false, false
	}
}

// fillTimes completes the times, from what is said of them or back from the
// present.
func (j *Job) fillTimes(now time.Time) string {
	queued, started, finished := j.reached()
	if j.bridge != nil {
		queued = false // A bridge waits for no runner.
	}
	spec := &j.spec
	j.created, j.queued, j.started, j.finished = spec.CreatedAt, spec.QueuedAt, spec.StartedAt, spec.FinishedAt
	switch {
	case !j.created.IsZero():
	case !j.queued.IsZero():
		j.created = j.queued.Add(-untilQueued)
	case !j.started.IsZero():
		j.created = j.started.Add(-untilStarted)
	case !j.finished.IsZero():
		j.created = j.finished.Add(-untilFinished)
	case finished:
		j.created = now.Add(-untilFinished)
	case started:
		j.created = now.Add(-untilStarted)
	case queued:
		j.created = now.Add(-untilQueued)
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
				*t = now // Nothing has happened in the future.
			}
			if t.Before(last) {
				*t = last
			}
		}
		last = *t
	}
	step(&j.queued, queued, untilQueued)
	step(&j.started, started, untilStarted)
	step(&j.finished, finished, untilFinished)
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
			return fmt.Sprintf("its times go back: created, queued, started, finished, erased are %v: leave some of them out", steps)
		}
		highest = t
	}
	switch {
	case !started && !j.started.IsZero():
		return fmt.Sprintf("a job that is %s has no StartedAt", j.status)
	case !started && finished && spec.Log != "":
		return fmt.Sprintf("a job that is %s and has no StartedAt has no Log", j.status)
	case !finished && !j.finished.IsZero() && j.status != gitlabjobs.StatusSkipped:
		return fmt.Sprintf("a job that is %s has no FinishedAt", j.status)
	}
	return ""
}

// fillFiles gives the job its log and its artifacts.
func (j *Job) fillFiles() {
	spec := &j.spec
	j.live = spec.LiveLog || !j.status.Finished()
	if !j.erased.IsZero() {
		return
	}
	j.artifacts = append([]Artifact(nil), spec.Artifacts...)
	for i := range j.artifacts {
		j.artifacts[i].complete()
	}
	j.expires = spec.ArtifactsExpireAt
	switch {
	case spec.NoLog || j.bridge != nil || j.started.IsZero():
	case spec.Log != "":
		j.log = []byte(spec.Log)
	case j.status.Finished():
		j.plainLog = true
	}
}

func (a *Artifact) complete() {
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
	a.Filename, a.Format = or(a.Filename, name), or(a.Format, format)
}

// logAt returns the log as it is at a time. What it returns may be kept: later
// lines are put behind it.
func (j *Job) logAt(now time.Time) []byte {
	if j.plainLog {
		j.plainLog = false
		j.log = append(append(j.log, j.logHead()...), j.logTail()...)
	}
	j.writeLines(now)
	return j.log
}

// logSize is the length of the log, without making one up for each job of a
// long list.
func (j *Job) logSize(now time.Time) int64 {
	if j.plainLog {
		return int64(len(j.logHead()) + len(j.logTail()))
	}
	return int64(len(j.logAt(now)))
}

// logHead is what a runner writes first.
func (j *Job) logHead() string {
	return fmt.Sprintf("\x1b[0KRunning with gitlab-runner 17.9.0 (abcd1234)\n\x1b[0;m"+
		"section_start:%[1]d:step_script\r\x1b[0K\x1b[32;1m$ make %[2]s\x1b[0;m\n",
		j.started.Unix(), j.spec.Name)
}

// logTail is what a runner writes last.
func (j *Job) logTail() string {
	end := "\x1b[32;1mJob succeeded\x1b[0;m\n"
	if j.status == gitlabjobs.StatusFailed {
		end = "\x1b[31;1mERROR: Job failed: exit code 1\n\x1b[0;m"
	}
	return fmt.Sprintf("section_end:%d:step_script\r\x1b[0K\n%s", j.finished.Unix(), end)
}
