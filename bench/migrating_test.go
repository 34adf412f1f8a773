package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// authSource uses the token source of client-go in gitlabjobs.
type authSource struct{ gitlab.AuthSource }

func (s authSource) Authorize(req *http.Request) error {
	key, value, err := s.Header(req.Context())
	if err == nil {
		req.Header.Set(key, value)
	}
	return err
}

// newClients returns both clients for one server, with one http.Client and one source of
// tokens.
func newClients(url string, source gitlab.AuthSource) (*gitlab.Client, *gitlabjobs.Client, error) {
	httpClient := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	official, err := gitlab.NewAuthSourceClient(source, gitlab.WithBaseURL(url), gitlab.WithHTTPClient(httpClient))
	if err != nil {
		return nil, nil, err
	}
	jobs, err := gitlabjobs.NewClient(url, authSource{source}, gitlabjobs.WithHTTPClient(httpClient))
	return official, jobs, err
}

// limited is a transport that waits for a limiter before each request.
type limited struct {
	limiter gitlab.RateLimiter
	next    http.RoundTripper
}

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := l.limiter.Wait(req.Context()); err != nil {
		return nil, err
	}
	return l.next.RoundTrip(req)
}

func TestBothClientsOnOneServer(t *testing.T) {
	srv := gitlabjobstest.NewServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline()
	job := pipeline.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusManual})
	official, jobs, err := newClients(srv.URL, gitlab.AccessTokenAuthSource{Token: srv.Tokens.Developer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.Jobs.Play(t.Context(), "group/app", job.ID(), nil); err != nil {
		t.Fatal(err)
	}
	played, _, err := official.Jobs.GetJob("group/app", job.ID())
	if err != nil || played.Status != "pending" {
		t.Errorf("the job is %v, %v", played, err)
	}
}

// The fields that are structs in client-go are nil if GitLab does not send them.
func TestFieldsThatAreNil(t *testing.T) {
	srv := gitlabjobstest.NewServer(t, gitlabjobstest.WithoutPipelineObjects())
	pipeline := srv.AddProject("group/app").AddPipeline()
	pipeline.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusPending})
	pipeline.AddBridge()
	client := srv.Client(srv.Tokens.Developer)
	for job, err := range client.Jobs.AllByPipeline(t.Context(), "group/app", pipeline.ID(), nil) {
		if err != nil || job.Runner != nil || job.ArtifactsFile != nil || job.Pipeline != nil {
			t.Errorf("%v, %v", job, err)
		}
	}
	for bridge, err := range client.Bridges.All(t.Context(), "group/app", pipeline.ID(), nil) {
		if err != nil || bridge.Pipeline != nil {
			t.Errorf("%v, %v", bridge, err)
		}
	}
}

