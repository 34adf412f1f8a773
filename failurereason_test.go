package gitlabjobs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gitlabReasons are the failure reasons in GitLab's source.
const gitlabReasons = `
unknown_failure script_failure api_failure stuck_or_timeout_failure runner_system_failure
missing_dependency_failure runner_unsupported stale_schedule job_execution_timeout archived_failure
unmet_prerequisites scheduler_failure data_integrity_failure forward_deployment_failure user_blocked
project_deleted ci_quota_exceeded pipeline_loop_detected no_matching_runner trace_size_exceeded
builds_disabled environment_creation_failure deployment_rejected failed_outdated_deployment_job
protected_environment_failure insufficient_bridge_permissions downstream_bridge_project_not_found
invalid_bridge_trigger upstream_bridge_project_not_found insufficient_upstream_permissions
bridge_pipeline_is_child_pipeline downstream_pipeline_creation_failed secrets_provider_not_found
reached_max_descendant_pipelines_depth ip_restriction_failure reached_max_pipeline_hierarchy_size
runner_configuration_error runner_interrupted job_token_expired reached_downstream_pipeline_trigger_rate_limit
duo_workflow_not_allowed job_router_failure id_token_burned_project_path
downstream_project_trigger_resolved_to_empty runner_external_dependency_failure job_execution_server_timeout
stuck_pending_with_matching_runners stuck_pending_no_matching_runners no_updates_running no_updates_canceling
server_timeout_running server_timeout_canceling`

func TestEveryFailureReasonHasAConstant(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "status.go", nil, 0)
	require.NoError(t, err)
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "FailureReason" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			constants = append(constants, value)
		}
		return true
	})
	assert.Len(t, constants, 52)
	assert.ElementsMatch(t, strings.Fields(gitlabReasons), constants)
}
