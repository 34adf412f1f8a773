package gitlabjobs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// metered counts the requests of a transport and the bytes of the logs that it transfers.
type metered struct {
	http.RoundTripper
	mu    sync.Mutex
	logs  int64
	asked map[string]int // The number of requests by route.
}

func (m *metered) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := m.RoundTripper.RoundTrip(req)
	route := gitlabjobs.RouteFromContext(req.Context())
	m.mu.Lock()
	m.asked[route]++
	m.mu.Unlock()
	if err == nil && strings.HasSuffix(route, "/trace") && resp.StatusCode == http.StatusOK {
		resp.Body = &meteredBody{resp.Body, m}
	}
	return resp, err
}

type meteredBody struct {
	io.ReadCloser
	m *metered
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.mu.Lock()
	b.m.logs += int64(n)
	b.m.mu.Unlock()
	return n, err
}

// following is a server with one job, and a client whose bytes are counted.
func following(t *testing.T, spec gitlabjobstest.JobSpec, options ...gitlabjobstest.Option) (*gitlabjobstest.Server, *gitlabjobstest.Job, *gitlabjobs.Client, *metered) {
	srv := gitlabjobstest.NewMemoryServer(t, options...)
	job := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(spec)
	m := &metered{RoundTripper: srv.Transport(), asked: map[string]int{}}
	client := srv.Client(srv.Tokens.Developer, gitlabjobs.WithHTTPClient(&http.Client{Transport: m}))
	return srv, job, client, m
}

// A job writes 10,000 lines over a minute.
func TestALogIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	const lines = 10_000
	script := gitlabjobstest.Script{
		Pending: 5 * time.Second, Lines: lines, Every: 6 * time.Millisecond,
		Line: func(i int) string { return fmt.Sprintf("line %d of a log that is followed\n", i) },
	}
	for name, tc := range map[string]struct {
		options []gitlabjobstest.Option
		faults  bool
		most    float64 // The maximum number of bytes transferred, as a multiple of the log's size.
	}{
		"a newer server":              {nil, false, 1.1},
		"a newer server, with faults": {nil, true, 1.5},
		"an older server":             {[]gitlabjobstest.Option{gitlabjobstest.OlderServer()}, false, 6},
		"an older server, and faults": {[]gitlabjobstest.Option{gitlabjobstest.OlderServer()}, true, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, job, client, m := following(t, gitlabjobstest.JobSpec{Script: &script}, tc.options...)
				if tc.faults {
					for i, effect := range []gitlabjobstest.Effect{
						gitlabjobstest.ResetBefore(), gitlabjobstest.CutBody(5000), gitlabjobstest.BadGateway(), gitlabjobstest.Unavailable(2 * time.Second),
					} {
						srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Probability: 0.1, Seed: uint64(i + 3), Do: effect})
					}
				}
				start := time.Now()
				var states []gitlabjobs.Status
				r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), &gitlabjobs.FollowOptions{
					OnUpdate: func(j *gitlabjobs.Job) { states = append(states, j.Status) },
				})
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				assert.True(t, job.Log() == string(got), "byte for byte") //nolint:testifylint // Too long to be shown.
				assert.Equal(t, lines, strings.Count(string(got), "\n"))
				final := r.Job()
				assert.Equal(t, gitlabjobs.StatusSuccess, final.Status)
				assert.False(t, final.FinishedAt.IsZero())
				assert.Equal(t, gitlabjobs.StatusPending, states[0])
				assert.Equal(t, gitlabjobs.StatusSuccess, states[len(states)-1])
				assert.Less(t, time.Since(start), 2*time.Minute)
				require.NoError(t, r.Close())
				moved := float64(m.logs) / float64(len(got))
				assert.LessOrEqual(t, moved, tc.most)
				t.Logf("%s: %d bytes of log, %d moved (%.3f times), requests: %v", name, len(got), m.logs, moved, m.asked)
			})
		})
	}
}