// The transport with the limiter is asked once for each attempt.
func TestALimiterCountsRetries(t *testing.T) {
	srv := gitlabjobstest.NewServer(t)
	srv.AddProject("group/app")
	srv.Fault(gitlabjobstest.Fault{Do: gitlabjobstest.BadGateway(), Times: 1})
	limiter := new(countingLimiter)
	client, err := gitlabjobs.NewClient(srv.URL, gitlabjobs.PrivateToken(srv.Tokens.Reporter),
		gitlabjobs.WithHTTPClient(&http.Client{Transport: limited{limiter, http.DefaultTransport}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Jobs.ListByProject(t.Context(), "group/app", nil); err != nil || limiter.waits != 2 {
		t.Errorf("%d waits, %v", limiter.waits, err)
	}
}

type countingLimiter struct{ waits int }

func (l *countingLimiter) Wait(context.Context) error {
	l.waits++
	return nil
}

// TestTheTablesOfMigratingAreCompiled looks for the code of each table row in this file,
// which the compiler has accepted.
func TestTheTablesOfMigratingAreCompiled(t *testing.T) {
	document, err := os.ReadFile("../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("migrating_test.go")
	if err != nil {
		t.Fatal(err)
	}
	space := regexp.MustCompile(`\s+`)
	source := space.ReplaceAllString(string(file), " ")
	snippets := 0
	for line := range strings.Lines(string(document)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			snippets++
			if !strings.Contains(source, code[1]) {
				t.Errorf("docs/migrating.md has code that migrating_test.go does not compile: %s", code[1])
			}
		}
	}
	if snippets < 100 {
		t.Errorf("docs/migrating.md has %d pieces of code in its tables", snippets)
	}
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(document), -1) {
		if !strings.Contains(string(file), block[1]) {
			t.Errorf("docs/migrating.md has code that is not in migrating_test.go:\n%s", block[1])
		}
	}
}

// The functions below are compiled, not called. They contain the code of the tables in
// docs/migrating.md.

func use(...any) {}

func is[T any](T) {}

func clientGoFields(job *gitlab.Job, bridge *gitlab.Bridge) {
	is[float64](job.Duration)
	is[*time.Time](job.StartedAt)
	is[string](job.Status)
	is[string](job.FailureReason)
	use(job.Runner.Description, job.ArtifactsFile.Size, job.Pipeline.ID, bridge.Pipeline.ID)
}

func gitlabjobsFields(job *gitlabjobs.Job, bridge *gitlabjobs.Bridge) {
	is[*float64](job.Duration)
	is[*float64](job.QueuedDuration)
	is[*float64](job.Coverage)
	is[time.Time](job.StartedAt)
	is[gitlabjobs.Status](job.Status)
	is[gitlabjobs.FailureReason](job.FailureReason)
	var description string
	var size, pipelineID int64
	if job.Runner != nil {
		description = job.Runner.Description
	}
	if job.ArtifactsFile != nil {
		size = job.ArtifactsFile.Size
	}
	if job.Pipeline != nil {
		pipelineID = job.Pipeline.ID
	}
	if bridge.Pipeline != nil {
		pipelineID = bridge.Pipeline.ID
	}
	use(description, size, pipelineID)
}

func clientGoClients(token, url string, source gitlab.AuthSource, httpClient *http.Client, limiter gitlab.RateLimiter) {
	_, _ = gitlab.NewClient(token, gitlab.WithBaseURL(url))
	_, _ = gitlab.NewJobClient(token, gitlab.WithBaseURL(url))
	_, _ = gitlab.NewAuthSourceClient(source, gitlab.WithBaseURL(url))
	use(
		gitlab.WithHTTPClient(httpClient),
		gitlab.WithUserAgent("deployer"),
		gitlab.WithRequestOptions(gitlab.WithHeader("X-Trace", "1")),
		gitlab.WithCustomRetryMax(3),
		gitlab.WithoutRetries(),
		gitlab.WithCustomRetryWaitMinMax(time.Second, time.Minute),
		gitlab.WithCustomLimiter(limiter),
	)
}

func gitlabjobsClients(token, url string, source gitlab.AuthSource, httpClient *http.Client, limiter gitlab.RateLimiter) {
	_, _ = gitlabjobs.NewClient(url, gitlabjobs.PrivateToken(token))
	_, _ = gitlabjobs.NewClient(url, gitlabjobs.JobToken(token))
	_, _ = gitlabjobs.NewClientFromCI()
	_, _ = gitlabjobs.NewClient(url, authSource{source})
	use(
		gitlabjobs.WithHTTPClient(httpClient),
		gitlabjobs.WithUserAgent("deployer"),
		gitlabjobs.WithDefaultHeader("X-Trace", "1"),
		gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 4}),
		gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}),
		gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: time.Second, MaxWait: time.Minute}),
		gitlabjobs.WithHTTPClient(&http.Client{Transport: limited{limiter, http.DefaultTransport}}),
	)
}

func clientGoCalls(ctx context.Context, client *gitlab.Client, pid any, pipelineID, jobID int64, token string) {
	listOptions := &gitlab.ListJobsOptions{
		Scope: &[]gitlab.BuildStateValue{gitlab.Failed}, IncludeRetried: new(true),
		ListOptions: gitlab.ListOptions{PerPage: 100, Pagination: "keyset"},
	}
	playOptions := &gitlab.PlayJobOptions{
		JobVariablesAttributes: &[]*gitlab.JobVariableOptions{{Key: new("A"), Value: new("1")}},
	}
	_, _, _ = client.Jobs.ListProjectJobs(pid, listOptions)
	_, _, _ = client.Jobs.ListPipelineJobs(pid, pipelineID, listOptions)
	_, _, _ = client.Jobs.ListPipelineBridges(pid, pipelineID, listOptions)
	_, _, _ = client.Jobs.GetJob(pid, jobID)
	_, _, _ = client.Jobs.GetJobTokensJob(nil)
	_, _, _ = client.Jobs.GetTraceFile(pid, jobID)
	_, _, _ = client.Jobs.CancelJob(pid, jobID)
	_, _, _ = client.Jobs.CancelJobWithOptions(pid, jobID, &gitlab.CancelJobOptions{Force: new(true)}) //nolint:staticcheck // Deprecated, and in use.
	_, _, _ = client.Jobs.RetryJob(pid, jobID)
	_, _, _ = client.Jobs.EraseJob(pid, jobID)
	_, _, _ = client.Jobs.PlayJob(pid, jobID, playOptions)
	_, _, _ = client.Jobs.GetJobArtifacts(pid, jobID)
	_, _, _ = client.Pipelines.GetPipeline(pid, pipelineID)
	use(gitlab.WithContext(ctx), gitlab.WithHeader("X-Trace", "1"), gitlab.WithToken(gitlab.PrivateToken, token))
}

