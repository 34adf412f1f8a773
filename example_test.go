package gitlabjobs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// exampleGitLab is a GitLab for the examples: project group/app with pipeline 101.
func exampleGitLab() (ctx context.Context, client *gitlabjobs.Client, srv *gitlabjobstest.Server) {
	srv, err := gitlabjobstest.Start(gitlabjobstest.KeepAlive())
	if err != nil {
		panic(err)
	}
	project := srv.AddProject("group/app")
	pipeline, child := project.AddPipeline(), project.AddPipeline()
	pipeline.AddJob(gitlabjobstest.JobSpec{ID: 1, Name: "build", Stage: "build", Log: "compiling\ndone\n"})
	yesterday := time.Now().Add(-24 * time.Hour)
	pipeline.AddJob(gitlabjobstest.JobSpec{
		ID: 2, Name: "test", Status: gitlabjobs.StatusFailed, Log: "ok   cache\nFAIL checkout\n",
		CreatedAt: yesterday, FinishedAt: yesterday.Add(time.Minute),
	})
	pipeline.AddJob(gitlabjobstest.JobSpec{ID: 3, Name: "deploy", Stage: "deploy", Status: gitlabjobs.StatusManual, AllowFailure: true})
	pipeline.AddBridge(gitlabjobstest.BridgeSpec{ID: 4, Name: "to child", Downstream: child})
	child.AddJob(gitlabjobstest.JobSpec{ID: 5, Name: "scan"})
	return context.Background(), srv.Client(srv.Tokens.Maintainer), srv
}

// The jobs of a pipeline that failed. Every page is read as the loop gets there.
func ExampleJobsService_AllByPipeline() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	failed := &gitlabjobs.ListPipelineJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}
	for job, err := range client.Jobs.AllByPipeline(ctx, "group/app", 101, failed) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.ID, job.Name, job.FailureReason)
	}
	// Output: 2 test script_failure
}

// The newest jobs of a project, a page of them.
func ExampleJobsService_ListByProject() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	page, err := client.Jobs.ListByProject(ctx, "group/app", &gitlabjobs.ListJobsOptions{
		ListOptions: gitlabjobs.ListOptions{PerPage: 2},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, job := range page.Items {
		fmt.Println(job.ID, job.Status, job.Name)
	}
	fmt.Println("more:", page.HasNext())
	// Output:
	// 5 success scan
	// 3 manual deploy
	// more: true
}

// A log is followed while the job writes it, to the job's end.
func ExampleJobsService_FollowTrace() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	log, err := client.Jobs.FollowTrace(ctx, "group/app", 2, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer log.Close()
	for line, err := range gitlabjobs.TraceLines(log) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(line.Text)
	}
	fmt.Println(log.Job().Status)
	// Output:
	// ok   cache
	// FAIL checkout
	// failed
}

// A manual job is played with variables of one's own.
func ExampleJobsService_Play() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	job, err := client.Jobs.Play(ctx, "group/app", 3, &gitlabjobs.PlayOptions{
		Variables: []gitlabjobs.JobVariable{{Key: "TARGET", Value: "staging"}},
	})
	switch {
	case errors.Is(err, gitlabjobs.ErrOutcomeUnknown):
		fmt.Println("it may be running: look before you play it again")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(job.Name, job.Status)
	}
	// Output: deploy pending
}

// WaitPipeline waits for a pipeline and those that it triggers. A failed pipeline is
// not an error.
func ExampleJobsService_WaitPipeline() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	pipeline, err := client.Jobs.WaitPipeline(ctx, "group/app", 101, &gitlabjobs.WaitOptions{Downstream: true})
	switch {
	case errors.Is(err, gitlabjobs.ErrBlocked):
		fmt.Println("a manual job has to be played first:", err)
	case err != nil:
		fmt.Println(err)
	case pipeline.Succeeded():
		fmt.Println("deploy")
	default:
		fmt.Println("do not deploy: the pipeline is", pipeline.Status)
	}
	// Output: do not deploy: the pipeline is failed
}

// Inside a CI job nothing needs to be set: GitLab gives each job a token.
func ExampleNewClientFromCI() {
	ctx, _, srv := exampleGitLab()
	defer srv.Close()
	running := srv.Pipeline(101).AddJob(gitlabjobstest.JobSpec{ID: 9, Name: "report", Status: gitlabjobs.StatusRunning})
	_ = os.Setenv("CI_API_V4_URL", srv.URL+"/api/v4")
	_ = os.Setenv("CI_JOB_TOKEN", running.Token())

	client, err := gitlabjobs.NewClientFromCI()
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := client.JobToken.Job(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.ID, job.Name, job.Pipeline.ID)
	// Output: 9 report 101
}

// All jobs of a pipeline and of those that it triggers, however deep.
func ExampleClient_PipelineTree() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	for node, err := range client.PipelineTree(ctx, "group/app", 101, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		indent := strings.Repeat("  ", len(node.Path))
		switch {
		case node.Job != nil:
			fmt.Println(indent + node.Job.Name)
		case node.Bridge != nil:
			fmt.Println(indent + node.Bridge.Name + " ->")
		default:
			fmt.Println(indent, node.Err) // A pipeline that can't be read.
		}
	}
	// Output:
	// deploy
	// test
	// build
	// to child ->
	//   scan
}

// What failed, with the end of each log.
func ExampleJobsService_Failed() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	failed, err := client.Jobs.Failed(ctx, "group/app", 101, 14)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range failed {
		fmt.Printf("%s: %s", f.Job.Name, f.Log)
	}
	// Output: test: FAIL checkout
}

