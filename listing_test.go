package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// descendingIDs returns the IDs of the jobs. It fails the test unless each job is yielded
// once, newest first.
func descendingIDs(t *testing.T, seq iter.Seq2[*gitlabjobs.Job, error]) []int64 {
	t.Helper()
	var ids []int64
	for job, err := range seq {
		require.NoError(t, err)
		if len(ids) > 0 && job.ID >= ids[len(ids)-1] {
			t.Fatalf("job %d after %d", job.ID, ids[len(ids)-1])
		}
		ids = append(ids, job.ID)
	}
	return ids
}

func TestAllByProjectPagesByKeyset(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(250, nil)
	client := srv.Client(srv.Tokens.Reporter)
	assert.Len(t, descendingIDs(t, client.Jobs.AllByProject(t.Context(), "group/app", nil)), 250)
	require.Len(t, srv.Requests(), 3)
	for i, req := range srv.Requests() {
		assert.Equal(t, "keyset", req.Query.Get("pagination"))
		assert.Equal(t, "100", req.Query.Get("per_page"))
		assert.Equal(t, i > 0, req.Query.Has("cursor"))
		assert.False(t, req.Query.Has("page"))
	}
}

func TestAllByProjectFallsBackToOffset(t *testing.T) {
	t.Parallel()
	refusing := http.Header{"Content-Type": {"application/json"}}
	for name, tc := range map[string]struct {
		options  []gitlabjobstest.Option
		fault    *gitlabjobstest.Fault
		requests int
		log      string
	}{
		"the server ignores keyset": {[]gitlabjobstest.Option{gitlabjobstest.OlderServer()}, nil, 3, "has no keyset pagination"},
		"the server responds with 405": {nil, &gitlabjobstest.Fault{Do: gitlabjobstest.Answer(405, refusing,
			`{"error":"Keyset pagination is not yet available for this type of request"}`)}, 4, "can't list these jobs by keyset pagination"},
	} {
		for _, prefetch := range []int{0, 4} {
			t.Run(fmt.Sprint(name, prefetch), func(t *testing.T) {
				t.Parallel()
				srv := gitlabjobstest.NewMemoryServer(t, tc.options...)
				srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(250, nil)
				if tc.fault != nil {
					srv.Fault(*tc.fault)
				}
				var log strings.Builder
				client := srv.Client(srv.Tokens.Reporter, gitlabjobs.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
				opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
				assert.Len(t, descendingIDs(t, client.Jobs.AllByProject(t.Context(), "group/app", opts)), 250)
				if prefetch == 0 {
					assert.Len(t, srv.Requests(), tc.requests)
				}
				assert.Contains(t, log.String(), tc.log)
				assert.Contains(t, log.String(), "route=/projects/:id/jobs")
			})
		}
	}
}

// Only the first page may fall back to offset pagination: a cursor is never dropped silently.
func TestAnIteratorReportsAnIgnoredCursor(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t, gitlabjobstest.OlderServer())
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(10, nil)
	client := srv.Client(srv.Tokens.Reporter)
	_, err := gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "group/app", &gitlabjobs.ListJobsOptions{Cursor: "eyJ"}), 0)
	require.ErrorContains(t, err, "ignored the cursor")
	var at *gitlabjobs.PageError
	require.ErrorAs(t, err, &at)
	assert.Equal(t, "eyJ", at.Cursor)
}

