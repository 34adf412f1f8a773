package bench

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// officialCall calls a method of the official client's JobsService and returns the decoded
// result.
type officialCall struct {
	method string
	call   func(c *gitlab.Client) (any, error)
}

const projectID = 7

// The official client decodes every response of the fake server, as it decodes those of
// GitLab.
func TestTheOfficialClientReadsTheFake(t *testing.T) {
	srv := gitlabjobstest.NewServer(t)
	app := srv.AddProject("group/app", gitlabjobstest.ProjectSpec{ID: projectID})
	pl := app.AddPipeline()
	child := app.AddPipeline()
	child.AddJob()
	done := pl.AddJob(gitlabjobstest.JobSpec{
		Coverage: 87.5, TagList: []string{"docker"}, Log: "a log",
		Artifacts:         []gitlabjobstest.Artifact{{Type: "archive", Size: 10}, {Type: "metadata", Size: 2}},
		ArtifactsExpireAt: time.Now().Add(time.Hour),
	})
	failed := pl.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed})
	running := pl.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusRunning})
	canceling := pl.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusCanceling})
	manual := pl.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusManual})
	bridge := pl.AddBridge(gitlabjobstest.BridgeSpec{Downstream: child})
	played := pl.AddBridge(gitlabjobstest.BridgeSpec{Status: gitlabjobs.StatusManual})
	client, err := gitlab.NewClient(srv.Tokens.Maintainer, gitlab.WithBaseURL(srv.URL))
	if err != nil {
		t.Fatal(err)
	}

	job := func(want gitlabjobs.Status) func(*gitlab.Job, *gitlab.Response, error) (any, error) {
		return func(j *gitlab.Job, _ *gitlab.Response, err error) (any, error) {
			if err == nil && j.Status != string(want) {
				t.Errorf("job %d is %s, not %s", j.ID, j.Status, want)
			}
			return j, err
		}
	}
	calls := []officialCall{
		{"ListProjectJobs", func(c *gitlab.Client) (any, error) {
			jobs, _, err := c.Jobs.ListProjectJobs(projectID, nil)
			return jobs, err
		}},
		{"ListPipelineJobs", func(c *gitlab.Client) (any, error) {
			scope := []gitlab.BuildStateValue{gitlab.Success, gitlab.Failed}
			jobs, _, err := c.Jobs.ListPipelineJobs(projectID, pl.ID(), &gitlab.ListJobsOptions{Scope: &scope})
			return jobs, err
		}},
		{"ListPipelineBridges", func(c *gitlab.Client) (any, error) {
			bridges, _, err := c.Jobs.ListPipelineBridges(projectID, pl.ID(), nil)
			return bridges, err
		}},
		{"GetJobTokensJob", func(c *gitlab.Client) (any, error) {
			token := running.Token()
			return job(gitlabjobs.StatusRunning)(c.Jobs.GetJobTokensJob(&gitlab.GetJobTokensJobOptions{JobToken: &token},
				gitlab.WithHeader("Private-Token", "")))
		}},
		{"GetJob", func(c *gitlab.Client) (any, error) {
			return job(gitlabjobs.StatusSuccess)(c.Jobs.GetJob(projectID, done.ID()))
		}},
		{"GetTraceFile", func(c *gitlab.Client) (any, error) {
			log, _, err := c.Jobs.GetTraceFile(projectID, done.ID())
			if err != nil {
				return nil, err
			}
			text, err := io.ReadAll(log)
			if string(text) != "a log" {
				t.Errorf("the log is %q", text)
			}
			return log, err
		}},
		{"RetryJob", func(c *gitlab.Client) (any, error) {
			return job(gitlabjobs.StatusPending)(c.Jobs.RetryJob(projectID, failed.ID()))
		}},
		{"RetryJob", func(c *gitlab.Client) (any, error) {
			return job(gitlabjobs.StatusPending)(c.Jobs.RetryJob(projectID, bridge.ID()))
		}},
		{"PlayJob", func(c *gitlab.Client) (any, error) {
			variables := []*gitlab.JobVariableOptions{{Key: new("A"), Value: new("1")}}
			return job(gitlabjobs.StatusPending)(c.Jobs.PlayJob(projectID, manual.ID(), &gitlab.PlayJobOptions{JobVariablesAttributes: &variables}))
		}},
		{"PlayJob", func(c *gitlab.Client) (any, error) {
			return job(gitlabjobs.StatusPending)(c.Jobs.PlayJob(projectID, played.ID(), nil))
		}},
		{"CancelJob", func(c *gitlab.Client) (any, error) {
			return job(gitlabjobs.StatusCanceled)(c.Jobs.CancelJob(projectID, running.ID()))
		}},
		{"CancelJobWithOptions", func(c *gitlab.Client) (any, error) {
			return job(gitlabjobs.StatusCanceled)(c.Jobs.CancelJobWithOptions(projectID, canceling.ID(), &gitlab.CancelJobOptions{Force: new(true)})) //nolint:staticcheck // Deprecated in favor of a method of 4.0, and in use.
		}},
		{"EraseJob", func(c *gitlab.Client) (any, error) {
			return job(gitlabjobs.StatusSuccess)(c.Jobs.EraseJob(projectID, done.ID()))
		}},
	}
	called := map[string]bool{}
	for _, tt := range calls {
		called[tt.method] = true
		got, err := tt.call(client)
		if err != nil {
			t.Errorf("%s: %v", tt.method, err)
			continue
		}
		if v := reflect.ValueOf(got); v.Kind() == reflect.Slice && v.Len() == 0 {
			t.Errorf("%s has decoded nothing", tt.method)
		}
	}
	if got := manual.Variables()["A"]; got != "1" {
		t.Errorf("the variable is %q", got)
	}
	pipeline, _, err := client.Pipelines.GetPipeline(projectID, pl.ID())
	if err != nil || pipeline.ID != pl.ID() || pipeline.Status == "" {
		t.Errorf("GetPipeline: %v, %v", pipeline, err)
	}
	service := reflect.TypeFor[gitlab.JobsServiceInterface]()
	for method := range service.Methods() {
		// Artifacts have a separate API, which the fake server does not implement.
		if name := method.Name; !called[name] && !strings.Contains(name, "Artifacts") {
			t.Errorf("%s is not called: add it to the table", name)
		}
	}
}
