package gitlabjobstest

import (
	"time"

	"example.com/gitlabjobs"
)

// Start makes the bridge trigger its downstream pipeline, as GitLab does when
// the stage before has finished. The created jobs and bridges of that pipeline
// start. A bridge without a downstream pipeline creates a child pipeline.
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

// Succeed ends the bridge with success. If it has not yet triggered its
// downstream pipeline, it does so first.
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

// Fail ends the bridge as failed. The default reason is
// downstream_pipeline_creation_failed.
func (b *Bridge) Fail(reason gitlabjobs.FailureReason) {
	if b.job.srv.tb != nil {
		b.job.srv.tb.Helper()
	}
	b.job.Fail(or(reason, gitlabjobs.FailureDownstreamCreation))
}

// shown is the pipeline that the bridge has started, or nil if there is none or
// it was deleted.
func (b *bridge) shown() *Pipeline {
	if b.down == nil || b.down.deleted {
		return nil
	}
	return b.down
}

// waiting is the pipeline that the bridge is going to start, or nil.
func (b *bridge) waiting() *Pipeline {
	if b.spec.Downstream == nil || b.spec.Downstream.deleted {
		return nil
	}
	return b.spec.Downstream
}

// trigger starts the downstream pipeline of a bridge. The bridge then follows
// it, or has finished.
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

// launch starts the downstream pipeline. It creates one if there is none, or if
// another bridge has started it.
func (j *Job) launch(at time.Time) {
	down := j.bridge.waiting()
	switch {
	case down != nil && j.bridge.spec.AnyDownstream:
		j.bridge.down = down // Only shown: starting a pipeline above would never end.
		return
	case down == nil && j.pipeline.project.deleted:
		return
	case down == nil:
		down = j.pipeline.project.addPipeline(PipelineSpec{
			Ref: j.pipeline.spec.Ref, SHA: j.pipeline.spec.SHA, Source: "parent_pipeline",
			User: j.user, CreatedAt: at,
		}, at)
		down.status = gitlabjobs.StatusPending // Until jobs are added.
	case down.upstream != j:
		down = down.rerun(j.user, at)
	default:
		down.startCreated(at)
	}
	down.upstream = j
	j.bridge.spec.Downstream, j.bridge.down = down, down
}

// startCreated starts the created jobs and bridges of a pipeline.
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

// startBridges starts the bridges that need no manual action. The schedule
// starts them one by one, because their pipelines may have bridges too.
func (pl *Pipeline) startBridges(at time.Time) {
	for _, j := range pl.bridges {
		if j.status == gitlabjobs.StatusCreated && !j.retried && !j.spec.Manual {
			j.startBridgeSoon(at)
		}
	}
}

// startBridgeSoon makes a bridge start its pipeline. GitLab does that in the
// background: the response to play does not have the pipeline yet.
func (j *Job) startBridgeSoon(at time.Time) {
	if j.bridge == nil {
		return
	}
	j.queued, j.started = at, at
	j.srv.schedule.plan(at, j, j.trigger)
}

// rerun starts a pipeline with the same jobs, for a bridge that runs again.
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
		// Another bridge has the pipeline: this one will start a copy.
		b := twin.addBridge(bs, at).job.bridge
		b.spec.Downstream, b.spec.AnyDownstream = j.bridge.spec.Downstream, j.bridge.spec.AnyDownstream
	}
	twin.startBridges(at)
	return twin
}

// follow gives a bridge the status of its downstream pipeline. It is running
// again if that has resumed after its end.
func (j *Job) follow(down *Pipeline, resumed bool, at time.Time) {
	switch {
	case j.status.Finished():
		if resumed && !j.retried {
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