func TestOffsetListingContinuesByKeysetAfter50000Jobs(t *testing.T) {
	t.Parallel()
	const jobs = 50_250
	srv := gitlabjobstest.NewMemoryServer(t)
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(jobs, nil)
	for _, older := range []bool{false, true} {
		t.Run(fmt.Sprintf("older %t", older), func(t *testing.T) {
			if older { // An older server has the limit but no keyset pagination.
				srv.Fault(gitlabjobstest.Fault{Skip: 3, Times: gitlabjobstest.Always, Do: gitlabjobstest.Answer(405, nil, `{"error":"Keyset pagination is not yet available"}`)})
			}
			client := srv.Client(srv.Tokens.Reporter)
			const begin = 499 // Offset pagination has at most 500 pages.
			opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Page: begin}, Pagination: gitlabjobs.OffsetPagination}
			n, last := (begin-1)*100, int64(1<<62)
			var failure error
			for job, err := range client.Jobs.AllByProject(t.Context(), "group/app", opts) {
				if err != nil {
					failure = err
					continue
				}
				require.Less(t, job.ID, last)
				last = job.ID
				n++
			}
			if older {
				require.ErrorContains(t, failure, "page 501: offset pagination has reached its limit")
				require.ErrorIs(t, failure, gitlabjobs.ErrMethodNotAllowed)
				var at *gitlabjobs.PageError
				require.ErrorAs(t, failure, &at)
				assert.Equal(t, gitlabjobs.OffsetPagination, at.Pagination)
				assert.Equal(t, 501, at.Page)
				assert.Equal(t, 50_000, n)
				return
			}
			require.NoError(t, failure)
			assert.Equal(t, jobs, n)
		})
	}
}

func TestOffsetListingEndsAfter50000JobsWithoutKeyset(t *testing.T) {
	t.Parallel()
	page := 0
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		page++
		if page == 3 {
			return answer{status: 405, body: `{"error":"Offset pagination has a maximum allowed offset"}`}.to(req), nil
		}
		return answer{body: fmt.Sprintf(`[{"id":%d}]`, 10-page), header: map[string]string{"X-Page": fmt.Sprint(page), "X-Next-Page": fmt.Sprint(page + 1)}}.to(req), nil
	})
	jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "1", &gitlabjobs.ListJobsOptions{Pagination: gitlabjobs.OffsetPagination}), 0)
	assert.Len(t, jobs, 2)
	require.ErrorContains(t, err, "gitlabjobs: page 3: offset pagination has reached its limit, and the server has no keyset pagination: list fewer jobs, with Scope or Ref")
}

// large is the number of jobs in the largest lists.
var large = inFull(100_000, 20_000)

// There are many jobs, and a tenth of the requests fail.
func TestEveryJobOnceThroughFaults(t *testing.T) { //nolint:paralleltest // It is heavy: no test that looks at a clock runs beside it.
	jobs := large
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(jobs, nil)
		for i, effect := range []gitlabjobstest.Effect{gitlabjobstest.ResetBefore(), gitlabjobstest.InternalError(), gitlabjobstest.TooManyRequests()} {
			srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Probability: 0.034, Seed: uint64(i + 1), Do: effect})
		}
		client := srv.Client(srv.Tokens.Reporter)
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		peak := uint64(0)
		n, last := 0, int64(1<<62)
		for job, err := range client.Jobs.AllByProject(t.Context(), "group/app", &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 1}}) {
			require.NoError(t, err)
			require.Less(t, job.ID, last)
			last = job.ID
			n++
			if n%2000 == 0 {
				srv.ResetRequests() // The memory of the fake does not count.
				runtime.GC()
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapAlloc)
			}
		}
		assert.Equal(t, jobs, n)
		growth := int64(peak) - int64(before.HeapAlloc)
		assert.Less(t, growth, int64(16<<20), "the heap grew by %d KiB", growth>>10)
		t.Logf("the heap grew by %d KiB at most", growth>>10)
	})
}

