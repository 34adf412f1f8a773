package gitlabjobs_test

import (
	"context"
	"iter"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

const roundTrip = 30 * time.Millisecond

// slow is a server in memory. Each request takes a round trip of virtual time.
func slow(t *testing.T, jobs int, options ...gitlabjobstest.Option) (*gitlabjobstest.Server, *gitlabjobs.Client) {
	srv := gitlabjobstest.NewMemoryServer(t, options...)
	srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: faultyPipeline}).AddJobs(jobs, nil)
	srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Latency: roundTrip})
	return srv, srv.Client(srv.Tokens.Reporter)
}

func timeToList(t *testing.T, want int, seq iter.Seq2[*gitlabjobs.Job, error]) time.Duration {
	t.Helper()
	start := time.Now()
	assert.Len(t, descendingIDs(t, seq), want)
	return time.Since(start)
}

func TestPrefetchOfAPipelineHidesTheRoundTrips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const jobs, pages = 5000, 50
		_, client := slow(t, jobs)
		with := func(n int) time.Duration {
			opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: n}}
			return timeToList(t, jobs, client.Jobs.AllByPipeline(t.Context(), "group/app", faultyPipeline, opts))
		}
		none, eight := with(0), with(8)
		t.Logf("Prefetch 0: %v, Prefetch 8: %v, %.1f times as fast", none, eight, float64(none)/float64(eight))
		assert.Equal(t, pages*roundTrip, none)
		assert.GreaterOrEqual(t, none, 6*eight)
		bound := ((pages-1+7)/8 + 1) * roundTrip
		assert.LessOrEqual(t, eight, bound*13/10)
	})
}

func TestPrefetchByKeysetHidesTheRoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const jobs = 5000
		_, client := slow(t, jobs)
		with := func(n int) time.Duration {
			start, got := time.Now(), 0
			opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: n}}
			for page, err := range client.Jobs.PagesByProject(t.Context(), "group/app", opts) {
				require.NoError(t, err)
				got += len(page.Items)
				time.Sleep(roundTrip) // The work of the caller, in virtual time.
			}
			assert.Equal(t, jobs, got)
			return time.Since(start)
		}
		none, one := with(0), with(1)
		t.Logf("Prefetch 0: %v, Prefetch 1: %v, %.2f of the time", none, one, float64(one)/float64(none))
		assert.LessOrEqual(t, one, none*6/10)
	})
}

func TestPrefetchSendsFewRequestsPastTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, client := slow(t, 500)
		for n := range 9 {
			srv.ResetRequests()
			opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: n}, Pagination: gitlabjobs.OffsetPagination}
			timeToList(t, 500, client.Jobs.AllByProject(t.Context(), "group/app", opts)) // The lists of a project have no totals.
			assert.LessOrEqual(t, len(srv.Requests()), 5+n)

			srv.ResetRequests()
			pipeline := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: n}}
			timeToList(t, 500, client.Jobs.AllByPipeline(t.Context(), "group/app", faultyPipeline, pipeline))
			assert.Len(t, srv.Requests(), 5, "with totals, no request is unnecessary")
		}
	})
}

func TestAListThatGrowsIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	for _, prefetch := range []int{0, 3, 8} {
		synctest.Test(t, func(t *testing.T) {
			srv, client := slow(t, 500)
			first := srv.Pipeline(faultyPipeline).Jobs()
			seen := map[int64]bool{}
			opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
			for job, err := range client.Jobs.AllByPipeline(t.Context(), "group/app", faultyPipeline, opts) {
				require.NoError(t, err)
				require.False(t, seen[job.ID], "twice")
				seen[job.ID] = true
				if len(seen) == 100 {
					srv.Pipeline(faultyPipeline).AddJobs(250, nil)
				}
			}
			for _, job := range first {
				assert.True(t, seen[job.ID()], "a job that was in the list throughout")
			}
		})
	}
}

func TestRateLimitsSlowAPrefetchingListDown(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]gitlabjobstest.Option{
		"of the endpoint, which says nothing": gitlabjobstest.JobsRateLimit(600),
		"of the instance, with Retry-After":   gitlabjobstest.Throttle(20, 10*time.Second),
	} {
		for _, pagination := range []gitlabjobs.Pagination{gitlabjobs.KeysetPagination, gitlabjobs.OffsetPagination} {
			t.Run(name+"/"+string(pagination), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv := gitlabjobstest.NewMemoryServer(t, option)
					jobs, perPage := 3500, 5 // 700 pages. Only the rate limit takes time.
					if name == "of the instance, with Retry-After" {
						jobs = 500
					}
					srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJobs(jobs, nil)
					opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: perPage, Prefetch: 4}, Pagination: pagination}
					d := timeToList(t, jobs, srv.Client(srv.Tokens.Reporter).Jobs.AllByProject(t.Context(), "group/app", opts))
					assert.Greater(t, d, 5*time.Second)
					assert.Less(t, d, 5*time.Minute)
				})
			})
		}
	}
}

func TestLeavingAPrefetchingLoopEndsItsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, client := slow(t, 5000)
		opts := &gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 8}}
		start := time.Now()
		for _, err := range client.Jobs.AllByPipeline(t.Context(), "group/app", faultyPipeline, opts) {
			require.NoError(t, err)
			break
		}
		assert.Equal(t, roundTrip, time.Since(start), "it waits for nothing but the requests to be gone")
		assert.LessOrEqual(t, len(srv.Requests()), 9)
		synctest.Wait()
	})
}

