package gitlabjobstest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	gt "example.com/gitlabjobs/gitlabjobstest"
)

const (
	recordedHost = "http://127.0.0.1:8929"
	recordedLog  = "\x1b[0KRunning with gitlab-runner 17.9.0 (abcd1234)\n" +
		"\x1b[0;msection_start:1709629331:prepare\r\x1b[0Kline ü → ✓\nsection_end:1709629339:prepare\r\x1b[0K\n" +
		"\x1b[32;1mJob succeeded\x1b[0;m\n"
)

// newRecordedServer returns a server with the data set of the recording in
// testdata, and the values of the recording's placeholders, such as {maintainer}.
func newRecordedServer(t *testing.T) (s *gt.Server, placeholders map[string]string) {
	t.Helper()
	s = gt.NewMemoryServer(t, gt.WithExternalURL(recordedHost))
	app := s.AddProject("grp/sub/app", gt.ProjectSpec{ID: 7, MovedFrom: []string{"grp/old-app"}})
	open := s.AddProject("grp/open", gt.ProjectSpec{ID: 8, Visibility: gt.Public})
	stats := s.AddProject("grp/stats", gt.ProjectSpec{ID: 9, StatsRefreshing: true})
	many := s.AddProject("grp/many", gt.ProjectSpec{ID: 10})
	tree := s.AddProject("grp/tree", gt.ProjectSpec{ID: 11})
	app.AddAgent(gt.AgentSpec{ID: 5, Configuration: map[string]any{"default_namespace": "production"}})

	dev := s.Users.Developer
	main := app.AddPipeline(gt.PipelineSpec{ID: 50, Ref: "main", User: dev})
	feature := app.AddPipeline(gt.PipelineSpec{ID: 51, Ref: "feature/x-1", Source: "merge_request_event", User: dev})
	triggered := open.AddPipeline(gt.PipelineSpec{
		ID: 52, Ref: "main", Source: "pipeline", User: dev,
		CommitTrailers: map[string][]string{"Signed-off-by": {"Ada <ada@example.com>", "Grace <grace@example.com>"}},
	})
	tagged := app.AddPipeline(gt.PipelineSpec{ID: 53, Ref: "v1.0", Tag: true, Source: "web", User: dev})
	refreshing := stats.AddPipeline(gt.PipelineSpec{ID: 54, User: dev})
	long := many.AddPipeline(gt.PipelineSpec{ID: 55, Source: "schedule", User: dev})
	parent := tree.AddPipeline(gt.PipelineSpec{ID: 57, User: dev})
	child := tree.AddPipeline(gt.PipelineSpec{ID: 58, Source: "parent_pipeline", User: dev})
	grandchild := tree.AddPipeline(gt.PipelineSpec{ID: 59, Source: "parent_pipeline", User: dev})
	app.AddPipeline(gt.PipelineSpec{ID: 60, Ref: "empty", User: dev})

	addMainJobs(s, main, triggered)
	addFeatureJobs(feature)
	addJob(tagged, 143, "tagged", "failed", gt.JobSpec{FailureReason: "job_execution_timeout", NoUser: true, NoCommit: true})
	addJob(triggered, 144, "build", "success", gt.JobSpec{Artifacts: archive(115)})
	addJob(refreshing, 145, "build", "success", gt.JobSpec{Artifacts: archive(115)})
	addJob(parent, 150, "prep", "success", gt.JobSpec{Stage: "build"})
	parent.AddBridge(gt.BridgeSpec{ID: 151, Name: "child", Status: "running", Downstream: child})
	parent.AddBridge(gt.BridgeSpec{ID: 152, Name: "open", Status: "success", Downstream: triggered, AnyDownstream: true})
	parent.AddBridge(gt.BridgeSpec{ID: 153, Name: "none yet", Status: "pending"})
	addJob(child, 154, "c-run", "running", gt.JobSpec{Log: recordedLog})
	child.AddBridge(gt.BridgeSpec{ID: 155, Name: "grandchild", Downstream: grandchild})
	addJob(grandchild, 156, "g-one", "success", gt.JobSpec{})
	addJob(grandchild, 157, "g-two", "failed", gt.JobSpec{FailureReason: "script_failure"})
	const first, every = 1000, 7
	long.AddJobs(250, func(i int) gt.JobSpec {
		status := gitlabjobs.StatusSuccess
		if (first+i)%every == 0 {
			status = gitlabjobs.StatusFailed
		}
		return gt.JobSpec{ID: int64(first + i), Name: fmt.Sprintf("job %d", first+i), Status: status, NoLog: true}
	})
	require.NoError(t, s.Err())
	tokens := s.Tokens
	return s, map[string]string{
		"{maintainer}": tokens.Maintainer, "{dev}": tokens.Developer, "{reporter}": tokens.Reporter,
		"{guest}": tokens.Guest, "{outsider}": tokens.Outsider, "{readapi}": tokens.ReadAPI,
		"{noscope}": tokens.NoScope, "{expired}": tokens.Expired, "{revoked}": tokens.Revoked,
		"{running}": s.Job(125).Token(), "{done}": s.Job(141).Token(),
	}
}

