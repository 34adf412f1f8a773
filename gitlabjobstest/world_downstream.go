package gitlabjobstest

import (
	"time"

	"example.com/gitlabjobs"
)

// Start lets the bridge trigger its downstream pipeline, as GitLab does when
// the stage before it is done: the jobs and the bridges that are created there
// start with it. A bridge that has none starts a child pipeline.
func (b *Bridge) Start() {
	j := b.job
	if j.srv.tb != nil {
		j.srv.tb.Helper()
	}
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if j.requireWaiting("Start") {
		j.started = now
		j.trigger(now)
	}
}

// Succeed ends the bridge in success. Where it has a downstream pipeline that
// it has not triggered, it does so first.
func (b *Bridge) Succeed() {
	j := b.job
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
	if j.bridge.down == nil && j.bridge.waiting() != nil {
		j.launch(now)
	}
	j.finish(gitlabjobs.StatusSuccess, "", now)
}

// Fail ends the bridge as failed, for downstream_pipeline_creation_failed
// where no reason is given.
func (b *Bridge) Fail(reason gitlabjobs.FailureReason) {
	if b.job.srv.tb != nil {
		b.job.srv.tb.Helper()
	}
	b.job.Fail(or(reason, gitlabjobs.FailureDownstreamCreation))
}

// shown is the pipeline that the bridge has started, or nil, as where it is
// gone.
func (b *bridge) shown() *Pipeline {
	if b.down == nil || b.down.deleted {
		return nil
	}
	return b.down
}

// waiting is the pipeline that the bridge is to start, or nil.
func (b *bridge) waiting() *Pipeline {
	if b.spec.Downstream == nil || b.spec.Downstream.deleted {
		return nil
	}
	return b.spec.Downstream
}

// trigger starts the downstream pipeline of a bridge, and lets the bridge wait
// for it or be done.
func (j *Job) trigger(at time.Time) {
	j.launch(at)
	if !j.bridge.spec.Depend {
		j.finish(gitlabjobs.StatusSuccess, "", at)
		return
	}
	j.move(gitlabjobs.StatusRunning, at)
	if down := j.bridge.down; down.upstream == j {
		j.follow(down, false, at)
	}
}

// launch starts the downstream pipeline: a new one, where there is none or
// where another bridge has started it.
func (j *Job) launch(at time.Time) {
	down := j.bridge.waiting()
	switch {
	case down != nil && j.bridge.spec.AnyDownstream:
		j.bridge.down = down // Shown, no more: who starts the pipeline above starts no end.
		return
	case down == nil && j.pipeline.project.deleted:
		return
	case down == nil:
		down = j.pipeline.project.addPipeline(PipelineSpec{
			Ref: j.pipeline.spec.Ref, SHA: j.pipeline.spec.SHA, Source: "parent_pipeline",
			Status: gitlabjobs.StatusPending, User: j.user, CreatedAt: at,
		}, at)
	case down.upstream != j:
		down = down.rerun(j.user, at)
	default:
		down.startCreated(at)
	}
	down.upstream = j
	j.bridge.spec.Downstream, j.bridge.down = down, down
}

// wake starts what is created in a pipeline.
func (pl *Pipeline) startCreated(at time.Time) {
	for _, j := range pl.jobs {
		if j.status == gitlabjobs.StatusCreated {
			j.enqueue(at)
		}
	}
	pl.startBridges(at)
	if pl.spec.Status == gitlabjobs.StatusCreated {
		pl.spec.Status = gitlabjobs.StatusPending
		pl.refresh(at)
	}
}

// startBridges lets bridges that wait for nobody start. It leaves them to the
// agenda, which takes them one by one: they may have pipelines with bridges.
func (pl *Pipeline) startBridges(at time.Time) {
	for _, j := range pl.bridges {
		if j.status == gitlabjobs.StatusCreated && !j.retried && !j.spec.Manual {
			j.startBridgeSoon(at)
		}
	}
}

// startBridgeSoon lets a bridge start its pipeline. GitLab does so in the
// background: the answer to play does not have it yet.
func (j *Job) startBridgeSoon(at time.Time) {
	if j.bridge == nil {
		return
	}
	j.queued, j.started = at, at
	j.srv.schedule.plan(at, j, j.trigger)
}

// again starts a pipeline with the same jobs, for a bridge that runs again.
func (pl *Pipeline) rerun(user *User, at time.Time) *Pipeline {
	spec := pl.spec
	spec.ID, spec.Status, spec.User, spec.CreatedAt, spec.UpdatedAt = 0, "", user, at, time.Time{}
	twin := pl.project.addPipeline(spec, at)
	for _, j := range pl.jobs {
		if j.retried {
			continue
		}
		js := j.retrySpec(user)
		if j.spec.Manual {
			js.Status = gitlabjobs.StatusManual
		}
		twin.addJob(js, at)
	}
	for _, j := range pl.bridges {
		if j.retried {
			continue
		}
		bs := BridgeSpec{
			Name: j.spec.Name, Stage: j.spec.Stage, Status: gitlabjobs.StatusCreated,
			AllowFailure: j.spec.AllowFailure, Manual: j.spec.Manual, User: user, Depend: j.bridge.spec.Depend,
		}
		if bs.Manual {
			bs.Status = gitlabjobs.StatusManual
		}
		// Another bridge has the pipeline: this one will start it anew.
		b := twin.addBridge(bs, at).job.bridge
		b.spec.Downstream, b.spec.AnyDownstream = j.bridge.spec.Downstream, j.bridge.spec.AnyDownstream
	}
	twin.startBridges(at)
	return twin
}

// follow brings a bridge to the status of its downstream pipeline, back to
// running where that goes on after it has ended.
func (j *Job) follow(down *Pipeline, goesOn bool, at time.Time) {
	switch {
	case j.status.Finished():
		if goesOn && !j.retried {
			j.finished, j.reason = time.Time{}, ""
			j.move(gitlabjobs.StatusRunning, at)
		}
	case down.status == gitlabjobs.StatusFailed:
		j.finish(down.status, gitlabjobs.FailureUnknown, at)
	case down.status.Finished():
		j.finish(down.status, "", at)
	case j.status != gitlabjobs.StatusRunning:
		j.move(gitlabjobs.StatusRunning, at)
	}
}
