package gitlabjobstest

import (
	"cmp"
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// JobSpec describes a job. The zero value describes a job that has succeeded,
// with a log and plausible times.
type JobSpec struct {
	ID            int64
	Name          string                   // "job" and the ID by default.
	Stage         string                   // "test" by default.
	Status        gitlabjobs.Status        // Success by default, pending with a Script, scheduled with a ScheduledAt.
	AnyStatus     bool                     // Allows a Status that GitLab does not have.
	FailureReason gitlabjobs.FailureReason // The reason if Status is failed. Default: script_failure.
	AllowFailure  bool
	Manual        bool     // The job has "when: manual". It starts when it is played, and can be played again after it has finished. Implied by a manual Status.
	Retried       bool     // Another job has replaced the job.
	Archived      bool     // The job is too old to be retried or played.
	Coverage      float64  // In percent. 0 means none.
	TagList       []string // The tags that the job's runner must have.
	Inputs        []string // The names of the inputs that the job declares.

	User     *User // The user who started the job. Default: the pipeline's user.
	NoUser   bool
	NoCommit bool
	Runner   *Runner // The runner of the job. Default: the server's first runner.

	// If a time is zero, the server computes it from the other times, the Status
	// and the current time.
	CreatedAt, QueuedAt, StartedAt, FinishedAt, ErasedAt time.Time

	NeverStarted bool // The job failed before it started, for example because no runner picked it up.

	// Log is the start of the job's log. The job writes it when it starts. If it is
	// empty, a finished job has a default log.
	Log     string
	NoLog   bool // The job has no log.
	LiveLog bool // The log is not among the artifacts yet.

	// Stamped writes the log as newer runners do, with a prefix of 32 bytes before
	// each line: the time, the stream, and whether the line continues the previous
	// one. The runner buffers a line until it is complete or the job ends. If the
	// line contains a carriage return or is longer than 8 KiB, the runner writes it
	// before it is complete, and the next line continues it. The runner writes a
	// section mark separately from the text around it.
	Stamped bool

	// RunnerVersion is the version of the runner that writes a Stamped log, such as
	// "18.7". The default is "19.1.0". A runner before 19.1 splits an incomplete
	// line after its last carriage return.
	RunnerVersion string

	// LogSize is the size of a log that the server generates while it is read. Use
	// it instead of Log. LogAt fills p with the bytes at an offset. It must always
	// return the same bytes for an offset, and must be safe for concurrent use. If
	// LogAt is nil, the log consists of numbered lines of 64 bytes.
	LogSize int64
	LogAt   func(p []byte, off int64)

	Artifacts         []Artifact // The artifacts without the log.
	ArtifactsExpireAt time.Time

	GracefulCancel bool          // If the job is canceled while it is running, it becomes canceling first.
	CancelTakes    time.Duration // How long the job is canceling. 0 means until FinishCancel is called.

	ScheduledAt time.Time // The time at which a scheduled job becomes pending. If it is zero, the job must be played.

	Script *Script // Runs the job when it becomes pending. Retries of the job run the same script, unless Retries is set.

	// Retries are the scripts of the job's retries, in order. The first script is
	// for the first retry. If there are more retries than scripts, the other retries
	// use the last script.
	Retries []Script

	// AutoRetry is the number of times that GitLab retries the job after a failure,
	// from 0 to 2, like the keyword retry in .gitlab-ci.yml.
	AutoRetry int

	Environment *Environment
}

// Artifact is a file that a job has created. If Filename or Format is empty, the
// server uses GitLab's value for the Type.
type Artifact struct {
	Type     string // archive, metadata, junit, ...
	Size     int64
	Filename string
	Format   string // raw, zip or gzip.
}

// Environment is the environment that a job deploys to.
type Environment struct{ Slug, Tier string }

// applySpec sets the state of a job from its spec. It returns what is wrong with
// the spec, or an empty string.
func (j *Job) applySpec(now time.Time) string {
	s, spec := j.srv, &j.spec
	spec.Stage = cmp.Or(spec.Stage, "test")
	if spec.Status == "" {
		switch {
		case !spec.ScheduledAt.IsZero():
			spec.Status = gitlabjobs.StatusScheduled
		case spec.Script != nil:
			spec.Status = gitlabjobs.StatusPending
		default:
			spec.Status = gitlabjobs.StatusSuccess
		}
	}
	if spec.Status == gitlabjobs.StatusManual {
		spec.Manual = true
	}
	if spec.User == nil && !spec.NoUser {
		spec.User = j.pipeline.spec.User
	}
	if spec.Status == gitlabjobs.StatusFailed {
		spec.FailureReason = cmp.Or(spec.FailureReason, gitlabjobs.FailureScript)
	}
	if spec.Runner == nil {
		spec.Runner = s.world.runner
	}
	if problem := j.validate(); problem != "" {
		return problem
	}
	j.stamper.splitsAtReturn, _ = splitsAtReturn(spec.RunnerVersion)
	j.status, j.reason = spec.Status, spec.FailureReason
	j.user, j.retried, j.coverage = spec.User, spec.Retried, spec.Coverage
	if problem := j.setTimes(now); problem != "" {
		return problem
	}
	j.setFiles()
	j.id = nextID(&s.world.lastJob, spec.ID)
	if j.spec.Name == "" {
		j.spec.Name = fmt.Sprintf("job %d", j.id)
	}
	return ""
}

// validate returns what is wrong with the job's spec, or an empty string.
func (j *Job) validate() string {
	spec := &j.spec
	_, knownRunner := splitsAtReturn(spec.RunnerVersion)
	switch {
	case j.pipeline.id == 0:
		return "its pipeline could not be added: fix that error first"
	case j.pipeline.deleted:
		return "its pipeline was deleted: add it to another one"
	case spec.ID < 0:
		return fmt.Sprintf("ID is %d: use a positive number, or leave it out to get the next free one", spec.ID)
	case j.srv.world.jobs[spec.ID] != nil:
		return fmt.Sprintf("ID %d is taken: leave it out to get the next free one", spec.ID)
	case !knownStatus(spec.Status) && !spec.AnyStatus:
		return fmt.Sprintf("Status is %q, which GitLab does not have: use a gitlabjobs.Status constant, or set AnyStatus", spec.Status)
	case spec.FailureReason != "" && spec.Status != gitlabjobs.StatusFailed:
		return fmt.Sprintf("FailureReason is %s, but Status is %s: set Status to gitlabjobs.StatusFailed", spec.FailureReason, spec.Status)
	case spec.User != nil && spec.NoUser:
		return "User and NoUser are both set: leave out one of them"
	case spec.User != nil && spec.User.srv != j.srv:
		return "User belongs to another server: add one to this server with Server.AddUser"
	case spec.Runner.srv != j.srv:
		return "Runner belongs to another server: add one to this server with Server.AddRunner"
	case (spec.Log != "" || spec.LogSize > 0) && spec.NoLog:
		return "NoLog and a log are both set: leave out one of them"
	case spec.Log != "" && spec.LogSize > 0:
		return "Log and LogSize are both set: leave out one of them"
	case spec.LogSize < 0 || spec.LogSize == 0 && spec.LogAt != nil:
		return fmt.Sprintf("LogSize is %d: use 0 or more, and with LogAt a number above 0", spec.LogSize)
	case !knownRunner:
		return fmt.Sprintf("RunnerVersion is %q: use a major and a minor version from 16.0 on, such as 18.7", spec.RunnerVersion)
	case spec.LogSize > 0 && spec.Stamped:
		return "LogSize and Stamped are both set: leave out Stamped, and let LogAt write the prefixes"
	case spec.Coverage < 0 || spec.Coverage > 100:
		return fmt.Sprintf("Coverage is %v: use a percentage from 0 to 100", spec.Coverage)
	case spec.NeverStarted && spec.Status != gitlabjobs.StatusFailed:
		return fmt.Sprintf("NeverStarted is set, but Status is %s: use it with gitlabjobs.StatusFailed only", spec.Status)
	case spec.NeverStarted && !spec.StartedAt.IsZero():
		return "StartedAt and NeverStarted are both set: leave out one of them"
	case spec.AutoRetry < 0 || spec.AutoRetry > maxAutoRetry:
		return fmt.Sprintf("AutoRetry is %d: use 0 to %d", spec.AutoRetry, maxAutoRetry)
	case spec.CancelTakes < 0:
		return fmt.Sprintf("CancelTakes is %v: use 0 or more", spec.CancelTakes)
	case spec.CancelTakes > 0 && !spec.GracefulCancel:
		return "CancelTakes is set: set GracefulCancel too, or the job is canceled at once"
	case !spec.ScheduledAt.IsZero() && spec.Status != gitlabjobs.StatusScheduled:
		return fmt.Sprintf("ScheduledAt is set, but Status is %s: set Status to gitlabjobs.StatusScheduled, or leave it out", spec.Status)
	case !spec.ErasedAt.IsZero() && !spec.Status.Finished():
		return fmt.Sprintf("ErasedAt is set, but Status is %s: leave out ErasedAt, or use a status such as gitlabjobs.StatusSuccess", spec.Status)
	}
	for _, a := range spec.Artifacts {
		if a.Type == "" || a.Size < 0 {
			return fmt.Sprintf("an artifact has the Type %q and the Size %d: use a Type such as archive, and a Size of 0 or more", a.Type, a.Size)
		}
	}
	for i := range spec.Retries {
		if problem := spec.Retries[i].validate(); problem != "" {
			return fmt.Sprintf("Retries[%d]: %s", i, problem)
		}
	}
	if spec.Script != nil {
		if spec.Status.Finished() {
			return fmt.Sprintf("Script is set, but Status is %s: leave out Status to run it at once, or put it into Retries to run it when the job is retried", spec.Status)
		}
		return spec.Script.validate()
	}
	return ""
}

// knownStatus reports whether GitLab has a status.
func knownStatus(s gitlabjobs.Status) bool {
	switch s {
	case gitlabjobs.StatusCreated, gitlabjobs.StatusWaitingForResource, gitlabjobs.StatusPreparing,
		gitlabjobs.StatusWaitingForCallback, gitlabjobs.StatusPending, gitlabjobs.StatusRunning,
		gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceling,
		gitlabjobs.StatusCanceled, gitlabjobs.StatusSkipped, gitlabjobs.StatusManual, gitlabjobs.StatusScheduled:
		return true
	}
	return false
}