func addMainJobs(s *gt.Server, pl, triggered *gt.Pipeline) {
	addJob(pl, 100, "build", "success", gt.JobSpec{
		Stage: "build", Coverage: 87.25, TagList: []string{"docker", "linux"},
		Artifacts: archive(564), ArtifactsExpireAt: time.Now().Add(720 * time.Hour),
	})
	addJob(pl, 101, "rspec 1/2", "success", gt.JobSpec{})
	addJob(pl, 102, "lint", "failed", gt.JobSpec{AllowFailure: true, FailureReason: "script_failure"})
	addJob(pl, 103, "flaky", "failed", gt.JobSpec{FailureReason: "runner_system_failure", Retried: true})
	addJob(pl, 104, "flaky", "success", gt.JobSpec{User: s.Users.Maintainer})
	addJob(pl, 105, "old", "success", gt.JobSpec{Archived: true, Artifacts: archive(111), ArtifactsExpireAt: time.Now().Add(-time.Hour)})
	addJob(pl, 106, "wiped", "success", gt.JobSpec{ErasedAt: time.Now().Add(-time.Minute), NoLog: true})
	pl.AddBridge(gt.BridgeSpec{ID: 107, Name: "trigger:open", Downstream: triggered})
	pl.AddBridge(gt.BridgeSpec{ID: 108, Name: "trigger:none", Status: "failed", FailureReason: "downstream_bridge_project_not_found"})
	pl.AddBridge(gt.BridgeSpec{ID: 109, Name: "trigger:manual", Status: "manual"})
	pl.AddBridge(gt.BridgeSpec{ID: 110, Name: "trigger:waiting", Status: "created"})
}

func addFeatureJobs(pl *gt.Pipeline) {
	for i, status := range []gitlabjobs.Status{
		"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running",
		"canceling", "canceled", "skipped", "manual", "scheduled",
	} {
		spec := gt.JobSpec{NoLog: true}
		switch status {
		case "manual":
			spec.Inputs = []string{"env"}
		case "running":
			spec.NoLog, spec.Log = false, recordedLog[:40]
			spec.Environment = &gt.Environment{Slug: "review-x", Tier: "development"}
		default:
		}
		addJob(pl, 120+int64(i), "st-"+string(status), status, spec)
	}
	addJob(pl, 140, "graceful", "running", gt.JobSpec{GracefulCancel: true, NoLog: true})
	addJob(pl, 141, "done-token", "success", gt.JobSpec{})
	addJob(pl, 142, "manual-replay", "success", gt.JobSpec{Manual: true})
}

func addJob(pl *gt.Pipeline, id int64, name string, status gitlabjobs.Status, spec gt.JobSpec) {
	spec.ID, spec.Name, spec.Status = id, name, status
	if spec.Log == "" && !spec.NoLog && (status == "success" || status == "failed") {
		spec.Log = recordedLog
	}
	spec.LiveLog = len(spec.Artifacts) == 0 && spec.Log != ""
	pl.AddJob(spec)
}

func archive(size int64) []gt.Artifact {
	return []gt.Artifact{
		{Type: "archive", Size: size, Filename: "artifacts.zip", Format: "zip"},
		{Type: "metadata", Size: 2, Filename: "metadata.gz", Format: "gzip"},
	}
}
