package gitlabjobs

import "time"

// Status is the state of a job, a bridge or a pipeline. GitLab adds values
// over time, so any string is legal, here and as a scope.
type Status string

// The statuses that a job can have.
const (
	StatusCreated            Status = "created"
	StatusWaitingForResource Status = "waiting_for_resource"
	StatusPreparing          Status = "preparing"
	StatusWaitingForCallback Status = "waiting_for_callback"
	StatusPending            Status = "pending"
	StatusRunning            Status = "running"
	StatusSuccess            Status = "success"
	StatusFailed             Status = "failed"
	StatusCanceling          Status = "canceling"
	StatusCanceled           Status = "canceled"
	StatusSkipped            Status = "skipped"
	StatusManual             Status = "manual"
	StatusScheduled          Status = "scheduled"
)

// Finished reports whether a job in this state has ended: success, failed, canceled or
// skipped. An unknown status is not finished.
func (s Status) Finished() bool {
	switch s {
	case StatusSuccess, StatusFailed, StatusCanceled, StatusSkipped:
		return true
	default:
		return false
	}
}

// Blocked reports whether a job in this state waits for a user to play it: manual. A
// scheduled job is not blocked, because GitLab starts it when its time has come.
func (s Status) Blocked() bool { return s == StatusManual }

// active reports whether this is one of the known states in which a job has not ended.
func (s Status) active() bool {
	switch s {
	case StatusCreated, StatusWaitingForResource, StatusPreparing, StatusWaitingForCallback, StatusPending,
		StatusRunning, StatusCanceling, StatusManual, StatusScheduled:
		return true
	default:
		return false
	}
}

// finished reports whether the job has ended. A job in an unknown state has if the
// server says when.
func (j *Job) finished() bool { return hasFinished(j.Status, j.FinishedAt) }

func (b *Bridge) finished() bool { return hasFinished(b.Status, b.FinishedAt) }

func hasFinished(s Status, at time.Time) bool {
	return s.Finished() || !s.active() && !at.IsZero()
}

// FailureReason says why a job failed. It is empty for a job that did not
// fail. GitLab adds values over time, so any string is legal.
type FailureReason string

// The failure reasons that programs ask about most. GitLab has some forty.
const (
	FailureUnknown              FailureReason = "unknown_failure"
	FailureScript               FailureReason = "script_failure"
	FailureAPI                  FailureReason = "api_failure"
	FailureStuckOrTimeout       FailureReason = "stuck_or_timeout_failure"
	FailureRunnerSystem         FailureReason = "runner_system_failure"
	FailureMissingDependency    FailureReason = "missing_dependency_failure"
	FailureRunnerUnsupported    FailureReason = "runner_unsupported"
	FailureStaleSchedule        FailureReason = "stale_schedule"
	FailureJobExecutionTimeout  FailureReason = "job_execution_timeout"
	FailureArchived             FailureReason = "archived_failure"
	FailureUnmetPrerequisites   FailureReason = "unmet_prerequisites"
	FailureScheduler            FailureReason = "scheduler_failure"
	FailureDataIntegrity        FailureReason = "data_integrity_failure"
	FailureForwardDeployment    FailureReason = "forward_deployment_failure"
	FailureUserBlocked          FailureReason = "user_blocked"
	FailureProjectDeleted       FailureReason = "project_deleted"
	FailureQuotaExceeded        FailureReason = "ci_quota_exceeded"
	FailureNoMatchingRunner     FailureReason = "no_matching_runner"
	FailureTraceSizeExceeded    FailureReason = "trace_size_exceeded"
	FailureRunnerInterrupted    FailureReason = "runner_interrupted"
	FailureJobTokenExpired      FailureReason = "job_token_expired"
	FailureDownstreamCreation   FailureReason = "downstream_pipeline_creation_failed"
	FailureProtectedEnvironment FailureReason = "protected_environment_failure"
)
