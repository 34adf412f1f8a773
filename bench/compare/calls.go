package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/bench/internal/fixture"
)

const (
	token   = "glpat-0123456789"
	project = gitlabjobs.Project("7")
)

// subject has the clients to measure, with default options, and net/http.
type subject struct {
	url    string
	ours   *gitlabjobs.Client
	theirs *gitlab.Client
	raw    *http.Client
	runs   int
	short  bool
	rows   []row
}

// ops is the number of operations of a run.
func (s *subject) ops(n int) int {
	if s.short {
		return max(1, n/50)
	}
	return n
}

func compareCalls(url string, short bool) ([]row, error) {
	s := &subject{url: url, runs: 9, short: short, raw: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	if short {
		s.runs = 3
	}
	var err error
	if s.ours, err = gitlabjobs.NewClient(url, gitlabjobs.PrivateToken(token)); err != nil {
		return nil, err
	}
	if s.theirs, err = gitlab.NewClient(token, gitlab.WithBaseURL(url)); err != nil {
		return nil, err
	}
	withoutPrefetch := func() error { return s.pipeline(0) }
	withPrefetch := func() error { return s.pipeline(8) }
	for _, figure := range []func() error{s.page, s.get, s.log, withoutPrefetch, withPrefetch, s.request, s.client} {
		if err := figure(); err != nil {
			return nil, err
		}
	}
	return s.rows, nil
}

// add adds a row for one figure of the runs of ours, theirs and, if measured, the floor.
func (s *subject) add(figure string, unit func(float64) string, runs []samples, f func(sample) float64, targets row) {
	r := targets
	r.figure, r.unit = figure, unit
	var spreads [2]float64
	r.ours, spreads[0] = runs[0].of(f)
	r.theirs, spreads[1] = runs[1].of(f)
	if len(runs) > 2 {
		r.floor, _ = runs[2].of(f)
	}
	r.spread = max(spreads[0], spreads[1])
	s.rows = append(s.rows, r)
}

// fetch sends a request and reads the response: the least that any client does.
func (s *subject) fetch(path string, read func(io.Reader) error) error {
	req, err := http.NewRequest(http.MethodGet, s.url+"/api/v4"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Private-Token", token)
	resp, err := s.raw.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return read(resp.Body)
}

// scanner reads a response into a reused buffer and scans its JSON without decoding it.
func scanner() func(io.Reader) error {
	var body bytes.Buffer
	dec := new(jsontext.Decoder)
	return func(r io.Reader) error {
		body.Reset()
		if _, err := body.ReadFrom(r); err != nil {
			return err
		}
		dec.Reset(bytes.NewBuffer(body.Bytes()))
		return dec.SkipValue()
	}
}

func (s *subject) page() error {
	opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: fixture.PerPage}}
	theirOpts := &gitlab.ListJobsOptions{ListOptions: gitlab.ListOptions{PerPage: fixture.PerPage}}
	path, scan := fmt.Sprintf("/projects/%d/jobs?per_page=%d", fixture.Project, fixture.PerPage), scanner()
	runs, err := interleave(s.runs, s.ops(300),
		func() error {
			page, err := s.ours.Jobs.ListByProject(context.Background(), project, opts)
			if err != nil {
				return err
			}
			return want(len(page.Items), fixture.PerPage)
		},
		func() error {
			jobs, _, err := s.theirs.Jobs.ListProjectJobs(fixture.Project, theirOpts)
			if err != nil {
				return err
			}
			return want(len(jobs), fixture.PerPage)
		},
		func() error { return s.fetch(path, scan) },
	)
	if err != nil {
		return err
	}
	s.add("list a page of 100 jobs: time", duration, runs, timeOf, row{atMost: 0.22, atMostOfFloor: 1.1})
	s.add("list a page of 100 jobs: bytes allocated", size, runs, bytesOf, row{atMost: 0.11})
	s.add("list a page of 100 jobs: allocations", count, runs, allocsOf, row{atMost: 0.18})
	return nil
}

func (s *subject) get() error {
	path, scan := fmt.Sprintf("/projects/%d/jobs/%d", fixture.Project, fixture.Job), scanner()
	runs, err := interleave(s.runs, s.ops(3000),
		func() error {
			_, err := s.ours.Jobs.Get(context.Background(), project, fixture.Job)
			return err
		},
		func() error {
			_, _, err := s.theirs.Jobs.GetJob(fixture.Project, fixture.Job)
			return err
		},
		func() error { return s.fetch(path, scan) },
	)
	if err != nil {
		return err
	}
	s.add("get one job: time", duration, runs, timeOf, row{atMost: 0.80})
	s.add("get one job: bytes allocated", size, runs, bytesOf, row{atMost: 0.62})
	s.add("get one job: allocations", count, runs, allocsOf, row{})
	return nil
}