func TestUnchangedPollsOfAnOlderServerAreEmpty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, job, client, m := following(t, gitlabjobstest.JobSpec{Status: gitlabjobs.StatusRunning, Log: strings.Repeat("a line\n", 10_000)}, gitlabjobstest.OlderServer())
		r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
		require.NoError(t, err)
		time.AfterFunc(10*time.Minute, job.Succeed)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		assert.Len(t, got, 70_000)
		assert.Greater(t, m.asked["/projects/:id/jobs/:job_id/trace"], 10)
		assert.LessOrEqual(t, m.logs, int64(3*70_000), "only what is new is moved")
	})
}

func TestFollowingEndsWithTheJob(t *testing.T) {
	t.Parallel()
	type spec = gitlabjobstest.JobSpec
	for name, tc := range map[string]struct {
		spec   spec
		after  func(*gitlabjobstest.Server, *gitlabjobstest.Job) // A minute later.
		opts   gitlabjobs.FollowOptions
		log    string
		status gitlabjobs.Status
		err    error
		most   time.Duration
	}{
		"finished long ago": {spec: spec{Status: gitlabjobs.StatusFailed, Log: "a\nb\n", CreatedAt: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), FinishedAt: time.Date(1999, 1, 1, 1, 0, 0, 0, time.UTC)}, log: "a\nb\n", status: gitlabjobs.StatusFailed, most: time.Nanosecond},
		"skipped":           {spec: spec{Status: gitlabjobs.StatusSkipped}, status: gitlabjobs.StatusSkipped, most: 3 * time.Second},
		"canceled before it started": {
			spec: spec{Status: gitlabjobs.StatusPending}, after: func(_ *gitlabjobstest.Server, j *gitlabjobstest.Job) { j.Cancel() },
			status: gitlabjobs.StatusCanceled, most: 90 * time.Second,
		},
		"canceled while it runs": {
			spec: spec{Status: gitlabjobs.StatusRunning, Log: "begin\n"}, after: func(_ *gitlabjobstest.Server, j *gitlabjobstest.Job) { j.Cancel() },
			log: "begin\n", status: gitlabjobs.StatusCanceled, most: 90 * time.Second,
		},
		"failed": {spec: spec{Status: gitlabjobs.StatusRunning}, after: func(_ *gitlabjobstest.Server, j *gitlabjobstest.Job) {
			j.AppendLog("oh\n")
			j.Fail(gitlabjobs.FailureScript)
		}, log: "oh\n", status: gitlabjobs.StatusFailed, most: 90 * time.Second},
		"the last bytes after its end": {spec: spec{Status: gitlabjobs.StatusRunning, Log: "begin\n"}, after: func(_ *gitlabjobstest.Server, j *gitlabjobstest.Job) {
			j.Succeed()
			time.AfterFunc(time.Millisecond, func() { j.AppendLog("end\n") })
		}, log: "begin\nend\n", status: gitlabjobs.StatusSuccess, most: 90 * time.Second},
		"finished just now": {spec: spec{Status: gitlabjobs.StatusSuccess, Log: "x"}, status: gitlabjobs.StatusSuccess, log: "x", most: 3 * time.Second},
		"a scheduled job that GitLab starts": {
			spec: spec{Status: gitlabjobs.StatusScheduled}, after: func(_ *gitlabjobstest.Server, j *gitlabjobstest.Job) {
				j.Start()
				j.AppendLog("started\n")
				j.Succeed()
			}, log: "started\n", status: gitlabjobs.StatusSuccess, most: 90 * time.Second,
		},
		"a manual job": {spec: spec{Status: gitlabjobs.StatusManual}, err: gitlabjobs.ErrBlocked, most: time.Nanosecond},
		"a manual job that is played": {
			spec: spec{Status: gitlabjobs.StatusManual}, opts: gitlabjobs.FollowOptions{WaitForBlocked: true},
			after: func(srv *gitlabjobstest.Server, j *gitlabjobstest.Job) {
				_, _ = srv.Client(srv.Tokens.Maintainer).Jobs.Play(context.Background(), "group/app", j.ID(), nil)
				j.Start()
				j.AppendLog("played\n")
				j.Succeed()
			}, log: "played\n", status: gitlabjobs.StatusSuccess, most: 90 * time.Second,
		},
		"from an offset": {
			spec: spec{Status: gitlabjobs.StatusRunning, Log: "0123456789"}, opts: gitlabjobs.FollowOptions{Offset: 4},
			after: func(_ *gitlabjobstest.Server, j *gitlabjobstest.Job) { j.AppendLog("abc"); j.Succeed() }, log: "456789abc", status: gitlabjobs.StatusSuccess, most: 90 * time.Second,
		},
	} {
		for server, options := range map[string][]gitlabjobstest.Option{"newer": nil, "older": {gitlabjobstest.OlderServer()}} {
			t.Run(name+"/"+server, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					srv, job, client, _ := following(t, tc.spec, options...)
					start := time.Now()
					if tc.after != nil {
						time.AfterFunc(time.Minute, func() { tc.after(srv, job) })
					}
					r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), &tc.opts)
					if tc.err != nil {
						require.ErrorIs(t, err, tc.err)
						assert.Nil(t, r)
						return
					}
					require.NoError(t, err)
					got, err := io.ReadAll(r)
					require.NoError(t, err)
					assert.Equal(t, tc.log, string(got))
					assert.Equal(t, tc.status, r.Job().Status)
					assert.LessOrEqual(t, time.Since(start), tc.most)
					n, err := r.Read(make([]byte, 1))
					assert.Zero(t, n)
					require.ErrorIs(t, err, io.EOF, "the end stays")
					require.NoError(t, r.Close())
				})
			})
		}
	}
}

