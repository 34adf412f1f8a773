package gitlabjobstest

import (
	"cmp"
	"time"

	"example.com/gitlabjobs"
)

// countKey groups the jobs that have the same influence on the status of their
// pipeline.
type countKey struct {
	status       gitlabjobs.Status
	allowFailure bool // A manual job with allow_failure is optional.
}

// count adds a number to the count of the jobs that are like j. It ignores
// retried jobs, because a pipeline's status does not depend on them.
func (pl *Pipeline) count(j *Job, by int) {
	if !j.retried {
		pl.counts[countKey{j.status, j.spec.AllowFailure}] += by
	}
}

// SetStatus sets a fixed status that does not depend on the pipeline's jobs, for
// example the status of external checks. If the status is empty, the server
// computes the pipeline's status from its jobs again.
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

// refresh sets the status at once, as if the pipeline had been created with its
// current jobs.
func (pl *Pipeline) refresh(at time.Time) {
	status := cmp.Or(pl.spec.Status, computeStatus(pl.counts))
	pl.setStatus(cmp.Or(status, gitlabjobs.StatusCreated), at)
}

// transition updates the status after a job has changed and the StatusLag has
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

// statusAfter returns the pipeline's next status for the computed status of its
// jobs. A pipeline never becomes created again, and a pipeline that is running or
// has finished becomes running instead of pending.
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

// setStatus sets the status of the pipeline. If the bridge that triggered it has
// Depend, setStatus updates the status of the bridge too.
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

// statusRule is a rule for the status of a pipeline. It applies if the pipeline
// has a job in one of the statuses. An exclusive rule applies only if the pipeline
// has no job in any other status.
type statusRule struct {
	status    gitlabjobs.Status
	exclusive bool
	statuses  []gitlabjobs.Status
}

// These statuses exist only for the computation of a pipeline's status: a failed
// or canceled job with allow_failure is a warning, and a manual job with
// allow_failure is optional.
const (
	warning  gitlabjobs.Status = "warning"
	optional gitlabjobs.Status = "optional"
)

// statusRules returns GitLab's rules. The first rule that applies is used.
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
	exclusive := func(status gitlabjobs.Status, others ...gitlabjobs.Status) statusRule {
		return statusRule{status, true, append(others, status, optional)}
	}
	inclusive := func(status gitlabjobs.Status, statuses ...gitlabjobs.Status) statusRule {
		return statusRule{status, false, statuses}
	}
	return []statusRule{
		exclusive(skipped),
		exclusive(success, skipped, warning),
		exclusive(created, warning),
		exclusive(preparing, warning),
		exclusive(canceled, success, skipped, warning),
		exclusive(pending, created, skipped, warning),
		inclusive(running, running, pending),
		inclusive(gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusWaitingForResource),
		inclusive(gitlabjobs.StatusWaitingForCallback, gitlabjobs.StatusWaitingForCallback),
		inclusive(gitlabjobs.StatusManual, gitlabjobs.StatusManual),
		inclusive(gitlabjobs.StatusScheduled, gitlabjobs.StatusScheduled),
		inclusive(preparing, preparing),
		inclusive(running, created),
		inclusive(gitlabjobs.StatusCanceling, gitlabjobs.StatusCanceling),
	}
}

// computeStatus computes a pipeline's status from its jobs as GitLab does. It
// returns an empty status if there are no jobs.
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
