package gitlabjobstest

import (
	"cmp"
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// BridgeSpec describes a bridge. The zero value describes a bridge that has
// succeeded.
type BridgeSpec struct {
	ID            int64
	Name          string                   // "trigger" and the ID by default.
	Stage         string                   // "deploy" by default.
	Status        gitlabjobs.Status        // Success by default. With Depend, the final status of Downstream, or running if Downstream has not finished.
	FailureReason gitlabjobs.FailureReason // The reason if Status is failed. Default: unknown_failure if Downstream is set, otherwise downstream_pipeline_creation_failed.
	AllowFailure  bool
	Manual        bool // The bridge has "when: manual": it starts when it is played. Implied by a manual Status.
	Retried       bool
	User          *User
	NoUser        bool
	NoCommit      bool

	// Downstream is the pipeline that the bridge triggers. Responses contain it
	// after the bridge has started. If it is nil, the bridge creates a child
	// pipeline when it starts.
	Downstream *Pipeline
	Depend     bool // The bridge has the status of its downstream pipeline (strategy: depend).

	// AnyDownstream allows a Downstream that GitLab does not allow: the bridge's own
	// pipeline, a pipeline above it, or the downstream pipeline of another bridge.
	// Responses contain the pipeline. The bridge does not start it, and does not follow
	// later changes of its status.
	AnyDownstream bool

	CreatedAt, QueuedAt, StartedAt, FinishedAt time.Time
}

// Bridge is a bridge of a [Server]: a job that triggers a pipeline.
type Bridge struct{ job *Job }

// bridge is the part of a bridge that other jobs do not have.
type bridge struct {
	spec    BridgeSpec
	started *Pipeline // The pipeline that the bridge has started, or nil.
}

// AddBridge adds a bridge to the pipeline. It accepts at most one [BridgeSpec].
func (pl *Pipeline) AddBridge(specs ...BridgeSpec) *Bridge {
	pl.srv.tb.Helper()
	now := pl.srv.lock()
	defer pl.srv.mu.Unlock()
	spec, ok := optionalSpec(specs)
	if !ok {
		pl.srv.failf("AddBridge to pipeline %d: got several BridgeSpecs: pass one or none", pl.id)
		return &Bridge{&Job{srv: pl.srv, pipeline: pl, bridge: &bridge{}}}
	}
	return pl.addBridge(spec, now)
}

func (pl *Pipeline) addBridge(spec BridgeSpec, now time.Time) *Bridge {
	s := pl.srv
	s.tb.Helper()
	spec.Stage = cmp.Or(spec.Stage, "deploy")
	if spec.Status == "" {
		spec.Status = gitlabjobs.StatusSuccess
		if spec.Depend && spec.Downstream != nil {
			spec.Status = spec.Downstream.status
			if !spec.Status.Finished() {
				spec.Status = gitlabjobs.StatusRunning
			}
		}
	}
	if spec.Status == gitlabjobs.StatusFailed {
		reason := gitlabjobs.FailureDownstreamCreation
		if spec.Downstream != nil {
			reason = gitlabjobs.FailureUnknown
		}
		spec.FailureReason = cmp.Or(spec.FailureReason, reason)
	}
	j := &Job{srv: s, pipeline: pl, bridge: &bridge{spec: spec}}
	b := &Bridge{j}
	if problem := pl.validateDownstream(spec); problem != "" {
		s.failf("AddBridge %q to pipeline %d: %s", spec.Name, pl.id, problem)
		return b
	}
	// A bridge that failed without a downstream pipeline never started.
	neverStarted := spec.Status == gitlabjobs.StatusFailed && spec.Downstream == nil && spec.StartedAt.IsZero()
	j.spec = JobSpec{
		ID: spec.ID, Name: spec.Name, Stage: spec.Stage, Status: spec.Status, FailureReason: spec.FailureReason,
		AllowFailure: spec.AllowFailure, Manual: spec.Manual, Retried: spec.Retried,
		User: spec.User, NoUser: spec.NoUser, NoCommit: spec.NoCommit, NeverStarted: neverStarted,
		CreatedAt: spec.CreatedAt, QueuedAt: spec.QueuedAt, StartedAt: spec.StartedAt, FinishedAt: spec.FinishedAt,
	}
	if problem := j.applySpec(now); problem != "" {
		s.failf("AddBridge %q to pipeline %d: %s", spec.Name, pl.id, problem)
		return b
	}
	if spec.Name == "" {
		j.spec.Name = fmt.Sprintf("trigger %d", j.id)
	}
	if spec.Downstream != nil {
		if !spec.AnyDownstream {
			spec.Downstream.upstream = j
		}
		_, started, _ := j.stepsReached()
		if started {
			j.bridge.started = spec.Downstream
		}
	}
	j.register()
	pl.refresh(now)
	return b
}

// validateDownstream returns what is wrong with the downstream pipeline of a new
// bridge, or an empty string.
func (pl *Pipeline) validateDownstream(spec BridgeSpec) string {
	downstream := spec.Downstream
	if downstream == nil {
		return ""
	}
	switch {
	case downstream.srv != pl.srv:
		return "Downstream belongs to another server: add a pipeline to this server"
	case downstream.id == 0 || downstream.deleted:
		return "Downstream could not be added, or was deleted: use another pipeline"
	case spec.AnyDownstream:
		return ""
	case downstream.upstream != nil:
		return fmt.Sprintf("Downstream is pipeline %d, which another bridge triggers: add another pipeline, or set AnyDownstream", downstream.id)
	}
	for up := pl; ; up = up.upstream.pipeline {
		if up == downstream {
			return "Downstream is the bridge's own pipeline, or a pipeline above it: use another pipeline, or set AnyDownstream"
		}
		if up.upstream == nil {
			return ""
		}
	}
}

// ID returns the bridge's ID.
func (b *Bridge) ID() int64 { return b.job.id }

// Name returns the bridge's name.
func (b *Bridge) Name() string { return b.job.spec.Name }

// Status returns the bridge's current status.
func (b *Bridge) Status() gitlabjobs.Status { return b.job.Status() }

// Retried reports whether another bridge has replaced this one.
func (b *Bridge) Retried() bool { return b.job.Retried() }

// Variables returns the variables that the bridge was played with.
func (b *Bridge) Variables() map[string]string { return b.job.Variables() }

// Count returns how often an action on the bridge took effect.
func (b *Bridge) Count(a Action) int { return b.job.Count(a) }

// Downstream returns the pipeline that the bridge has started, or nil.
func (b *Bridge) Downstream() *Pipeline {
	b.job.srv.lock()
	defer b.job.srv.mu.Unlock()
	return b.job.bridge.startedPipeline()
}