func TestAFinishedLogIsReadWholeFromAnyOffset(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]gitlabjobstest.Option{"newer": nil, "older": {gitlabjobstest.OlderServer()}} {
		for _, offset := range []int64{0, 5, 600_000} {
			t.Run(fmt.Sprint(name, offset), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					long := someLog(2_000_000)
					_, job, client, m := following(t, gitlabjobstest.JobSpec{Log: long}, options...)
					start := time.Now()
					r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), &gitlabjobs.FollowOptions{Offset: offset})
					require.NoError(t, err)
					got, err := io.ReadAll(r)
					require.NoError(t, err)
					assert.True(t, long[offset:] == string(got), "%d bytes", len(got)) //nolint:testifylint // Too long to be shown.
					assert.Less(t, time.Since(start), 3*time.Second)
					assert.LessOrEqual(t, m.asked["/projects/:id/jobs/:job_id/trace"], 5)
				})
			})
		}
	}
}

func TestFollowingEndsWhenTheJobBecomesManual(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		statuses := []string{"created", "created", "manual"}
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			status := statuses[0]
			if len(statuses) > 1 {
				statuses = statuses[1:]
			}
			return answer{body: `{"id":7,"status":"` + status + `"}`}.to(req), nil
		})
		r, err := client.Jobs.FollowTrace(t.Context(), "1", 7, nil)
		require.NoError(t, err)
		_, err = io.ReadAll(r)
		require.ErrorIs(t, err, gitlabjobs.ErrBlocked)
		require.EqualError(t, err, "gitlabjobs: job 7 of 1: blocked: it cannot continue without manual action")
		require.NoError(t, r.Close())
	})
}

func TestFollowingEndsWhenTheLogIsErased(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]gitlabjobstest.Option{"newer": nil, "older": {gitlabjobstest.OlderServer()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, job, client, _ := following(t, gitlabjobstest.JobSpec{Status: gitlabjobs.StatusRunning, Log: "begin\n"}, options...)
				r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
				require.NoError(t, err)
				time.AfterFunc(time.Minute, func() {
					job.Succeed()
					_, err := srv.Client(srv.Tokens.Maintainer).Jobs.Erase(context.Background(), "group/app", job.ID())
					assert.NoError(t, err)
				})
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				assert.Equal(t, "begin\n", string(got))
				assert.Equal(t, gitlabjobs.StatusSuccess, r.Job().Status)

				r, err = client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
				require.NoError(t, err)
				got, err = io.ReadAll(r)
				require.NoError(t, err)
				assert.Empty(t, got, "there is nothing to follow any more")
			})
		})
	}
}

func TestFollowingPollsMoreSlowlyWhileTheLogIsUnchanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, job, client, m := following(t, gitlabjobstest.JobSpec{Status: gitlabjobs.StatusPending})
		r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), &gitlabjobs.FollowOptions{MaxInterval: time.Minute})
		require.NoError(t, err)
		time.AfterFunc(time.Hour, job.Cancel)
		_, err = io.ReadAll(r)
		require.NoError(t, err)
		assert.LessOrEqual(t, m.asked["/projects/:id/jobs/:job_id"], 70, "about one a minute")
		assert.LessOrEqual(t, m.asked["/projects/:id/jobs/:job_id/trace"], 3, "a job that has not started has no log")
	})
}

