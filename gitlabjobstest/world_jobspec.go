package gitlabjobstest

import (
	"cmp"
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// JobSpec describes a job. Zero values get sensible defaults: a job that has
// succeeded, with a log and times to match.
type JobSpec struct {
	ID            int64
	Name          string                   // "job" and the ID by default.
	Stage         string                   // "test" by default.
	Status        gitlabjobs.Status        // Success by default, pending with a Script, scheduled with a ScheduledAt.
	AnyStatus     bool                     // Allows a Status that GitLab does not have.
	FailureReason gitlabjobs.FailureReason // If failed. Default script_failure.
	AllowFailure  bool
	Manual        bool     // It has to be played, or was and can be played again. Implied by a manual Status.
	Retried       bool     // Another job has replaced it.
	Archived      bool     // Too old to be retried or played.
	Coverage      float64  // Percent. 0 means none.
	TagList       []string // The tags that its runner must have.
	Inputs        []string // The names of the inputs that it declares.

	User     *User // Who started it. Default: the pipeline's user.
	NoUser   bool
	NoCommit bool
	Runner   *Runner // Where it runs. Default: the server's first runner.

	// Times that are left out are computed from the others, the Status and the
	// present.
	CreatedAt, QueuedAt, StartedAt, FinishedAt, ErasedAt time.Time

	NeverStarted bool   // The job failed before it started, like a stuck one.
	Log          string // The log so far, or what the job writes first when it starts. If empty, a finished job has a default log.
	NoLog        bool   // The job has no log.
	LiveLog      bool   // The log is not among the artifacts yet.

	// Stamped writes the log as newer runners do, with a prefix of 32 bytes before
	// each line: the time, the stream, and whether it continues the line before.
	// A line without a line break is buffered until the break is written or the
	// job ends. If it contains a carriage return, or is longer than 8 KiB, it is
	// written at once, to be continued. Section marks are writes by themselves.
	Stamped bool

	// RunnerVersion is the version of the runner that writes a Stamped log, such as
	// "18.7"; "19.1.0" by default. Before 19.1, a line to be continued ends behind
	// its last carriage return.
	RunnerVersion string

	// LogSize is the size of a log that is generated while it is read, instead
	// of Log. LogAt fills p with the bytes at an offset. It must always return
	// the same bytes, and may be called by several requests at once. Without
	// LogAt the log consists of numbered lines of 64 bytes, all different.
	LogSize int64
	LogAt   func(p []byte, off int64)

	Artifacts         []Artifact // Without the log.
	ArtifactsExpireAt time.Time

	GracefulCancel bool          // If canceled while running, the job is canceling first.
	CancelTakes    time.Duration // How long the job is canceling then. 0 means until FinishCancel.

	ScheduledAt time.Time // When a scheduled job becomes pending. Zero means when it is played.

	Script *Script // What the job does once it is pending. Retries do the same, unless Retries is set.

	// Retries are the scripts of the following attempts in order: the first one
	// is for the retry of this job, the second for the retry of that one.
	// Further attempts use the last.
	Retries []Script

	// AutoRetry is how often GitLab itself retries the job after a failure, 0
	// to 2, like the keyword retry in .gitlab-ci.yml.
	AutoRetry int

	Environment *Environment
}

// Artifact is a file that a job has created. If Filename or Format is empty, it
// gets the usual value for the Type.
type Artifact struct {
	Type     string // archive, metadata, junit, ...
	Size     int64
	Filename string
	Format   string // raw, zip or gzip.
}

// Environment is what a job deploys to.
type Environment struct{ Slug, Tier string }

// fill sets the state of a job from its spec. It returns what is wrong with the
// spec.
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
