package gitlabjobstest

import (
	"fmt"
	"maps"
	"time"

	"example.com/gitlabjobs"
)

// JobSpec is what a test says of a job; zero values mean something plausible:
// a job that has succeeded, with a log and the times that go with it.
type JobSpec struct {
	ID            int64
	Name          string                   // "job" and its id by default.
	Stage         string                   // "test" by default.
	Status        gitlabjobs.Status        // Success by default; pending where there is a Script.
	AnyStatus     bool                     // Allows a Status that GitLab does not have.
	FailureReason gitlabjobs.FailureReason // Of a failed job: script_failure by default.
	AllowFailure  bool
	Manual        bool     // It waits to be played, or did: it may be played again. Manual jobs are so by themselves.
	Retried       bool     // Another job has taken its place.
	Archived      bool     // Too old to be retried, played, erased or cancelled.
	Coverage      float64  // Percent; 0 for none.
	TagList       []string // The runner tags it asks for.
	Inputs        []string // The names of the inputs that it takes.

	User     *User // Who started it: the pipeline's user by default.
	NoUser   bool
	NoCommit bool
	Runner   *Runner // Where it runs, once it does: the server's first runner by default.

	// Those left out follow from the others, the Status and the present.
	CreatedAt, QueuedAt, StartedAt, FinishedAt, ErasedAt time.Time

	NeverStarted bool   // A failed job: it failed before it ran, as stuck ones do.
	Log          string // What it has written, or writes first once it starts. A finished job has one made up if it is empty.
	NoLog        bool   // It ran without a log.
	LiveLog      bool   // Its log is not yet among its artifacts.

	Artifacts         []Artifact // Besides the log.
	ArtifactsExpireAt time.Time

	GracefulCancel bool          // Cancelling it while it runs makes it canceling first.
	CancelTakes    time.Duration // How long it is canceling then; 0: until FinishCancel.

	Script      *Script // How it goes on once it is pending; a retry goes the same way.
	Environment *Environment
}

// Artifact is a file that a job left behind. Filename and Format have a value
// that goes with the Type where they are left empty.
type Artifact struct {
	Type     string // archive, metadata, junit, ...
	Size     int64
	Filename string
	Format   string // raw, zip or gzip.
}

// Environment is what a job deploys to.
type Environment struct{ Slug, Tier string }

// Job is a job of a [Server].
type Job struct {
	srv      *Server
	pipeline *Pipeline
	id       int64
	spec     JobSpec
	bridge   *bridge // nil: it is no bridge.

	status   gitlabjobs.Status
	reason   gitlabjobs.FailureReason
	user     *User
	runner   *Runner
	retried  bool
	coverage float64

	created, queued, started, finished, erased, expires time.Time

	artifacts []Artifact
	log       []byte
	plainLog  bool // The log is the one that is made up, and not yet in log.
	live      bool // The log is not among the artifacts.

	turn      int // Counts the transitions: what was planned before one is void after it.
	script    *Script
	since     time.Time // The script's start.
	lines     int       // Of the script, that are in log.
	variables map[string]string
	inputs    map[string]any
}

// AddJob adds a job to the pipeline.
func (pl *Pipeline) AddJob(spec JobSpec) *Job {
	if pl.srv.tb != nil {
		pl.srv.tb.Helper()
	}
	now := pl.srv.lock()
	defer pl.srv.mu.Unlock()
	return pl.addJob(spec, now)
}

// AddJobs adds n jobs to the pipeline: spec says what is known of job i, and
// nil that nothing is.
func (pl *Pipeline) AddJobs(n int, spec func(i int) JobSpec) []*Job {
	if pl.srv.tb != nil {
		pl.srv.tb.Helper()
	}
	specs := make([]JobSpec, max(n, 0))
	if spec != nil {
		for i := range specs {
			specs[i] = spec(i)
		}
	}
	now := pl.srv.lock()
	defer pl.srv.mu.Unlock()
	if n < 0 {
		pl.srv.bad("AddJobs(%d): give 0 or more", n)
	}
	jobs := make([]*Job, len(specs))
	for i := range specs {
		jobs[i] = pl.enterJob(&specs[i], now)
	}
	pl.refresh(now)
	return jobs
}

func (pl *Pipeline) addJob(spec JobSpec, now time.Time) *Job {
	if pl.srv.tb != nil {
		pl.srv.tb.Helper()
	}
	j := pl.enterJob(&spec, now)
	pl.refresh(now)
	return j
}

// enterJob adds a job, and leaves it to the caller to refresh the pipeline.
func (pl *Pipeline) enterJob(spec *JobSpec, now time.Time) *Job {
	if pl.srv.tb != nil {
		pl.srv.tb.Helper()
	}
	j := &Job{srv: pl.srv, pipeline: pl}
	if why := j.fill(*spec, now); why != "" {
		pl.srv.bad("AddJob %q to pipeline %d: %s", spec.Name, pl.id, why)
		return j
	}
	j.enter()
	if spec.Script != nil {
		j.begin(spec.Script, now)
	}
	return j
}

