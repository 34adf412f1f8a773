package gitlabjobs

import (
	"time"
)

// Status is the state of a job, a bridge or a pipeline. GitLab adds values over time, so
// any string is valid, including as a scope.
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

// Blocked reports whether a job in this state waits for a user to play it. That is only
// true of manual: GitLab starts scheduled jobs by itself.
func (s Status) Blocked() bool { return s == StatusManual }

// known reports whether this package knows a status.
func (s Status) known() bool {
	switch s {
	case StatusCreated, StatusWaitingForResource, StatusPreparing, StatusWaitingForCallback, StatusPending, StatusRunning,
		StatusSuccess, StatusFailed, StatusCanceling, StatusCanceled, StatusSkipped, StatusManual, StatusScheduled:
		return true
	default:
		return false
	}
}

// finished reports whether the job has ended. If the status is unknown, FinishedAt
// decides.
func (j *Job) finished() bool { return hasFinished(j.Status, j.FinishedAt) }

func (b *Bridge) finished() bool { return hasFinished(b.Status, b.FinishedAt) }

func hasFinished(s Status, at time.Time) bool {
	return s.Finished() || !s.known() && !at.IsZero()
}

// FailureReason says why a job failed. It is empty for a job that did not fail.
// GitLab adds values over time, so any string is valid.
type FailureReason string

// The failure reasons of GitLab 19.4.
const (
	FailureUnknown                   FailureReason = "unknown_failure"
	FailureScript                    FailureReason = "script_failure"
	FailureAPI                       FailureReason = "api_failure"
	FailureStuckOrTimeout            FailureReason = "stuck_or_timeout_failure"
	FailureRunnerSystem              FailureReason = "runner_system_failure"
	FailureMissingDependency         FailureReason = "missing_dependency_failure"
	FailureRunnerUnsupported         FailureReason = "runner_unsupported"
	FailureStaleSchedule             FailureReason = "stale_schedule"
	FailureJobExecutionTimeout       FailureReason = "job_execution_timeout"
	FailureArchived                  FailureReason = "archived_failure"
	FailureUnmetPrerequisites        FailureReason = "unmet_prerequisites"
	FailureScheduler                 FailureReason = "scheduler_failure"
	FailureDataIntegrity             FailureReason = "data_integrity_failure"
	FailureForwardDeployment         FailureReason = "forward_deployment_failure"
	FailureUserBlocked               FailureReason = "user_blocked"
	FailureProjectDeleted            FailureReason = "project_deleted"
	FailureQuotaExceeded             FailureReason = "ci_quota_exceeded"
	FailurePipelineLoop              FailureReason = "pipeline_loop_detected"
	FailureNoMatchingRunner          FailureReason = "no_matching_runner"
	FailureTraceSizeExceeded         FailureReason = "trace_size_exceeded"
	FailureBuildsDisabled            FailureReason = "builds_disabled"
	FailureEnvironmentCreation       FailureReason = "environment_creation_failure"
	FailureDeploymentRejected        FailureReason = "deployment_rejected"
	FailureOutdatedDeployment        FailureReason = "failed_outdated_deployment_job"
	FailureProtectedEnvironment      FailureReason = "protected_environment_failure"
	FailureBridgePermissions         FailureReason = "insufficient_bridge_permissions"
	FailureDownstreamProjectNotFound FailureReason = "downstream_bridge_project_not_found"
	FailureInvalidBridgeTrigger      FailureReason = "invalid_bridge_trigger"
	FailureUpstreamProjectNotFound   FailureReason = "upstream_bridge_project_not_found"
	FailureUpstreamPermissions       FailureReason = "insufficient_upstream_permissions"
	FailureBridgePipelineIsChild     FailureReason = "bridge_pipeline_is_child_pipeline"
	FailureDownstreamCreation        FailureReason = "downstream_pipeline_creation_failed"
	FailureSecretsProviderNotFound   FailureReason = "secrets_provider_not_found"
	FailureMaxDescendantDepth        FailureReason = "reached_max_descendant_pipelines_depth"
	FailureIPRestriction             FailureReason = "ip_restriction_failure"
	FailureMaxPipelineHierarchySize  FailureReason = "reached_max_pipeline_hierarchy_size"
	FailureRunnerConfiguration       FailureReason = "runner_configuration_error"
	FailureRunnerInterrupted         FailureReason = "runner_interrupted"
	FailureJobTokenExpired           FailureReason = "job_token_expired"
	FailureDownstreamRateLimit       FailureReason = "reached_downstream_pipeline_trigger_rate_limit"
	FailureDuoWorkflowNotAllowed     FailureReason = "duo_workflow_not_allowed"
	FailureJobRouter                 FailureReason = "job_router_failure"
	FailureIDTokenBurnedProjectPath  FailureReason = "id_token_burned_project_path"
	FailureDownstreamResolvedToEmpty FailureReason = "downstream_project_trigger_resolved_to_empty"
	FailureRunnerExternalDependency  FailureReason = "runner_external_dependency_failure"
	FailureJobExecutionServerTimeout FailureReason = "job_execution_server_timeout"

	// FailureStuckWithMatchingRunners and the three after it replace FailureStuckOrTimeout
	// on newer servers.
	FailureStuckWithMatchingRunners FailureReason = "stuck_pending_with_matching_runners"
	FailureStuckNoMatchingRunners   FailureReason = "stuck_pending_no_matching_runners"
	FailureNoUpdatesRunning         FailureReason = "no_updates_running"
	FailureNoUpdatesCanceling       FailureReason = "no_updates_canceling"

	// FailureServerTimeoutRunning and the one after it replace FailureJobExecutionTimeout on
	// newer servers, if the server ends the job.
	FailureServerTimeoutRunning   FailureReason = "server_timeout_running"
	FailureServerTimeoutCanceling FailureReason = "server_timeout_canceling"
)
