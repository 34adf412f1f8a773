package gitlabjobstest

import (
	"cmp"
	"time"

	"example.com/gitlabjobs"
)

// Start makes the bridge trigger its downstream pipeline, as GitLab does when the previous
// stage has finished. The created jobs of that pipeline become pending, and its created
// bridges start. If the bridge has no downstream pipeline, it creates a child pipeline.
func (b *Bridge) Start() {
	j := b.job
	j.srv.tb.Helper()
	j.ifWaiting("Start", func(now time.Time) {
		j.started = now
		j.trigger(now)
	})
}

// Succeed ends the bridge with the status success. If the bridge has not
// triggered its downstream pipeline, Succeed triggers it first.
func (b *Bridge) Succeed() {
	b.job.srv.tb.Helper()
	b.job.Succeed()
}

// Fail ends the bridge with the status failed. The default reason is
// downstream_pipeline_creation_failed.
func (b *Bridge) Fail(reason gitlabjobs.FailureReason) {
	b.job.srv.tb.Helper()
	b.job.Fail(cmp.Or(reason, gitlabjobs.FailureDownstreamCreation))
}

// startedPipeline returns the pipeline that the bridge has started. It returns
// nil if the bridge has not started one, or if the pipeline was deleted.
func (b *bridge) startedPipeline() *Pipeline {
	if b.started == nil || b.started.deleted {
		return nil
	}
	return b.started
}

// nextPipeline returns the pipeline that the bridge will start. It returns nil if
// the bridge has none, or if the pipeline was deleted.
func (b *bridge) nextPipeline() *Pipeline {
	if b.spec.Downstream == nil || b.spec.Downstream.deleted {
		return nil
	}
	return b.spec.Downstream
}

// trigger starts the downstream pipeline of a bridge. With Depend, the bridge
// then has the status of that pipeline. Without, the bridge succeeds.
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

// startDownstream starts the downstream pipeline. It creates a new one if the
// bridge has none, or if another bridge triggers it.
func (j *Job) startDownstream(at time.Time) {
	downstream := j.bridge.nextPipeline()
	switch {
	case downstream != nil && j.bridge.spec.AnyDownstream:
		j.bridge.started = downstream // Starting a pipeline above this one would never end.
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

// startBridges schedules the start of the created bridges that are not manual.
// It does not start them itself, because their pipelines may have bridges too.
func (pl *Pipeline) startBridges(at time.Time) {
	for _, j := range pl.bridges {
		if j.status == gitlabjobs.StatusCreated && !j.retried && !j.spec.Manual {
			j.startBridgeSoon(at)
		}
	}
}

// startBridgeSoon schedules the start of a bridge's pipeline. GitLab starts
// pipelines in the background: the response to play does not have the pipeline
// yet.
func (j *Job) startBridgeSoon(at time.Time) {
	if j.bridge == nil {
		return
	}
	j.queued, j.started = at, at
	j.srv.schedule.addJobEvent(at, j, j.trigger)
}

// rerun starts a copy of the pipeline, for a bridge that runs again.
func (pl *Pipeline) rerun(user *User, at time.Time) *Pipeline {
	spec := pl.spec
	spec.ID, spec.Status, spec.User, spec.CreatedAt, spec.UpdatedAt = 0, "", user, at, time.Time{}
	newPipeline := pl.project.addPipeline(spec, at)
	for _, j := range pl.jobs {
		if j.retried {
			continue
		}
		jobSpec := j.retrySpec(user)
		if j.spec.Manual {
			jobSpec.Status = gitlabjobs.StatusManual
		}
		newPipeline.addJob(jobSpec, at)
	}
	for _, j := range pl.bridges {
		if j.retried {
			continue
		}
		bridgeSpec := BridgeSpec{
			Name: j.spec.Name, Stage: j.spec.Stage, Status: gitlabjobs.StatusCreated,
			AllowFailure: j.spec.AllowFailure, Manual: j.spec.Manual, User: user, Depend: j.bridge.spec.Depend,
		}
		if bridgeSpec.Manual {
			bridgeSpec.Status = gitlabjobs.StatusManual
		}
		// The new bridge will start a copy of this pipeline, which belongs to the
		// old bridge.
		b := newPipeline.addBridge(bridgeSpec, at).job.bridge
		b.spec.Downstream, b.spec.AnyDownstream = j.bridge.spec.Downstream, j.bridge.spec.AnyDownstream
	}
	newPipeline.startBridges(at)
	return newPipeline
}

// followDownstream gives a bridge the status of its downstream pipeline. A
// finished bridge runs again if the pipeline has resumed.
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