// fill makes a whole job of what a test says of it, and returns what is wrong
// with that.
func (j *Job) fill(spec JobSpec, now time.Time) string {
	s := j.srv
	spec.Stage = or(spec.Stage, "test")
	if spec.Status == "" {
		spec.Status = gitlabjobs.StatusSuccess
		if spec.Script != nil {
			spec.Status = gitlabjobs.StatusPending
		}
	}
	if spec.Status == gitlabjobs.StatusManual {
		spec.Manual = true
	}
	if spec.User == nil && !spec.NoUser {
		spec.User = j.pipeline.spec.User
	}
	if spec.Status == gitlabjobs.StatusFailed {
		spec.FailureReason = or(spec.FailureReason, gitlabjobs.FailureScript)
	}
	if spec.Runner == nil {
		spec.Runner = s.world.runner
	}
	j.spec = spec
	if why := j.refuse(); why != "" {
		return why
	}
	j.status, j.reason = spec.Status, spec.FailureReason
	j.user, j.retried, j.coverage = spec.User, spec.Retried, spec.Coverage
	if why := j.fillTimes(now); why != "" {
		return why
	}
	j.fillFiles()
	j.id = next(&s.world.lastJob, spec.ID)
	if j.spec.Name == "" {
		j.spec.Name = fmt.Sprintf("job %d", j.id)
	}
	return ""
}

func (j *Job) refuse() string {
	spec := &j.spec
	switch {
	case j.pipeline.id == 0:
		return "the pipeline was refused: mend that first"
	case spec.ID < 0:
		return "an id is above 0: leave it out to be given one"
	case j.srv.world.jobs[spec.ID] != nil:
		return fmt.Sprintf("the id %d is taken: leave it out to be given one", spec.ID)
	case !known(spec.Status) && !spec.AnyStatus:
		return fmt.Sprintf("%q is no status of GitLab's: use one of the gitlabjobs.Status constants, or set AnyStatus", spec.Status)
	case spec.FailureReason != "" && spec.Status != gitlabjobs.StatusFailed:
		return fmt.Sprintf("a job that is %s has no FailureReason: set Status to gitlabjobs.StatusFailed", spec.Status)
	case spec.User != nil && spec.NoUser:
		return "it has a User and NoUser: leave out one of them"
	case spec.User != nil && spec.User.srv != j.srv:
		return "the user is of another server: add one to this server with AddUser"
	case spec.Runner.srv != j.srv:
		return "the runner is of another server: add one to this server with AddRunner"
	case spec.Log != "" && spec.NoLog:
		return "it has a Log and NoLog: leave out one of them"
	case spec.Coverage < 0 || spec.Coverage > 100:
		return "the Coverage is in percent: from 0 to 100"
	case spec.NeverStarted && spec.Status != gitlabjobs.StatusFailed:
		return "NeverStarted is for failed jobs: a status such as pending says it already"
	case spec.NeverStarted && !spec.StartedAt.IsZero():
		return "it has a StartedAt and NeverStarted: leave out one of them"
	case spec.CancelTakes < 0:
		return "CancelTakes is below 0"
	case spec.CancelTakes > 0 && !spec.GracefulCancel:
		return "CancelTakes needs GracefulCancel"
	case !spec.ErasedAt.IsZero() && !spec.Status.Finished():
		return fmt.Sprintf("a job that is %s can't be erased: leave out ErasedAt", spec.Status)
	}
	for _, a := range spec.Artifacts {
		if a.Type == "" || a.Size < 0 {
			return "an artifact has a Type, such as archive, and a Size of 0 or more"
		}
	}
	if spec.Script != nil {
		if spec.Status.Finished() {
			return fmt.Sprintf("a job that is %s has no use for a Script: leave out the Status", spec.Status)
		}
		return spec.Script.refuse()
	}
	return ""
}

// enter makes the job part of its pipeline and project. The pipeline is to be
// refreshed then.
func (j *Job) enter() {
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

// known tells GitLab's own statuses.
func known(s gitlabjobs.Status) bool {
	switch s {
	case gitlabjobs.StatusCreated, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusPreparing,
		gitlabjobs.StatusWaitingForCallback, gitlabjobs.StatusPending, gitlabjobs.StatusRunning,
		gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceling,
		gitlabjobs.StatusCanceled, gitlabjobs.StatusSkipped, gitlabjobs.StatusManual, gitlabjobs.StatusScheduled:
		return true
	}
	return false
}

// ID returns the job's id.
func (j *Job) ID() int64 { return j.id }

// Name returns the job's name.
func (j *Job) Name() string { return j.spec.Name }

// Pipeline returns the pipeline that the job belongs to.
func (j *Job) Pipeline() *Pipeline { return j.pipeline }

// Token returns the job's CI_JOB_TOKEN. It works while the job runs or is
// canceling.
func (j *Job) Token() string { return fmt.Sprintf("%s%d", jobTokenPrefix, j.id) }

// Status returns the job's status at this moment.
func (j *Job) Status() gitlabjobs.Status {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return j.status
}

// Retried says whether another job has taken this one's place.
func (j *Job) Retried() bool {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return j.retried
}

// Erased says whether the job's log and artifacts were erased.
func (j *Job) Erased() bool {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return !j.erased.IsZero()
}

// Log returns the job's log as it is at this moment.
func (j *Job) Log() string {
	now := j.srv.lock()
	defer j.srv.mu.Unlock()
	return string(j.logAt(now))
}

// Variables returns the variables that the job was played with.
func (j *Job) Variables() map[string]string {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return maps.Clone(j.variables)
}

// Inputs returns the inputs that the job was played or retried with, as
// encoding/json decodes them into any.
func (j *Job) Inputs() map[string]any {
	j.srv.lock()
	defer j.srv.mu.Unlock()
	return maps.Clone(j.inputs)
}