func (s *subject) log() error {
	path := fmt.Sprintf("/projects/%d/jobs/%d/trace", fixture.Project, fixture.Job)
	drain := func(r io.Reader) error {
		n, err := io.Copy(io.Discard, r)
		if err != nil {
			return err
		}
		return want(int(n), fixture.LogBytes)
	}
	sides := []side{
		func() error {
			log, err := s.ours.Jobs.Trace(context.Background(), project, fixture.Job, nil)
			if err != nil {
				return err
			}
			defer log.Close()
			return drain(log)
		},
		func() error {
			log, _, err := s.theirs.Jobs.GetTraceFile(fixture.Project, fixture.Job)
			if err != nil {
				return err
			}
			return drain(log)
		},
		func() error { return s.fetch(path, drain) },
	}
	runs, err := interleave(s.runs, s.ops(10), sides...)
	if err != nil {
		return err
	}
	s.add("read a log of 64 MiB: time", duration, runs, timeOf, row{atMost: 0.40, atMostOfFloor: 1.1})
	medians, spreads, err := peaks(s.runs, sides...)
	if err != nil {
		return err
	}
	s.rows = append(s.rows, row{
		figure: "read a log of 64 MiB: peak growth of the heap", unit: size,
		ours: medians[0], theirs: medians[1], floor: medians[2], spread: max(spreads[0], spreads[1]), atMostItself: 1 << 20,
	})
	return nil
}

// pipeline lists all jobs of a pipeline, with a number of pages that are fetched in advance.
func (s *subject) pipeline(prefetch int) error {
	opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
	theirOpts := &gitlab.ListJobsOptions{ListOptions: gitlab.ListOptions{PerPage: fixture.PerPage}}
	runs, err := interleave(min(s.runs, 7), 1,
		func() error {
			n := 0
			for _, err := range s.ours.Jobs.AllByPipeline(context.Background(), project, fixture.Pipeline, opts) {
				if err != nil {
					return err
				}
				n++
			}
			return want(n, fixture.PipelineJobs)
		},
		func() error {
			n := 0
			for _, err := range gitlab.Scan2(func(p gitlab.PaginationOptionFunc) ([]*gitlab.Job, *gitlab.Response, error) {
				return s.theirs.Jobs.ListPipelineJobs(fixture.Project, fixture.Pipeline, theirOpts, p)
			}) {
				if err != nil {
					return err
				}
				n++
			}
			return want(n, fixture.PipelineJobs)
		},
	)
	if err != nil {
		return err
	}
	if prefetch == 0 {
		s.add("pipeline of 5,000 jobs, 30 ms a request, no Prefetch (the default): time", duration, runs, timeOf, row{})
	} else {
		s.add(fmt.Sprintf("pipeline of 5,000 jobs, 30 ms a request, Prefetch %d: time", prefetch), duration, runs, timeOf, row{atMost: 0.17})
	}
	return nil
}

// small responds to every request from memory with a minimal job, to measure what a
// library adds to net/http.
type small struct{}

func (small) RoundTrip(req *http.Request) (*http.Response, error) {
	const body = `{"id":1}`
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func (s *subject) request() error {
	hc := &http.Client{Transport: small{}}
	ours, err := gitlabjobs.NewClient(s.url, gitlabjobs.PrivateToken(token), gitlabjobs.WithHTTPClient(hc))
	if err != nil {
		return err
	}
	theirs, err := gitlab.NewClient(token, gitlab.WithBaseURL(s.url), gitlab.WithHTTPClient(hc))
	if err != nil {
		return err
	}
	runs, err := interleave(s.runs, s.ops(20_000),
		func() error {
			_, err := ours.Jobs.Get(context.Background(), project, fixture.Job)
			return err
		},
		func() error {
			_, _, err := theirs.Jobs.GetJob(fixture.Project, fixture.Job)
			return err
		},
	)
	if err != nil {
		return err
	}
	s.add("a call over a transport in memory: time", duration, runs, timeOf, row{})
	s.add("a call over a transport in memory: bytes allocated", size, runs, bytesOf, row{})
	return nil
}

func (s *subject) client() error {
	runs, err := interleave(s.runs, s.ops(20_000),
		func() error {
			_, err := gitlabjobs.NewClient(s.url, gitlabjobs.PrivateToken(token))
			return err
		},
		func() error {
			_, err := gitlab.NewClient(token, gitlab.WithBaseURL(s.url))
			return err
		},
	)
	if err != nil {
		return err
	}
	s.add("make a client: time", duration, runs, timeOf, row{})
	s.add("make a client: bytes allocated", size, runs, bytesOf, row{})
	return nil
}

// want returns an error if the work was not done.
func want(got, want int) error {
	if got != want {
		return fmt.Errorf("got %d of %d", got, want)
	}
	return nil
}