// While the list is read, jobs are created and others leave the scope.
func TestEveryJobOnceWhileJobsComeAndGo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts     gitlabjobs.ListJobsOptions
		complete bool
	}{
		"keyset":                   {gitlabjobs.ListJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusPending}}, true},
		"keyset, prefetching":      {gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 2}, Scope: []gitlabjobs.Status{gitlabjobs.StatusPending}}, true},
		"offset":                   {gitlabjobs.ListJobsOptions{Pagination: gitlabjobs.OffsetPagination, Scope: []gitlabjobs.Status{gitlabjobs.StatusPending}}, false},
		"offset, prefetching":      {gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 4}, Pagination: gitlabjobs.OffsetPagination, Scope: []gitlabjobs.Status{gitlabjobs.StatusPending}}, false},
		"offset without the scope": {gitlabjobs.ListJobsOptions{Pagination: gitlabjobs.OffsetPagination}, true}, // The documented workaround.
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := gitlabjobstest.NewMemoryServer(t)
			pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{})
			pending := func(int) gitlabjobstest.JobSpec { return gitlabjobstest.JobSpec{Status: gitlabjobs.StatusPending} }
			leave := inFull(1000, 300)
			jobs := pipeline.AddJobs(10*leave, pending)
			client := srv.Client(srv.Tokens.Reporter)
			seen := map[int64]int{}
			leaving := 0
			for job, err := range client.Jobs.AllByProject(t.Context(), "group/app", &tc.opts) {
				require.NoError(t, err)
				seen[job.ID]++
				if len(seen)%8 == 0 && leaving < leave {
					pipeline.AddJobs(1, pending)
					jobs[leaving*10].Start() // Every tenth job of the list.
					leaving++
				}
			}
			assert.Equal(t, leave, leaving)
			missed := 0
			for i, job := range jobs {
				assert.LessOrEqual(t, seen[job.ID()], 1, "twice")
				if i%10 != 0 && seen[job.ID()] == 0 {
					missed++
				}
			}
			if tc.complete {
				assert.Zero(t, missed, "jobs that were there throughout")
			}
			t.Logf("missed %d of the %d jobs that were in the list throughout", missed, 9*leave)
		})
	}
}

func TestAPageErrorSaysWhereToResume(t *testing.T) {
	t.Parallel()
	older := []gitlabjobstest.Option{gitlabjobstest.OlderServer()}
	for name, tc := range map[string]struct {
		pagination gitlabjobs.Pagination
		options    []gitlabjobstest.Option
	}{"keyset": {"", nil}, "offset": {gitlabjobs.OffsetPagination, nil}, "keyset that falls back": {gitlabjobs.KeysetPagination, older}} {
		pagination := tc.pagination
		for _, prefetch := range []int{0, 1, 3} {
			for failing := range 5 {
				t.Run(fmt.Sprint(name, "/", prefetch, "/", failing), func(t *testing.T) {
					t.Parallel()
					srv := gitlabjobstest.NewMemoryServer(t, tc.options...)
					srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(48, nil)
					client := srv.Client(srv.Tokens.Reporter, oneAttempt())
					opts := gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10, Prefetch: prefetch}, Pagination: pagination}
					srv.Fault(gitlabjobstest.Fault{Skip: failing, Times: 1, Do: gitlabjobstest.BadGateway()})

					var ids []int64
					var failure *gitlabjobs.PageError
					for job, err := range client.Jobs.AllByProject(t.Context(), "group/app", &opts) {
						if err != nil {
							require.Nil(t, failure, "there is only one error")
							require.ErrorAs(t, err, &failure)
							require.ErrorIs(t, err, gitlabjobs.ErrServer)
							continue
						}
						require.Nil(t, failure, "an error is the last value")
						ids = append(ids, job.ID)
					}
					if failure == nil && prefetch > 1 { // The request that failed was for a page after the last one.
						assert.Len(t, ids, 48)
						return
					}
					require.NotNil(t, failure)
					assert.Len(t, ids, 10*((len(ids)+9)/10))
					opts.Pagination, opts.Page, opts.Cursor = failure.Pagination, failure.Page, failure.Cursor
					ids = append(ids, descendingIDs(t, client.Jobs.AllByProject(t.Context(), "group/app", &opts))...)
					assert.Len(t, ids, 48)
					for i := range ids[1:] {
						assert.Equal(t, ids[i]-1, ids[i+1])
					}
				})
			}
		}
	}
}

