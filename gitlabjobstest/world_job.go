package gitlabjobstest

import (
	"fmt"
	"maps"
	"time"

	"example.com/gitlabjobs"
)

// Job is a job of a [Server].
type Job struct {
	srv      *Server
	pipeline *Pipeline
	id       int64
	spec     JobSpec
	bridge   *bridge // nil if it is not a bridge.

	status   gitlabjobs.Status
	reason   gitlabjobs.FailureReason
	user     *User
	runner   *Runner
	retried  bool
	coverage float64

	created, queued, started, finished, erased, expires time.Time

	artifacts      []Artifact
	generatedSize  int64  // Size of the generated part of the log.
	log            []byte // The stored part of the log, after the generated part.
	stamper        stamper
	hasDefaultLog  bool  // The job has the default log, which is not in log yet.
	defaultLogSize int64 // Size of the default log. 0 if it is not known yet.
	isLive         bool  // The log is not among the artifacts.
	deleted        bool

	transitions   int // Number of transitions. Each transition cancels the events scheduled before it.
	script        *Script
	scriptStarted time.Time
	linesWritten  int // Number of lines of the script that are in log.
	variables     map[string]string
	inputs        map[string]any
}

// AddJob adds a job to the pipeline. It accepts at most one [JobSpec].
func (pl *Pipeline) AddJob(specs ...JobSpec) *Job {
	pl.srv.tb.Helper()
	now := pl.srv.lock()
	defer pl.srv.mu.Unlock()
	spec, ok := optionalSpec(specs)
	if !ok {
		pl.srv.failf("AddJob to pipeline %d: got several JobSpecs: pass one or none, or use AddJobs", pl.id)
		return &Job{srv: pl.srv, pipeline: pl}
	}
	return pl.addJob(spec, now)
}

// optionalSpec returns the first spec, or the zero value if there is none. It
// reports false if there are several.
func optionalSpec[T any](specs []T) (spec T, ok bool) {
	if len(specs) > 0 {
		spec = specs[0]
	}
	return spec, len(specs) < 2
}

// AddJobs adds n jobs to the pipeline. The function spec returns the spec of job
// i, counted from 0. If spec is nil, the jobs have defaults.
func (pl *Pipeline) AddJobs(n int, spec func(i int) JobSpec) []*Job {
	pl.srv.tb.Helper()
	// One allocation for all jobs makes large pipelines fast.
	added := make([]Job, max(n, 0))
	if spec != nil {
		for i := range added {
			added[i].spec = spec(i)
		}
	}
	now := pl.srv.lock()
	defer pl.srv.mu.Unlock()
	if n < 0 {
		pl.srv.failf("AddJobs(%d): use 0 or more", n)
	}
	jobs := make([]*Job, len(added))
	for i := range added {
		jobs[i] = &added[i]
		pl.registerJob(jobs[i], now)
	}
	pl.refresh(now)
	return jobs
}

func (pl *Pipeline) addJob(spec JobSpec, now time.Time) *Job {
	pl.srv.tb.Helper()
	j := &Job{spec: spec}
	pl.registerJob(j, now)
	pl.refresh(now)
	return j
}

// registerJob adds a job whose spec is set, and schedules its events. The caller
// refreshes the pipeline.
func (pl *Pipeline) registerJob(j *Job, now time.Time) {
	pl.srv.tb.Helper()
	j.srv, j.pipeline = pl.srv, pl
	spec := &j.spec
	if problem := j.applySpec(now); problem != "" {
		pl.srv.failf("AddJob %q to pipeline %d: %s", spec.Name, pl.id, problem)
		return
	}
	j.register()
	if spec.Script != nil {
		j.scheduleScript(spec.Script, now)
	}
	if j.status == gitlabjobs.StatusCanceling {
		j.scheduleCanceled(now)
	}
	if at := spec.ScheduledAt; !at.IsZero() {
		j.srv.schedule.addJobEvent(at, j, j.enqueue)
	}
}

// register adds the job to its pipeline and project. The caller refreshes the
// pipeline.
func (j *Job) register() {
	j.srv.world.jobs[j.id] = j
	pl := j.pipeline
	if j.bridge != nil {
		pl.bridges = insert(pl.bridges, j)
	} else {
		pl.jobs = insert(pl.jobs, j)
		pl.project.jobs = insert(pl.project.jobs, j)
		if j.retried {
			pl.retried++
		}
	}
	pl.count(j, 1)
}

// ID returns the job's ID.
func (j *Job) ID() int64 { return j.id }

// Name returns the job's name.
func (j *Job) Name() string { return j.spec.Name }

// Pipeline returns the pipeline that the job belongs to.
func (j *Job) Pipeline() *Pipeline { return j.pipeline }

// Token returns the job's CI_JOB_TOKEN. It works while the job runs or is
// canceling.
func (j *Job) Token() string { return fmt.Sprintf("%s%d", jobTokenPrefix, j.id) }

// Status returns the job's current status.
func (j *Job) Status() gitlabjobs.Status {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return j.status
}

// Retried reports whether another job has replaced this one.
func (j *Job) Retried() bool {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return j.retried
}

// Erased reports whether the job's log and artifacts were erased.
func (j *Job) Erased() bool {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return !j.erased.IsZero()
}

// Variables returns the variables that the job was played with.
func (j *Job) Variables() map[string]string {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return maps.Clone(j.variables)
}

// Inputs returns the inputs that the job was played or retried with, in the types
// that encoding/json uses for any.
func (j *Job) Inputs() map[string]any {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return maps.Clone(j.inputs)
}