func TestFollowingEndsAtOnce(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"Close", "context"} {
		for _, status := range []gitlabjobs.Status{gitlabjobs.StatusPending, gitlabjobs.StatusRunning, "in a request"} {
			t.Run(how+"/"+string(status), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					spec := gitlabjobstest.JobSpec{Status: status}
					if status == "in a request" {
						spec.Status = gitlabjobs.StatusRunning
					}
					srv, job, client, _ := following(t, spec)
					if status == "in a request" {
						srv.Fault(gitlabjobstest.Fault{Skip: 1, Times: gitlabjobstest.Always, Do: gitlabjobstest.SlowBody(1, 29*time.Second)})
						client = srv.Client(srv.Tokens.Developer, gitlabjobs.WithAttemptTimeout(time.Hour))
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					r, err := client.Jobs.FollowTrace(ctx, "group/app", job.ID(), nil)
					require.NoError(t, err)
					start := time.Now()
					time.AfterFunc(100*time.Second, func() {
						if how == "Close" {
							r.Close()
						} else {
							cancel()
						}
					})
					_, err = io.ReadAll(r)
					if how == "Close" {
						require.ErrorIs(t, err, os.ErrClosed)
					} else {
						require.ErrorIs(t, err, context.Canceled)
					}
					assert.Equal(t, 100*time.Second, time.Since(start))
					require.NoError(t, r.Close())
				})
			})
		}
	}
}

func TestReadsAreRetriedWhileTheServerRestarts(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]gitlabjobstest.Option{"newer": nil, "older": {gitlabjobstest.OlderServer()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, job, _, _ := following(t, gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Lines: 600, Every: 100 * time.Millisecond}}, options...)
				client := srv.Client(srv.Tokens.Developer, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: time.Second}))
				time.AfterFunc(10*time.Second, func() { srv.Down(3 * time.Second) })
				time.AfterFunc(40*time.Second, func() { srv.Down(3 * time.Second) })
				r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				assert.Equal(t, job.Log(), string(got))
			})
		})
	}
}

func TestInvalidFollowOptionsAreErrors(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	})
	for want, o := range map[string]gitlabjobs.FollowOptions{
		"FollowOptions: Offset is -1":               {Offset: -1},
		"MinInterval is -1ns: use a positive":       {MinInterval: -1},
		"MaxInterval is -2ns: use a positive":       {MaxInterval: -2},
		"MaxOutage is -1ns":                         {MaxOutage: -1},
		"MinInterval 2s is longer than MaxInterval": {MinInterval: 2 * time.Second, MaxInterval: time.Second},
	} {
		_, err := client.Jobs.FollowTrace(t.Context(), "1", 7, &o)
		require.ErrorContains(t, err, want)
	}
	_, err := client.Jobs.FollowTrace(t.Context(), "app", 7, nil)
	require.ErrorContains(t, err, "full path")
	_, err = answering(t, answer{status: 404, body: `{"message":"404 Not found"}`}).Jobs.FollowTrace(t.Context(), "1", 7, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
}

func TestFollowTracePollsAtIntervals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts              gitlabjobs.FollowOptions
		shortest, longest time.Duration
	}{
		"default":         {gitlabjobs.FollowOptions{}, time.Second, 15 * time.Second},
		"equal intervals": {gitlabjobs.FollowOptions{MinInterval: 5 * time.Second, MaxInterval: 5 * time.Second}, 5 * time.Second, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv, job, client, _ := following(t, gitlabjobstest.JobSpec{Status: gitlabjobs.StatusPending})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			log, err := client.Jobs.FollowTrace(ctx, "group/app", job.ID(), &tc.opts)
			require.NoError(t, err, name)
			_, err = io.ReadAll(log)
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			between := requestGaps(srv)
			assert.InDelta(t, tc.shortest, between[0], float64(tc.shortest)/4, name)
			assert.InDelta(t, tc.longest, between[len(between)-1], float64(tc.longest)/4, name)
		})
	}
}