// Ten jobs are created between two pages of ten. The second page has the same jobs as the
// first.
func TestAPageThatIsShiftedByItsSizeDoesNotEndTheListing(t *testing.T) {
	t.Parallel()
	for _, prefetch := range []int{0, 2} {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: faultyPipeline})
		pipeline.AddJobs(50, nil)
		client := srv.Client(srv.Tokens.Reporter)
		size := gitlabjobs.ListOptions{PerPage: 10, Prefetch: prefetch}
		for name, seq := range map[string]iter.Seq2[*gitlabjobs.Job, error]{
			"project":  client.Jobs.AllByProject(t.Context(), "group/app", &gitlabjobs.ListJobsOptions{ListOptions: size, Pagination: gitlabjobs.OffsetPagination}),
			"pipeline": client.Jobs.AllByPipeline(t.Context(), "group/app", faultyPipeline, &gitlabjobs.ListPipelineJobsOptions{ListOptions: size}),
		} {
			n, was := 0, len(pipeline.Jobs())
			for _, err := range seq {
				require.NoError(t, err, name)
				if n++; n == 5 {
					pipeline.AddJobs(10, nil)
				}
			}
			assert.Equal(t, was, n, name)
		}
	}
}

// A proxy removes all headers about pages.
func TestAFullPageWithoutPageHeadersDoesNotEndTheListing(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: faultyPipeline}).AddJobs(250, nil)
	stripped := transport(func(req *http.Request) (*http.Response, error) {
		resp, err := srv.Transport().RoundTrip(req)
		if err == nil {
			for _, key := range []string{"Link", "X-Page", "X-Next-Page", "X-Prev-Page", "X-Total", "X-Total-Pages", "X-Per-Page"} {
				resp.Header.Del(key)
			}
		}
		return resp, err
	})
	client := srv.Client(srv.Tokens.Reporter, gitlabjobs.WithHTTPClient(&http.Client{Transport: stripped}))
	assert.Len(t, descendingIDs(t, client.Jobs.AllByPipeline(t.Context(), "group/app", faultyPipeline, nil)), 250)
}

func TestPageErrorText(t *testing.T) {
	t.Parallel()
	err := errors.New("gitlabjobs: GET /projects/:id/jobs: 502 Bad Gateway")
	for want, e := range map[string]*gitlabjobs.PageError{
		"gitlabjobs: page 112: GET /projects/:id/jobs: 502 Bad Gateway":              {Page: 112, Err: err},
		`gitlabjobs: page at cursor "eyJ=": GET /projects/:id/jobs: 502 Bad Gateway`: {Cursor: "eyJ=", Err: err},
		"gitlabjobs: first page: GET /projects/:id/jobs: 502 Bad Gateway":            {Err: err},
	} {
		require.EqualError(t, e, want)
		assert.ErrorIs(t, e, err)
	}
}

func TestAListingThatRepeatsPagesEndsWithAnError(t *testing.T) {
	t.Parallel()
	link := func(cursor string) map[string]string {
		return map[string]string{"Link": `<http://h/?cursor=` + cursor + `>; rel="next"`}
	}
	for name, next := range map[string]func(n int, req *http.Request) answer{
		"two alternating cursors": func(n int, _ *http.Request) answer {
			return answer{body: fmt.Sprintf(`[{"id":%d}]`, 9-n%2), header: link([]string{"a", "b"}[n%2])}
		},
		"the same page under new cursors": func(n int, _ *http.Request) answer {
			return answer{body: `[{"id":9},{"id":8}]`, header: link(fmt.Sprint("c", n))}
		},
		"the same page under new numbers": func(n int, _ *http.Request) answer {
			return answer{body: `[{"id":9},{"id":8}]`, header: map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": fmt.Sprint(n + 1)}}
		},
		"the same page, in no order": func(n int, _ *http.Request) answer {
			return answer{body: `[{"id":7},{"id":9},{"id":8}]`, header: map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": fmt.Sprint(n + 1)}}
		},
		"back to the first page": func(n int, _ *http.Request) answer {
			return answer{body: fmt.Sprintf(`[{"id":%d}]`, 9-n), header: map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": "1"}}
		},
	} {
		for _, prefetch := range []int{0, 3} {
			t.Run(fmt.Sprint(name, prefetch), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					requests := make(chan int, 1)
					requests <- 0
					client := newClient(t, func(req *http.Request) (*http.Response, error) {
						n := <-requests + 1
						requests <- n
						return next(n, req).to(req), nil
					})
					opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
					jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "1", opts), 0)
					require.ErrorContains(t, err, "the listing cannot continue")
					assert.LessOrEqual(t, len(jobs), 3)
					assert.LessOrEqual(t, <-requests, 3+3*prefetch) // Pages prefetched after a repeated page are fetched again.
				})
			})
		}
	}
}

