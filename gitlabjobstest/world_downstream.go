package gitlabjobstest

import (
	"cmp"
	"time"

	"example.com/gitlabjobs"
)

// Start makes the bridge trigger its downstream pipeline, as GitLab does when
// the stage before has finished. The created jobs and bridges of that pipeline
// start. A bridge without a downstream pipeline creates a child pipeline.
func (b *Bridge) Start() {
	j := b.job
	j.srv.tb.Helper()
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
	j.srv.tb.Helper()
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	if !j.requireUnfinished("Succeed") {
		return
	}
	if j.started.IsZero() {
		j.start(now)
	}
	if j.bridge.started == nil && j.bridge.nextPipeline() != nil {
		j.startDownstream(now)
	}
	j.finish(gitlabjobs.StatusSuccess, "", now)
}

// Fail ends the bridge as failed. The default reason is
// downstream_pipeline_creation_failed.
func (b *Bridge) Fail(reason gitlabjobs.FailureReason) {
	b.job.srv.tb.Helper()
	b.job.Fail(cmp.Or(reason, gitlabjobs.FailureDownstreamCreation))
}

// shown is the pipeline that the bridge has started, or nil if there is none or
// it was deleted.
func (b *bridge) startedPipeline() *Pipeline {
	if b.started == nil || b.started.deleted {
		return nil
	}
	return b.started
}

// waiting is the pipeline that the bridge is going to start, or nil.
func (b *bridge) nextPipeline() *Pipeline {
	if b.spec.Downstream == nil || b.spec.Downstream.deleted {
		return nil
	}
	return b.spec.Downstream
}

// trigger starts the downstream pipeline of a bridge. The bridge then follows
// it, or has finished.
func (j *Job) trigger(at time.Time) {
	j.startDownstream(at)
	if !j.bridge.spec.Depend {
		j.finish(gitlabjobs.StatusSuccess, "", at)
		return
	}
	j.setStatus(gitlabjobs.StatusRunning, at)
	if downstream := j.bridge.started; downstream.upstream == j {
		j.followDownstream(downstream, false, at)
	}
}

// launch starts the downstream pipeline. It creates one if there is none, or if
// another bridge has started it.
func (j *Job) startDownstream(at time.Time) {
	downstream := j.bridge.nextPipeline()
	switch {
	case downstream != nil && j.bridge.spec.AnyDownstream:
		j.bridge.started = downstream // Only shown: starting a pipeline above would never end.
		return
	case downstream == nil && j.pipeline.project.deleted:
		return
	case downstream == nil:
		downstream = j.pipeline.project.addPipeline(PipelineSpec{
			Ref: j.pipeline.spec.Ref, SHA: j.pipeline.spec.SHA, Source: "parent_pipeline",
			User: j.user, CreatedAt: at,
		}, at)
		downstream.status = gitlabjobs.StatusPending // Until jobs are added.
	case downstream.upstream != j:
		downstream = downstream.rerun(j.user, at)
	default:
		downstream.startCreated(at)
	}
	downstream.upstream = j
	j.bridge.spec.Downstream, j.bridge.started = downstream, downstream
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
	j.srv.schedule.addJobEvent(at, j, j.trigger)
}

// rerun starts a pipeline with the same jobs, for a bridge that runs again.
func (pl *Pipeline) rerun(user *User, at time.Time) *Pipeline {
	spec := pl.spec
	spec.ID, spec.Status, spec.User, spec.CreatedAt, spec.UpdatedAt = 0, "", user, at, time.Time{}
	newPipeline := pl.project.addPipeline(spec, at)
	for _, j := range pl.jobs {
		if j.retried {
			continue
		}
		js := j.retrySpec(user)
		if j.spec.Manual {
			js.Status = gitlabjobs.StatusManual
		}
		newPipeline.addJob(js, at)
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
		b := newPipeline.addBridge(bs, at).job.bridge
		b.spec.Downstream, b.spec.AnyDownstream = j.bridge.spec.Downstream, j.bridge.spec.AnyDownstream
	}
	newPipeline.startBridges(at)
	return newPipeline
}

// follow gives a bridge the status of its downstream pipeline. It is running
// again if that has resumed after its end.
func (j *Job) followDownstream(downstream *Pipeline, resumed bool, at time.Time) {
	switch {
	case j.status.Finished():
		if resumed && !j.retried {
			j.finished, j.reason = time.Time{}, ""
			j.setStatus(gitlabjobs.StatusRunning, at)
		}
	case downstream.status == gitlabjobs.StatusFailed:
		j.finish(downstream.status, gitlabjobs.FailureUnknown, at)
	case downstream.status.Finished():
		j.finish(downstream.status, "", at)
	case j.status != gitlabjobs.StatusRunning:
		j.setStatus(gitlabjobs.StatusRunning, at)
	}
}
