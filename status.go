package gitlabjobs

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

// Finished reports whether a job in this state has come to its end: success,
// failed, canceled or skipped. A status that this package does not know is
// not finished.
func (s Status) Finished() bool {
	switch s {
	case StatusSuccess, StatusFailed, StatusCanceled, StatusSkipped:
		return true
	default:
		return false
	}
}

// Blocked reports whether a job in this state waits for somebody to play it, or for
// a time that was set: manual or scheduled.
func (s Status) Blocked() bool { return s == StatusManual || s == StatusScheduled }

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