// The lists of a pipeline have no cursors. If a server sends one, the first page is not
// requested again.
func TestAPipelinesListIgnoresCursors(t *testing.T) {
	t.Parallel()
	requests := 0
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		requests++
		return answer{body: `[{"id":9}]`, header: map[string]string{"X-Page": "1", "Link": fmt.Sprintf(`<http://h/?cursor=c%d&page=1>; rel="next"`, requests)}}.to(req), nil
	})
	jobs, err := gitlabjobs.Collect(client.Jobs.AllByPipeline(t.Context(), "1", 6, nil), 0)
	require.NoError(t, err)
	assert.Len(t, jobs, 1)
	assert.Equal(t, 1, requests)
}

func TestAnOldListThatAscendsIsReadWhole(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		n := 1
		fmt.Sscan(req.URL.Query().Get("page"), &n) //nolint:errcheck // Absent means the first.
		h := map[string]string{"X-Page": fmt.Sprint(n), "X-Next-Page": []string{"2", "3", ""}[n-1]}
		return answer{body: fmt.Sprintf(`[{"id":%d},{"id":%d},{"id":%d}]`, 3*n-2, 3*n-1, 3*n), header: h}.to(req), nil
	})
	jobs, err := gitlabjobs.Collect(client.Jobs.AllByPipeline(t.Context(), "1", 6, nil), 0)
	require.NoError(t, err)
	assert.Len(t, jobs, 9)
}

func TestCollectStopsAtItsLimit(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(250, nil)
	client := srv.Client(srv.Tokens.Reporter)
	jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "group/app", nil), 100)
	require.NoError(t, err)
	assert.Len(t, jobs, 100)
	assert.Len(t, srv.Requests(), 1, "no page more than needed")
	jobs, err = gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "group/app", nil), 0)
	require.NoError(t, err)
	assert.Len(t, jobs, 250)
	_, err = gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "group/app", nil), -1)
	require.ErrorContains(t, err, "0 for all")
	jobs, err = gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "not/there", nil), 5)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
	assert.Empty(t, jobs)
}

func TestCreatedAfterStopsEarly(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	now := time.Now()
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{CreatedAt: now.Add(-2000 * time.Hour)}).
		AddJobs(1000, func(i int) gitlabjobstest.JobSpec {
			return gitlabjobstest.JobSpec{CreatedAt: now.Add(time.Duration(i-1000) * time.Hour)}
		})
	client := srv.Client(srv.Tokens.Reporter)
	jobs, err := gitlabjobs.Collect(gitlabjobs.CreatedAfter(client.Jobs.AllByProject(t.Context(), "group/app", nil), now.Add(-24*time.Hour-time.Minute)), 0)
	require.NoError(t, err)
	assert.Len(t, jobs, 24)
	assert.Len(t, srv.Requests(), 1)
	_, err = gitlabjobs.Collect(gitlabjobs.CreatedAfter(client.Jobs.AllByProject(t.Context(), "not/there", nil), now), 0)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
}

func TestPagesHaveTheNextCursor(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(250, nil)
	client := srv.Client(srv.Tokens.Reporter)
	var stored string
	var sizes []int
	for page, err := range client.Jobs.PagesByProject(t.Context(), "group/app", nil) {
		require.NoError(t, err)
		sizes = append(sizes, len(page.Items))
		stored = page.NextCursor
		if len(sizes) == 2 {
			break
		}
	}
	for page, err := range client.Jobs.PagesByProject(t.Context(), "group/app", &gitlabjobs.ListJobsOptions{Cursor: stored}) {
		require.NoError(t, err)
		sizes = append(sizes, len(page.Items))
	}
	assert.Equal(t, []int{100, 100, 50}, sizes)
}

func TestANilContextIsAnError(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: "[]"})
	var none context.Context
	for _, err := range client.Jobs.AllByProject(none, "1", nil) {
		require.ErrorContains(t, err, "the context is nil")
	}
}
