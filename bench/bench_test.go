package bench

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/bench/internal/fixture"
)

const token = "glpat-0123456789"

// memory responds to every request with the same bytes, without a connection.
type memory struct{ body []byte }

func (m memory) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{
			"Content-Type": {"application/json"}, "X-Page": {"1"}, "X-Per-Page": {"100"}, "X-Next-Page": {""}, "X-Prev-Page": {""},
		},
		ContentLength: int64(len(m.body)), Body: io.NopCloser(bytes.NewReader(m.body)),
	}, nil
}

func ours(b *testing.B, url string, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	b.Helper()
	client, err := gitlabjobs.NewClient(url, gitlabjobs.PrivateToken(token), opts...)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

func theirs(b *testing.B, url string, opts ...gitlab.ClientOptionFunc) *gitlab.Client {
	b.Helper()
	client, err := gitlab.NewClient(token, append(opts, gitlab.WithBaseURL(url))...)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

const (
	anyURL  = "https://gitlab.example.com"
	project = gitlabjobs.Project("7")
)

func run(b *testing.B, name string, f func() error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// One page of 100 jobs, from memory.
func BenchmarkPage(b *testing.B) {
	body := fixture.Page(1)
	hc := &http.Client{Transport: memory{body}}
	our := ours(b, anyURL, gitlabjobs.WithHTTPClient(hc))
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 100}}
	run(b, "ours", func() error {
		_, err := our.Jobs.ListByProject(context.Background(), project, opts)
		return err
	})
	their := theirs(b, anyURL, gitlab.WithHTTPClient(hc))
	theirOpts := &gitlab.ListJobsOptions{ListOptions: gitlab.ListOptions{PerPage: 100}}
	run(b, "theirs", func() error {
		_, _, err := their.Jobs.ListProjectJobs(fixture.Project, theirOpts)
		return err
	})
	src, dec := new(bytes.Buffer), new(jsontext.Decoder)
	run(b, "floor", func() error {
		*src = *bytes.NewBuffer(body)
		dec.Reset(src)
		return dec.SkipValue()
	})
}

// One job, over the loopback interface.
func BenchmarkGet(b *testing.B) {
	srv := httptest.NewServer(fixture.NewHandler())
	defer srv.Close()
	our := ours(b, srv.URL)
	run(b, "ours", func() error {
		_, err := our.Jobs.Get(context.Background(), project, fixture.Job)
		return err
	})
	their := theirs(b, srv.URL)
	run(b, "theirs", func() error {
		_, _, err := their.Jobs.GetJob(fixture.Project, fixture.Job)
		return err
	})
	run(b, "floor", func() error {
		resp, err := http.Get(srv.URL + "/api/v4/projects/7/jobs/90000")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	})
}

// A call without a connection. The response is minimal, so this measures the request.
func BenchmarkRequest(b *testing.B) {
	hc := &http.Client{Transport: memory{[]byte(`{"id":1}`)}}
	our := ours(b, anyURL, gitlabjobs.WithHTTPClient(hc))
	run(b, "ours", func() error {
		_, err := our.Jobs.Get(context.Background(), project, fixture.Job)
		return err
	})
	their := theirs(b, anyURL, gitlab.WithHTTPClient(hc))
	run(b, "theirs", func() error {
		_, _, err := their.Jobs.GetJob(fixture.Project, fixture.Job)
		return err
	})
}

func BenchmarkClient(b *testing.B) {
	run(b, "ours", func() error {
		_, err := gitlabjobs.NewClient(anyURL, gitlabjobs.PrivateToken(token))
		return err
	})
	run(b, "theirs", func() error {
		_, err := gitlab.NewClient(token, gitlab.WithBaseURL(anyURL))
		return err
	})
}