// An error says what the server said, and what kind it is.
func ExampleError() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	_, err := client.Jobs.Erase(ctx, "group/app", 3)
	var refusal *gitlabjobs.Error
	switch {
	case errors.Is(err, gitlabjobs.ErrForbidden) && errors.As(err, &refusal):
		fmt.Println(refusal.StatusCode, refusal.Message)
	case errors.Is(err, gitlabjobs.ErrRateLimited) && errors.As(err, &refusal):
		fmt.Println("try again in", refusal.RetryAfter)
	case err != nil:
		fmt.Println(err)
	}
	// Output: 403 403 Forbidden - Job is not erasable!
}

// A listing that was cut short goes on where it was.
func ExamplePageError() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()
	srv.Fault(gitlabjobstest.Fault{Skip: 1, Times: 5, Do: gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`)})

	opts := gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 2}}
	jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(ctx, "group/app", &opts), 0)
	if at, ok := errors.AsType[*gitlabjobs.PageError](err); ok {
		fmt.Println("after", len(jobs), "jobs:", at.Err)
		opts.Pagination, opts.Page, opts.Cursor = at.Pagination, at.Page, at.Cursor // Later, go on there.
	}
	// Output: after 2 jobs: gitlabjobs: GET /projects/group%2Fapp/jobs: 403 Forbidden (request id fake-request-2)
}

// Any other endpoint of GitLab's API: a pipeline's own status.
func ExampleClient_Do() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()

	var pipeline gitlabjobs.Pipeline
	err := client.Do(ctx, http.MethodGet, "/projects/:id/pipelines/:pipeline_id", []string{"group/app", "101"}, nil, &pipeline)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pipeline.ID, pipeline.Status)
	// Output: 101 failed
}

// Download a job's artifacts to a file. GitLab redirects to its object storage, which
// gets no credentials.
func ExampleClient_Do_download() {
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprintf(w, "PK... (token: %q)", req.Header.Get("PRIVATE-TOKEN"))
	}))
	defer storage.Close()
	gitlab := httptest.NewServer(http.RedirectHandler(storage.URL+"/artifacts.zip?signature=0123", http.StatusFound))
	defer gitlab.Close()
	client, err := gitlabjobs.NewClient(gitlab.URL, gitlabjobs.PrivateToken("glpat-0123456789"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	file, err := os.CreateTemp("", "artifacts-*.zip")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { fmt.Print(file.Close(), os.Remove(file.Name())) }()

	err = client.Do(context.Background(), http.MethodGet, "/projects/:id/jobs/:job_id/artifacts", []string{"group/app", "42"}, nil, file)
	if err != nil {
		fmt.Println(err)
		return
	}
	content, err := os.ReadFile(file.Name())
	fmt.Println(string(content), err)
	// Output:
	// PK... (token: "") <nil>
	// <nil> <nil>
}

// A certificate authority of one's own, and a proxy.
func ExampleWithHTTPClient() {
	const gitlab = "https://gitlab.example.com"
	auth := gitlabjobs.NoAuth()
	var pem []byte
	proxy, _ := url.Parse("http://proxy.example.com:3128")

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	transport.Proxy = http.ProxyURL(proxy) // By default: $HTTPS_PROXY and $NO_PROXY.
	client, err := gitlabjobs.NewClient(gitlab, auth, gitlabjobs.WithHTTPClient(&http.Client{Transport: transport}))
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

// rotating is an Auth with a token that is renewed, such as one of OAuth 2.0.
type rotating struct {
	token func(context.Context) (string, error) // Returns one that is valid.
}

// Authorize implements gitlabjobs.Auth.
func (r rotating) Authorize(req *http.Request) error {
	token, err := r.token(req.Context())
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// A token that rotates is fetched for each call.
func ExampleAuth() {
	ctx, _, srv := exampleGitLab()
	defer srv.Close()
	source := rotating{token: func(context.Context) (string, error) { return srv.Tokens.Reporter, nil }}

	client, err := gitlabjobs.NewClient(srv.URL, source)
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := client.Jobs.Get(ctx, "group/app", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.Name)
	// Output: build
}

// More patience with rate limits than the default.
func ExampleWithRetry() {
	const url = "https://gitlab.example.com"
	auth := gitlabjobs.NoAuth()

	client, err := gitlabjobs.NewClient(url, auth, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{
		MaxAttempts:   8,
		MaxServerWait: 10 * time.Minute, // The longest Retry-After that is obeyed.
	}))
	fmt.Println(client != nil, err)
	// Output: true <nil>
}

// A test of one's own code needs no GitLab.
func Example_fake() {
	t := new(exampleT)
	defer t.end()

	srv := gitlabjobstest.NewMemoryServer(t)
	job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{Name: "rspec", Status: gitlabjobs.StatusFailed})
	srv.Fault(gitlabjobstest.Fault{Method: "POST", Do: gitlabjobstest.ResetAfter()}) // It happens, and the answer is lost.

	_, err := srv.Client(srv.Tokens.Developer).Jobs.Retry(context.Background(), "group/app", job.ID(), nil)
	fmt.Println(errors.Is(err, gitlabjobs.ErrOutcomeUnknown), job.Count(gitlabjobstest.ActionRetry))
	// Output: true 1
}

// exampleT is a test that is none.
type exampleT struct{ cleanups []func() }

func (*exampleT) Helper()                           {}
func (*exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleT) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) end() {
	for _, f := range t.cleanups {
		f()
	}
}