// Concurrent requests see the list at different times. If the third page is from before a
// job was created, and the second page from after it, a job moves from the second page to
// the third, and is on neither. It must not be missed.
func TestPrefetchedPagesFromBeforeAChangeAreFetchedAgain(t *testing.T) {
	t.Parallel()
	size := gitlabjobs.ListOptions{PerPage: 10, Prefetch: 4}
	for name, list := range map[string]func(context.Context, *gitlabjobs.JobsService) iter.Seq2[*gitlabjobs.Job, error]{
		"with totals": func(ctx context.Context, jobs *gitlabjobs.JobsService) iter.Seq2[*gitlabjobs.Job, error] {
			return jobs.AllByPipeline(ctx, "group/app", faultyPipeline, &gitlabjobs.ListPipelineJobsOptions{ListOptions: size})
		},
		"without totals": func(ctx context.Context, jobs *gitlabjobs.JobsService) iter.Seq2[*gitlabjobs.Job, error] {
			return jobs.AllByProject(ctx, "group/app", &gitlabjobs.ListJobsOptions{ListOptions: size, Pagination: gitlabjobs.OffsetPagination})
		},
	} {
		for late := 2; late <= 7; late++ {
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: faultyPipeline})
				first := pipeline.AddJobs(100, nil)
				time.AfterFunc(20*time.Millisecond, func() { pipeline.AddJobs(3, nil) })
				srv.Fault(gitlabjobstest.Fault{
					Match:   func(req gitlabjobstest.Request) bool { return req.Query.Get("page") == strconv.Itoa(late) },
					Latency: 50 * time.Millisecond,
				})
				seen := map[int64]bool{}
				for _, id := range descendingIDs(t, list(t.Context(), srv.Client(srv.Tokens.Reporter).Jobs)) {
					seen[id] = true
				}
				for _, job := range first {
					assert.True(t, seen[job.ID()], "page %d late, %s: job %d", late, name, job.ID())
				}
			})
		}
	}
}

// Without totals, the end of the list is unknown.
func TestALargePrefetchOfAFewPagesSendsFewRequests(t *testing.T) {
	t.Parallel()
	for pages, most := range map[int]int{1: 1, 2: 3, 3: 5, 10: 20, 40: 80} {
		synctest.Test(t, func(t *testing.T) {
			srv, client := slow(t, 10*pages)
			opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: 10, Prefetch: 500}, Pagination: gitlabjobs.OffsetPagination}
			d := timeToList(t, 10*pages, client.Jobs.AllByProject(t.Context(), "group/app", opts))
			t.Logf("%d pages: %d requests, %v", pages, len(srv.Requests()), d)
			assert.LessOrEqual(t, len(srv.Requests()), most)
			assert.LessOrEqual(t, d, 7*roundTrip)
		})
	}
}

type authFunc func(*http.Request) error

func (f authFunc) Authorize(req *http.Request) error { return f(req) }

// The panic must reach the goroutine of the caller, which may recover it.
func TestAPanicWhileFetchingAheadReachesTheCaller(t *testing.T) {
	t.Parallel()
	for _, pagination := range []gitlabjobs.Pagination{gitlabjobs.KeysetPagination, gitlabjobs.OffsetPagination} {
		for _, prefetch := range []int{0, 1, 8} {
			synctest.Test(t, func(t *testing.T) {
				srv, _ := slow(t, 500)
				type cause struct{ reason string }
				requests := make(chan int, 1)
				requests <- 0
				client := srv.ClientWithAuth(authFunc(func(req *http.Request) error {
					n := <-requests + 1
					requests <- n
					if n > 3 {
						panic(&cause{"no token"})
					}
					return gitlabjobs.PrivateToken(srv.Tokens.Reporter).Authorize(req)
				}))
				opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}, Pagination: pagination}
				n := 0
				var got any
				func() {
					defer func() { got = recover() }()
					for _, err := range client.Jobs.AllByProject(t.Context(), "group/app", opts) {
						require.NoError(t, err)
						n++
					}
				}()
				assert.Equal(t, &cause{"no token"}, got)
				assert.LessOrEqual(t, n, 300)
			})
		}
	}
}

// A caller whose loop has ended does not see errors of later pages.
func TestAPanicOfAnUnusedPrefetchedPageIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, _ := slow(t, 500)
		var requests atomic.Int64
		client := srv.ClientWithAuth(authFunc(func(req *http.Request) error {
			if requests.Add(1) > 1 {
				panic("no token")
			}
			return gitlabjobs.PrivateToken(srv.Tokens.Reporter).Authorize(req)
		}))
		opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 1}}
		jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "group/app", opts), 100)
		require.NoError(t, err)
		assert.Len(t, jobs, 100)
	})
}

// For example, a test's FailNow exits the goroutine.
func TestAGoroutineThatExitsWhileFetchingAheadIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, _ := slow(t, 500)
		var requests atomic.Int64
		client := srv.ClientWithAuth(authFunc(func(req *http.Request) error {
			if requests.Add(1) > 1 {
				runtime.Goexit()
			}
			return gitlabjobs.PrivateToken(srv.Tokens.Reporter).Authorize(req)
		}))
		opts := &gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: 1}}
		jobs, err := gitlabjobs.Collect(client.Jobs.AllByProject(t.Context(), "group/app", opts), 0)
		require.ErrorContains(t, err, "runtime.Goexit")
		assert.Len(t, jobs, 100)
	})
}
