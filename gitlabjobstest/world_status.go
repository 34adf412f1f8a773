package gitlabjobstest

import (
	"cmp"
	"time"

	"example.com/gitlabjobs"
)

// countKey groups the jobs of a pipeline by what its status depends on.
type countKey struct {
	status       gitlabjobs.Status
	allowFailure bool // For a manual job: it need not be played.
}

// count adds a job to the counts that the pipeline's status is computed from,
// or removes it. Retried jobs do not count.
func (pl *Pipeline) count(j *Job, by int) {
	if !j.retried {
		pl.counts[countKey{j.status, j.spec.AllowFailure}] += by
	}
}

// SetStatus sets a fixed status, whatever the jobs do, for example that of
// external checks. An empty status makes the pipeline follow its jobs again.
func (pl *Pipeline) SetStatus(status gitlabjobs.Status) {
	pl.srv.tb.Helper()
	now := pl.srv.lock()
	defer pl.srv.mu.Unlock()
	if status != "" && !knownStatus(status) && !pl.spec.AnyStatus {
		pl.srv.failf("SetStatus(%q) of pipeline %d: use a gitlabjobs.Status constant, or set AnyStatus in its PipelineSpec", status, pl.id)
		return
	}
	pl.spec.Status = status
	pl.refresh(now)
}

// refresh sets the status as if all jobs had been there from the start.
func (pl *Pipeline) refresh(at time.Time) {
	status := cmp.Or(pl.spec.Status, computeStatus(pl.counts))
	pl.setStatus(cmp.Or(status, gitlabjobs.StatusCreated), at)
}

// transition updates the status after a job has changed, when the StatusLag has
// passed.
func (pl *Pipeline) transition(at time.Time) {
	computed := computeStatus(pl.counts)
	update := func(at time.Time) {
		if pl.spec.Status == "" {
			pl.setStatus(pl.statusAfter(computed), at)
		}
	}
	if pl.spec.StatusLag == 0 {
		update(at)
		return
	}
	pl.srv.schedule.addPipelineEvent(at.Add(pl.spec.StatusLag), pl, update)
}

// statusAfter returns the pipeline's status for the computed status of its
// jobs. GitLab never moves a pipeline back to created, and one that is running
// or has finished becomes running instead of pending.
func (pl *Pipeline) statusAfter(computed gitlabjobs.Status) gitlabjobs.Status {
	switch {
	case computed == "" || computed == gitlabjobs.StatusCreated:
		return pl.status
	case computed == gitlabjobs.StatusPending && pl.hasRun():
		return gitlabjobs.StatusRunning
	default:
		return computed
	}
}

func (pl *Pipeline) hasRun() bool {
	switch pl.status {
	case gitlabjobs.StatusRunning, gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceled, gitlabjobs.StatusCanceling:
		return true
	default:
		return false
	}
}

// setStatus sets the status of the pipeline, and that of the bridge that
// triggered it if the bridge depends on it.
func (pl *Pipeline) setStatus(status gitlabjobs.Status, at time.Time) {
	if status == pl.status {
		return
	}
	resumed := pl.status.Finished() && !status.Finished()
	pl.status = status
	if at.After(pl.updated) {
		pl.updated = at
	}
	if up := pl.upstream; up != nil && up.bridge.spec.Depend && up.bridge.started == pl {
		up.followDownstream(pl, resumed, at)
	}
}

// statusRule gives a pipeline its status. It applies if the pipeline has a job
// in one of the statuses and, if exclusive, no job in any other status.
type statusRule struct {
	status    gitlabjobs.Status
	exclusive bool
	statuses  []gitlabjobs.Status
}

// GitLab computes a pipeline's status from its jobs' statuses and these two: a
// failed or canceled job that may fail is a warning, and a manual job that need
// not be played is optional.
const (
	warning  gitlabjobs.Status = "warning"
	optional gitlabjobs.Status = "optional"
)

// statusRules returns GitLab's rules in order: the first that applies decides.
func statusRules() []statusRule {
	const (
		created   = gitlabjobs.StatusCreated
		pending   = gitlabjobs.StatusPending
		preparing = gitlabjobs.StatusPreparing
		running   = gitlabjobs.StatusRunning
		success   = gitlabjobs.StatusSuccess
		canceled  = gitlabjobs.StatusCanceled
		skipped   = gitlabjobs.StatusSkipped
	)
	only := func(status gitlabjobs.Status, also ...gitlabjobs.Status) statusRule {
		return statusRule{status, true, append(also, status, optional)}
	}
	some := func(status gitlabjobs.Status, when ...gitlabjobs.Status) statusRule {
		return statusRule{status, false, when}
	}
	return []statusRule{
		only(skipped),
		only(success, skipped, warning),
		only(created, warning),
		only(preparing, warning),
		only(canceled, success, skipped, warning),
		only(pending, created, skipped, warning),
		some(running, running, pending),
		some(gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusWaitingForResource),
		some(gitlabjobs.StatusWaitingForCallback, gitlabjobs.StatusWaitingForCallback),
		some(gitlabjobs.StatusManual, gitlabjobs.StatusManual),
		some(gitlabjobs.StatusScheduled, gitlabjobs.StatusScheduled),
		some(preparing, preparing),
		some(running, created),
		some(gitlabjobs.StatusCanceling, gitlabjobs.StatusCanceling),
	}
}

// composite computes a pipeline's status from its jobs as GitLab does. It is
// empty if there are no jobs.
func computeStatus(counts map[countKey]int) gitlabjobs.Status {
	has := map[gitlabjobs.Status]bool{}
	for k, n := range counts {
		switch {
		case n == 0:
		case k.allowFailure && (k.status == gitlabjobs.StatusFailed || k.status == gitlabjobs.StatusCanceled):
			has[warning] = true
		case k.allowFailure && k.status == gitlabjobs.StatusManual:
			has[optional] = true
		default:
			has[k.status] = true
		}
	}
	if len(has) == 0 {
		return ""
	}
	for _, rule := range statusRules() {
		found := 0
		for _, s := range rule.statuses {
			if has[s] {
				found++
			}
		}
		if found > 0 && (!rule.exclusive || found == len(has)) {
			return rule.status
		}
	}
	return gitlabjobs.StatusFailed
}
