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
	"time"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// Inside a CI job, the client needs no settings: GitLab sets the URL and the token.
func ExampleNewClientFromCI() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a running job.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	running := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: 101}).
		AddJob(gitlabjobstest.JobSpec{ID: 9, Name: "report", Status: gitlabjobs.StatusRunning})
	_ = os.Setenv("CI_API_V4_URL", srv.URL+"/api/v4")
	_ = os.Setenv("CI_JOB_TOKEN", running.Token())
	ctx := context.Background()

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
	fmt.Println("job", job.ID, job.Name)
	// Output: job 9 report
}

// Use errors.Is to check what kind of error a call returned, and errors.As to get details.
func ExampleError() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a manual job.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{ID: 3, Status: gitlabjobs.StatusManual})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Maintainer)

	_, err = client.Jobs.Erase(ctx, "group/app", 3)
	var response *gitlabjobs.Error
	switch {
	case errors.Is(err, gitlabjobs.ErrForbidden) && errors.As(err, &response):
		fmt.Println(response.StatusCode, response.Message)
	case errors.Is(err, gitlabjobs.ErrRateLimited) && errors.As(err, &response):
		fmt.Println("try again in", response.RetryAfter)
	case err != nil:
		fmt.Println(err)
	}
	// Output: 403 403 Forbidden - Job is not erasable!
}

// Do calls endpoints that have no method in this package, such as the one that returns a
// pipeline.
func ExampleClient_Do() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a pipeline.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: 101}).AddJob()
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)

	var pipeline gitlabjobs.Pipeline
	err = client.Do(ctx, http.MethodGet, "/projects/:id/pipelines/:pipeline_id", []string{"group/app", "101"}, nil, &pipeline)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pipeline.ID, pipeline.Status)
	// Output: 101 success
}

// Do downloads a job's artifacts to a file. GitLab redirects to its object storage,
// which receives no credentials.
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

// The client can use your own http.Client, for example to trust a private certificate
// authority or to use a proxy.
func ExampleWithHTTPClient() {
	var pem []byte // The certificates, for example read with os.ReadFile.
	proxy, err := url.Parse("http://proxy.example.com:3128")
	if err != nil {
		fmt.Println(err)
		return
	}
	auth := gitlabjobs.NoAuth()

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	transport.Proxy = http.ProxyURL(proxy) // The default is $HTTPS_PROXY and $NO_PROXY.
	client, err := gitlabjobs.NewClient("https://gitlab.example.com", auth, gitlabjobs.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client != nil)
	// Output: true
}

// This client sends a request up to 8 times, and waits up to 10 minutes if the server asks
// it to.
func ExampleWithRetry() {
	auth := gitlabjobs.NoAuth()

	client, err := gitlabjobs.NewClient("https://gitlab.example.com", auth, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{
		MaxAttempts:   8,
		MaxServerWait: 10 * time.Minute, // The longest wait that the server may ask for.
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client != nil)
	// Output: true
}