func gitlabjobsCalls(ctx context.Context, client *gitlabjobs.Client, pipelineID, jobID, bridgeID, number int64, path, token string, file io.Writer) {
	project := gitlabjobs.Project(path)
	use(gitlabjobs.ProjectID(number), gitlabjobs.Project("group/app"), gitlabjobs.Project("42"))
	listOptions := &gitlabjobs.ListJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}
	pipelineOptions := &gitlabjobs.ListPipelineJobsOptions{IncludeRetried: true}
	bridgeOptions := &gitlabjobs.ListBridgesOptions{}
	playOptions := &gitlabjobs.PlayOptions{Variables: []gitlabjobs.JobVariable{{Key: "A", Value: "1"}}}
	args := []string{"group/app", "42"}
	var pipeline gitlabjobs.Pipeline
	_, _ = client.Jobs.ListByProject(ctx, project, listOptions)
	_, _ = client.Jobs.ListByPipeline(ctx, project, pipelineID, pipelineOptions)
	_, _ = client.Bridges.List(ctx, project, pipelineID, bridgeOptions)
	_, _ = client.Jobs.Get(ctx, project, jobID)
	_, _ = client.JobToken.Job(ctx)
	_, _ = client.Jobs.Trace(ctx, project, jobID, nil)
	_, _ = client.Jobs.Cancel(ctx, project, jobID, nil)
	_, _ = client.Jobs.Cancel(ctx, project, jobID, &gitlabjobs.CancelOptions{Force: true})
	_, _ = client.Jobs.Retry(ctx, project, jobID, nil)
	_, _ = client.Jobs.Erase(ctx, project, jobID)
	_, _ = client.Jobs.Play(ctx, project, jobID, playOptions)
	_, _ = client.Bridges.Play(ctx, project, bridgeID, playOptions)
	_ = client.Do(ctx, "GET", "/projects/:id/jobs/:job_id/artifacts", args, nil, file)
	_ = client.Do(ctx, "GET", "/projects/:id/pipelines/:pipeline_id", args, nil, &pipeline)
	use(gitlabjobs.WithHeader("X-Trace", "1"), gitlabjobs.WithAuth(gitlabjobs.PrivateToken(token)))
}

func clientGoPages(resp *gitlab.Response, listPage func(gitlab.PaginationOptionFunc) ([]*gitlab.Job, *gitlab.Response, error)) {
	use(resp.NextPage, resp.TotalItems, resp.TotalPages, resp.NextLink, resp.NextPage == 0, resp.Header)
	use(gitlab.Scan2(listPage))
	_, _ = gitlab.ScanAndCollect(listPage)
	_, _ = gitlab.ScanAndCollectN(listPage, 500)
}

func gitlabjobsPages(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, page *gitlabjobs.Page[gitlabjobs.Job]) {
	var response gitlabjobs.Response
	use(page.NextPage, page.Total, page.TotalPages, page.NextCursor, !page.HasNext(), gitlabjobs.WithResponse(&response), response.Header)
	use(client.Jobs.AllByProject(ctx, project, nil))
	_, _ = gitlabjobs.Collect(client.Jobs.AllByProject(ctx, project, nil), 0)
	_, _ = gitlabjobs.Collect(client.Jobs.AllByProject(ctx, project, nil), 500)
}

func gitlabjobsLoops(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, pipelineID, jobID int64, log io.Reader) {
	use(client.Jobs.AllByPipeline(ctx, project, pipelineID, nil), client.Bridges.All(ctx, project, pipelineID, nil))
	_, _ = client.Jobs.Wait(ctx, project, jobID, nil)
	_, _ = client.Jobs.WaitPipeline(ctx, project, pipelineID, &gitlabjobs.WaitOptions{Downstream: true})
	_, _ = client.Jobs.FollowTrace(ctx, project, jobID, nil)
	use(gitlabjobs.TraceLines(log), client.Jobs.Watch(ctx, project, nil), client.PipelineTree(ctx, project, pipelineID, nil))
	_, _ = client.Jobs.RetryFailed(ctx, project, pipelineID, nil)
	_, _ = client.Jobs.Failed(ctx, project, pipelineID, 4096)
}

func clientGoErrors(err error) {
	errorResponse, _ := errors.AsType[*gitlab.ErrorResponse](err)
	use(errors.Is(err, gitlab.ErrNotFound), errorResponse.Response.StatusCode == http.StatusForbidden, errorResponse.Message)
}

func gitlabjobsErrors(err error) {
	jobsError, _ := errors.AsType[*gitlabjobs.Error](err)
	use(errors.Is(err, gitlabjobs.ErrNotFound), errors.Is(err, gitlabjobs.ErrForbidden), jobsError.Message, jobsError.Details, gitlabjobs.ErrOutcomeUnknown)
}

// Go reports unused functions as errors only in linters.
var _ = []any{
	clientGoFields, gitlabjobsFields, clientGoClients, gitlabjobsClients, clientGoCalls, gitlabjobsCalls,
	clientGoPages, gitlabjobsPages, gitlabjobsLoops, clientGoErrors, gitlabjobsErrors,
}
