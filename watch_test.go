package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// watchFor watches group/app for a duration. It returns the events as "ID previous>status" and
// the state after the last of them.
func watchFor(t *testing.T, d time.Duration, client *gitlabjobs.Client, opts gitlabjobs.WatchOptions) (events []string, state gitlabjobs.WatchState) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	state = opts.Since
	for event, err := range client.Jobs.Watch(ctx, "group/app", &opts) {
		if err != nil {
			require.Nil(t, event)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return events, state
		}
		events = append(events, fmt.Sprintf("%d %s>%s", event.Job.ID, event.Previous, event.Job.Status))
		state = event.State()
	}
	require.Fail(t, "the watch ended without an error")
	return nil, state
}

// newApp returns a server with one project and one pipeline.
func newApp(t *testing.T, opts ...gitlabjobstest.Option) (*gitlabjobstest.Server, *gitlabjobstest.Pipeline, *gitlabjobs.Client) {
	srv := gitlabjobstest.NewMemoryServer(t, opts...)
	return srv, srv.AddProject("group/app", gitlabjobstest.ProjectSpec{ID: 7}).AddPipeline(), srv.Client(srv.Tokens.Maintainer)
}

// job returns a job with the given ID and status.
func job(id int64, status gitlabjobs.Status) gitlabjobstest.JobSpec {
	return gitlabjobstest.JobSpec{ID: id, Status: status, NoLog: true, AnyStatus: true}
}

func TestWatchReportsChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server []gitlabjobstest.Option
		world  func(*gitlabjobstest.Server, *gitlabjobstest.Pipeline, *gitlabjobs.Client)
		opts   gitlabjobs.WatchOptions
		want   []string
	}{
		"unfinished jobs first, no finished ones": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				for i, status := range []gitlabjobs.Status{"manual", "success", "created", "failed", "running", "canceled", "scheduled", "skipped"} {
					pl.AddJob(job(int64(i+1), status))
				}
			},
			want: []string{"1 >manual", "3 >created", "5 >running", "7 >scheduled"},
		},
		"every status of a job": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				j := pl.AddJob(gitlabjobstest.JobSpec{ID: 1, Status: "created", GracefulCancel: true, CancelTakes: time.Minute})
				time.AfterFunc(1*time.Minute, j.Enqueue)
				time.AfterFunc(2*time.Minute, j.Start)
				time.AfterFunc(3*time.Minute, j.Cancel)
			},
			want: []string{"1 >created", "1 created>pending", "1 pending>running", "1 running>canceling", "1 canceling>canceled"},
		},
		"a job that begins and finishes between two polls": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				time.AfterFunc(time.Minute, func() { pl.AddJob(job(3, "failed")); pl.AddJob(job(2, "pending")).Succeed() })
			},
			want: []string{"2 >success", "3 >failed"},
		},
		"a job that commits after one with a higher ID": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				pl.AddJob(job(5, "running"))
				time.AfterFunc(time.Minute, func() {
					j := pl.AddJob(job(4, "pending"))
					time.AfterFunc(time.Minute, j.Succeed)
				})
			},
			want: []string{"5 >running", "4 >pending", "4 pending>success"},
		},
		"a skipped job that is queued again under its ID": {
			world: func(srv *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				pl.AddJob(job(1, "created"))
				replace := func(status gitlabjobs.Status) func() {
					return func() { srv.Job(1).Delete(); pl.AddJob(job(1, status)) }
				}
				time.AfterFunc(1*time.Minute, replace("skipped"))
				time.AfterFunc(5*time.Minute, replace("created"))
				time.AfterFunc(9*time.Minute, replace("skipped"))
			},
			want: []string{"1 >created", "1 created>skipped", "1 >created", "1 created>skipped"},
		},
		"a deleted job, without an event": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				j := pl.AddJob(job(1, "running"))
				time.AfterFunc(time.Minute, j.Delete)
				time.AfterFunc(2*time.Minute, func() { pl.AddJob(job(2, "manual")) })
			},
			want: []string{"1 >running", "2 >manual"},
		},
		"a retried job under its new ID, and nothing of an erased one": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, client *gitlabjobs.Client) {
				pl.AddJob(job(1, "running"))
				time.AfterFunc(time.Minute, func() { pl.AddJob(gitlabjobstest.JobSpec{ID: 2, Status: "running"}).Fail("") })
				time.AfterFunc(2*time.Minute, func() { _, _ = client.Jobs.Retry(context.Background(), "7", 2, nil) })
				time.AfterFunc(3*time.Minute, func() { _, _ = client.Jobs.Erase(context.Background(), "7", 2) })
			},
			want: []string{"1 >running", "2 >failed", "1001 >pending"},
		},
		"a manual job that is played, and played again": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, client *gitlabjobs.Client) {
				j := pl.AddJob(job(1, "manual"))
				play := func() { _, _ = client.Jobs.Play(context.Background(), "7", 1, nil) }
				time.AfterFunc(1*time.Minute, play)
				time.AfterFunc(2*time.Minute, j.Succeed)
				time.AfterFunc(3*time.Minute, play)
			},
			want: []string{"1 >manual", "1 manual>pending", "1 pending>success", "1001 >pending"},
		},
		"a created job that becomes manual": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				j := pl.AddJob(job(1, "created"))
				time.AfterFunc(time.Minute, func() { j.Delete(); pl.AddJob(job(1, "manual")) })
			},
			want: []string{"1 >created", "1 created>manual"},
		},
		"the end of a manual job that runs between two polls": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				j := pl.AddJob(job(1, "manual"))
				time.AfterFunc(time.Minute, j.Succeed)
			},
			want: []string{"1 >manual", "1 manual>success"},
		},
		"an unknown status": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				pl.AddJob(job(1, "running"))
				time.AfterFunc(time.Minute, func() {
					j := pl.AddJob(job(2, "brand_new"))
					time.AfterFunc(20*time.Minute, j.Succeed)
				})
			},
			want: []string{"1 >running", "2 >brand_new", "2 brand_new>success"},
		},
		"jobs of child pipelines, not bridges": {
			world: func(srv *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				child := srv.Project("group/app").AddPipeline(gitlabjobstest.PipelineSpec{Source: "parent_pipeline"})
				pl.AddBridge(gitlabjobstest.BridgeSpec{ID: 1, Downstream: child})
				time.AfterFunc(time.Minute, func() { child.AddJob(job(2, "success")) })
			},
			want: []string{"2 >success"},
		},
		"only jobs of the Ref": {
			world: func(srv *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				topic := srv.Project("group/app").AddPipeline(gitlabjobstest.PipelineSpec{Ref: "topic"})
				pl.AddJob(job(1, "running"))
				topic.AddJob(job(2, "running"))
				time.AfterFunc(time.Minute, func() {
					pl.AddJob(job(3, "success"))
					topic.AddJob(job(4, "success"))
				})
			},
			opts: gitlabjobs.WatchOptions{Ref: "topic"},
			want: []string{"2 >running", "4 >success"},
		},
		"a project without jobs": {
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				time.AfterFunc(time.Hour, func() { pl.AddJob(job(1, "running")); pl.AddJob(job(2, "success")) })
			},
			want: []string{"1 >running", "2 >success"},
		},
		"a server without pipeline objects": {
			server: []gitlabjobstest.Option{gitlabjobstest.WithoutPipelineObjects()},
			world: func(_ *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				pl.AddJob(job(1, "running"))
			},
			want: []string{"1 >running"},
		},
		"a server that does not know the newest scopes": {
			world: func(srv *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline, _ *gitlabjobs.Client) {
				srv.Fault(gitlabjobstest.Fault{
					Times: gitlabjobstest.Always, Do: gitlabjobstest.Answer(http.StatusBadRequest, nil, `{"error":"scope does not have a valid value"}`),
					Match: func(r gitlabjobstest.Request) bool {
						return slices.Contains(r.Query["scope[]"], "canceling") || slices.Contains(r.Query["scope[]"], "waiting_for_callback")
					},
				})
				j := pl.AddJob(job(1, "running"))
				time.AfterFunc(time.Minute, j.Succeed)
			},
			want: []string{"1 >running", "1 running>success"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, pl, client := newApp(t, tc.server...)
				tc.world(srv, pl, client)
				events, state := watchFor(t, 65*time.Minute, client, tc.opts)
				assert.Equal(t, tc.want, events)
				// A watch from this state repeats no event.
				again, _ := watchFor(t, 15*time.Minute, client, gitlabjobs.WatchOptions{Since: stored(t, state), Ref: tc.opts.Ref})
				assert.Empty(t, again)
			})
		})
	}
}

func TestWatchReportsBothStatusesThatOnePollSees(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, pl, client := newApp(t)
		time.AfterFunc(time.Minute, func() {
			j := pl.AddJob(job(1, "pending"))
			srv.Fault(gitlabjobstest.Fault{ // Between the lists of the next poll, the job starts and a new one is created.
				Match:   func(r gitlabjobstest.Request) bool { return !r.Query.Has("scope[]") },
				Latency: time.Second,
			})
			srv.Fault(gitlabjobstest.Fault{Match: func(r gitlabjobstest.Request) bool {
				if !r.Query.Has("scope[]") && j.Status() == "pending" {
					j.Start()
					pl.AddJob(job(2, "success"))
				}
				return false
			}, Times: gitlabjobstest.Always})
		})
		events, _ := watchFor(t, 10*time.Minute, client, gitlabjobs.WatchOptions{})
		assert.Equal(t, []string{"1 >pending", "1 pending>running", "2 >success"}, events)
	})
}

func TestWatchOnAnOldServerReportsMoreThanAPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, pl, client := newApp(t, gitlabjobstest.OlderServer())
		pl.AddJobs(150, func(int) gitlabjobstest.JobSpec { return job(0, "running") })
		time.AfterFunc(time.Minute, func() { pl.AddJobs(350, func(int) gitlabjobstest.JobSpec { return job(0, "success") }) })
		events, _ := watchFor(t, 10*time.Minute, client, gitlabjobs.WatchOptions{})
		assert.Len(t, events, 500)
	})
}

// After a long pause, there are more new jobs than a watch holds in memory.
func TestWatchReportsABacklogInOrder(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]gitlabjobstest.Option{"keyset": gitlabjobstest.KeepAlive(), "offset": gitlabjobstest.OlderServer()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, pl, client := newApp(t, option)
				pl.AddJob(job(1, "running"))
				_, state := watchFor(t, time.Minute, client, gitlabjobs.WatchOptions{})
				pl.AddJobs(3500, func(i int) gitlabjobstest.JobSpec {
					if i%100 == 0 {
						return job(int64(i+2), "running")
					}
					return job(int64(i+2), "success")
				})
				// Without interruption, it holds ten pages at a time, reads the others twice, and does not pause.
				before, begun, count, turns, last := len(srv.Requests()), time.Now(), 0, 0, int64(0)
				for event, err := range client.Jobs.Watch(t.Context(), "group/app", &gitlabjobs.WatchOptions{Since: state}) {
					require.NoError(t, err)
					if event.Job.ID < last {
						turns++
					}
					last = event.Job.ID
					if count++; count == 3500 {
						break
					}
				}
				assert.Equal(t, 1, turns, "after the first pages, with what the active jobs have shown")
				assert.Zero(t, time.Since(begun))
				assert.LessOrEqual(t, len(srv.Requests())-before, 75)

				seen := make(map[string]bool)
				// After an interruption, it continues from its state.
				for range 4 {
					left := 1000
					for event, err := range client.Jobs.Watch(t.Context(), "group/app", &gitlabjobs.WatchOptions{Since: stored(t, state)}) {
						require.NoError(t, err)
						key := fmt.Sprint(event.Job.ID, event.Job.Status)
						require.False(t, seen[key], key)
						seen[key] = true
						state = event.State()
						if len(seen) == 500 {
							srv.Job(3402).Succeed() // The state has the job as active. It is not among the newest jobs yet.
						}
						if left--; left == 0 || len(seen) == 3501 {
							break
						}
					}
				}
				assert.Len(t, seen, 3501)
				again, _ := watchFor(t, time.Hour, client, gitlabjobs.WatchOptions{Since: state})
				assert.Empty(t, again)
			})
		})
	}
}

func TestWatchReportsTheJobsOfAnIncompleteFirstPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, pl, client := newApp(t)
		pl.AddJob(job(1, "running"))
		second, third := pl.AddJob(job(2, "running")), pl.AddJob(job(3, "running"))
		var state gitlabjobs.WatchState
		for event, err := range client.Jobs.Watch(t.Context(), "group/app", nil) {
			require.NoError(t, err)
			state = event.State()
			break
		}
		second.Succeed()
		third.Delete()
		events, _ := watchFor(t, time.Hour, client, gitlabjobs.WatchOptions{Since: stored(t, state)})
		assert.Equal(t, []string{"2 >success"}, events)
	})
}

func TestWatchToleratesAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, pl, client := newApp(t)
		j := pl.AddJob(job(1, "running"))
		time.AfterFunc(time.Minute, func() { srv.Down(14 * time.Minute) })
		time.AfterFunc(5*time.Minute, func() { j.Succeed(); pl.AddJob(job(2, "failed")) })
		events, state := watchFor(t, time.Hour, client, gitlabjobs.WatchOptions{})
		assert.Equal(t, []string{"1 >running", "1 running>success", "2 >failed"}, events)

		srv.Down(10 * time.Minute) // A watch that continues from a state tolerates an outage of its first poll.
		pl.AddJob(job(3, "success"))
		events, _ = watchFor(t, time.Hour, client, gitlabjobs.WatchOptions{Since: state})
		assert.Equal(t, []string{"3 >success"}, events)
	})
}

// Every ten minutes, a poll lists the manual jobs. If it fails, the next poll lists them.
func TestWatchListsManualJobsAgainAfterAFailedPoll(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]gitlabjobstest.Fault{
		"listing the newest jobs": {
			Route: "/projects/:id/jobs", Match: func(r gitlabjobstest.Request) bool { return !r.Query.Has("scope[]") },
		},
		"requesting a job": {Route: "/projects/:id/jobs/:job_id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, pl, client := newApp(t)
				j := pl.AddJob(job(1, "manual"))
				time.AfterFunc(9*time.Minute+30*time.Second, func() {
					j.Enqueue()
					j.Start()
					j.Succeed()
					fault.Times, fault.Do = gitlabjobstest.Always, gitlabjobstest.Answer(http.StatusBadGateway, nil, "")
					srv.Fault(fault)
				})
				time.AfterFunc(11*time.Minute, srv.ClearFaults)
				events, _ := watchFor(t, 12*time.Minute, client, gitlabjobs.WatchOptions{})
				assert.Equal(t, []string{"1 >manual", "1 manual>success"}, events)
			})
		})
	}
}

// Without a job, the watch can't tell whether the state belongs to this project.
func TestWatchKeepsItsJobsUntilItHasSeenTheProject(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, pl, client := newApp(t)
		j := pl.AddJob(job(1, "running"))
		_, state := watchFor(t, time.Minute, client, gitlabjobs.WatchOptions{})
		j.Succeed()
		// For a while, the path belongs to another project without jobs.
		srv.Fault(gitlabjobstest.Fault{
			Route: "/projects/:id/jobs", Times: gitlabjobstest.Always,
			Do: gitlabjobstest.Answer(http.StatusOK, nil, "[]"),
		})
		srv.Fault(gitlabjobstest.Fault{
			Route: "/projects/:id/jobs/:job_id", Times: gitlabjobstest.Always,
			Do: gitlabjobstest.Answer(http.StatusNotFound, nil, `{"message":"404 Not found"}`),
		})
		time.AfterFunc(5*time.Minute, srv.ClearFaults)
		events, _ := watchFor(t, 7*time.Minute, client, gitlabjobs.WatchOptions{Since: stored(t, state)})
		assert.Equal(t, []string{"1 running>success"}, events)
	})
}

func TestWatchSeldomRequestsMissingJobs(t *testing.T) {
	t.Parallel()
	for project, want := range map[gitlabjobs.Project]int{"group/app": 4, "7": 1} {
		synctest.Test(t, func(t *testing.T) {
			srv, pl, client := newApp(t)
			j := pl.AddJob(job(1, "running"))
			_, state := watchFor(t, time.Minute, client, gitlabjobs.WatchOptions{})
			j.Delete()
			srv.ResetRequests()
			time.AfterFunc(25*time.Minute, func() { pl.AddJob(job(2, "running")) })
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			for event, err := range client.Jobs.Watch(ctx, project, &gitlabjobs.WatchOptions{Since: stored(t, state)}) {
				if err != nil {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					break
				}
				state = event.State()
			}
			gets := 0
			for _, r := range srv.Requests() {
				if strings.HasSuffix(r.Path, "/jobs/1") {
					gets++
				}
			}
			assert.Equal(t, want, gets, project) // Every ten minutes, and once there is a job to compare.
			assert.Contains(t, marshaled(t, state), `"jobs":{"running":[2]}`)
		})
	}
}

// If one job can't be read, the others are still reported.
func TestWatchReportsJobsSeenBeforeAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, pl, client := newApp(t)
		jobs := pl.AddJobs(20, func(i int) gitlabjobstest.JobSpec { return job(int64(i+1), "running") })
		srv.Fault(gitlabjobstest.Fault{
			Route: "/projects/:id/jobs/:job_id", Times: gitlabjobstest.Always, Do: gitlabjobstest.InternalError(),
			Match: func(r gitlabjobstest.Request) bool { return strings.HasSuffix(r.Path, "/1") },
		})
		time.AfterFunc(time.Minute, func() {
			for _, j := range jobs {
				j.Succeed()
			}
		})
		finished := 0
		for event, err := range client.Jobs.Watch(t.Context(), "group/app", nil) {
			if err != nil {
				require.ErrorIs(t, err, gitlabjobs.ErrServer)
				break
			}
			if event.Job.Status == "success" {
				finished++
			}
		}
		assert.Equal(t, 19, finished)
	})
}

func TestWatchEndsWithOneError(t *testing.T) {
	t.Parallel()
	cause := errors.New("the program is being stopped")
	for name, tc := range map[string]struct {
		world func(*gitlabjobstest.Server, context.CancelCauseFunc)
		opts  gitlabjobs.WatchOptions
		want  []error
		text  string
	}{
		"the first poll fails": {
			world: func(srv *gitlabjobstest.Server, _ context.CancelCauseFunc) { srv.Down(time.Hour) },
		},
		"the project is deleted": {
			world: func(srv *gitlabjobstest.Server, _ context.CancelCauseFunc) {
				time.AfterFunc(time.Minute, srv.Project("group/app").Delete)
			},
			want: []error{gitlabjobs.ErrNotFound},
		},
		"the project can't be read any more when a job is requested": {
			world: func(srv *gitlabjobstest.Server, _ context.CancelCauseFunc) {
				time.AfterFunc(time.Minute, func() {
					srv.Fault(gitlabjobstest.Fault{
						Route: "/projects/:id/jobs/:job_id",
						Do:    gitlabjobstest.Answer(http.StatusNotFound, nil, `{"message":"404 Project Not Found"}`),
					})
					srv.Job(1).Succeed()
				})
			},
			want: []error{gitlabjobs.ErrNotFound},
		},
		"an outage lasts too long": {
			world: func(srv *gitlabjobstest.Server, _ context.CancelCauseFunc) {
				time.AfterFunc(time.Minute, func() { srv.Down(time.Hour) })
			},
			text: "MaxOutage",
		},
		"an outage is longer than MaxOutage": {
			world: func(srv *gitlabjobstest.Server, _ context.CancelCauseFunc) {
				time.AfterFunc(time.Minute, func() { srv.Down(10 * time.Minute) })
			},
			opts: gitlabjobs.WatchOptions{MaxOutage: 5 * time.Minute},
			text: "MaxOutage",
		},
		"the context ends": {
			world: func(_ *gitlabjobstest.Server, cancel context.CancelCauseFunc) {
				time.AfterFunc(time.Minute, func() { cancel(cause) })
			},
			want: []error{context.Canceled, cause},
			text: "watching the jobs of group/app",
		},
		"the path belongs to another project": {
			world: func(srv *gitlabjobstest.Server, _ context.CancelCauseFunc) {
				time.AfterFunc(time.Minute, func() {
					srv.Project("group/app").Delete()
					srv.AddProject("group/app").AddPipeline().AddJob(job(99, "running"))
				})
			},
			text: "job 99 is of project 8, but the state is of project 7",
		},
		"an interval is negative": {
			opts: gitlabjobs.WatchOptions{MinInterval: -1},
			text: "WatchOptions: MinInterval is -1ns: use a positive duration, or 0 for the default",
		},
		"MaxOutage is negative": {
			opts: gitlabjobs.WatchOptions{MaxOutage: -1},
			text: "MaxOutage is -1ns",
		},
		"MinInterval is above MaxInterval": {
			opts: gitlabjobs.WatchOptions{MinInterval: 2, MaxInterval: 1},
			text: "MinInterval 2ns is longer than MaxInterval 1ns",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, pl, client := newApp(t)
				pl.AddJob(job(1, "running"))
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tc.world != nil {
					tc.world(srv, cancel)
				}
				var failed []error
				for event, err := range client.Jobs.Watch(ctx, "group/app", &tc.opts) {
					if err != nil {
						assert.Nil(t, event)
						failed = append(failed, err)
					}
				}
				require.Len(t, failed, 1)
				for _, want := range tc.want {
					require.ErrorIs(t, failed[0], want)
				}
				require.ErrorContains(t, failed[0], tc.text)
			})
		})
	}
}

func TestWatchSendsFewRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, pl, client := newApp(t)
		pl.AddJob(job(1, "running"))
		pl.AddJob(job(2, "brand_new"))
		pl.AddJob(job(3, "success"))
		pl.AddJob(job(4, "manual"))
		start := time.Now()
		watchFor(t, time.Hour, client, gitlabjobs.WatchOptions{})
		kinds := make(map[string]int)
		for _, r := range srv.Requests() {
			kind := "newest"
			switch {
			case strings.HasSuffix(r.Path, "/2"):
				kind = "unknown"
			case slices.Contains(r.Query["scope[]"], "manual"):
				kind = "blocked"
			case r.Query.Has("scope[]"):
				kind = "active"
			case r.Query.Get("per_page") == "1":
				kind = "first"
			}
			kinds[kind]++
		}
		assert.LessOrEqual(t, kinds["blocked"], 6)
		assert.LessOrEqual(t, kinds["unknown"], 6)
		assert.Equal(t, 1, kinds["first"])
		perMinute := float64(len(srv.Requests())) / time.Since(start).Minutes()
		t.Logf("a quiet project: %.1f requests a minute", perMinute)
		assert.LessOrEqual(t, perMinute, 4.5)

		srv.ResetRequests()
		start = time.Now()
		for i := range 200 {
			time.AfterFunc(time.Duration(i)*7*time.Second, func() { pl.AddJob(job(0, "success")) })
		}
		watchFor(t, 200*7*time.Second, client, gitlabjobs.WatchOptions{})
		perMinute = float64(len(srv.Requests())) / time.Since(start).Minutes()
		t.Logf("a busy project: %.1f requests a minute", perMinute)
		assert.InDelta(t, 21, perMinute, 2.0)
	})
}

// Thousands of states of thousands of jobs do not keep the jobs in memory.
func TestWatchEventsShareTheirStates(t *testing.T) { //nolint:paralleltest // It measures the heap.
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		_, pl, client := newApp(t)
		pl.AddJobs(n, func(i int) gitlabjobstest.JobSpec { return job(int64(i+1), "manual") })
		var states []gitlabjobs.WatchState
		var jobs []weak.Pointer[gitlabjobs.Job]
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		for event, err := range client.Jobs.Watch(t.Context(), "group/app", nil) {
			require.NoError(t, err)
			states = append(states, event.State())
			jobs = append(jobs, weak.Make(event.Job))
			if len(states) == n {
				break
			}
			if len(states) == n-10 {
				held := 0
				runtime.GC()
				for _, j := range jobs {
					if j.Value() != nil {
						held++
					}
				}
				assert.Less(t, held, 200, "of the jobs that were reported")
			}
		}
		assert.Less(t, int64(heap()-before), int64(16<<20))
		assert.JSONEq(t, `{"version":1,"project_id":7,"newest_id":5000,"jobs":`+statuses(3, n)+`}`, marshaled(t, states[2]))
		assert.JSONEq(t, `{"version":1,"project_id":7,"newest_id":5000,"jobs":`+statuses(n, n)+`}`, marshaled(t, states[n-1]))
	})
}

func TestWatchPollsAtIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, pl, client := newApp(t)
		pl.AddJob(job(1, "success"))
		_, _ = watchFor(t, 8*time.Minute, client, gitlabjobs.WatchOptions{})
		// The requests of a poll have no gaps between them.
		between := slices.DeleteFunc(requestGaps(srv), func(gap time.Duration) bool { return gap == 0 })
		assert.GreaterOrEqual(t, slices.Min(between), 5*time.Second)
		assert.InDelta(t, 32*time.Second, slices.Max(between), float64(2*time.Second), "up to a tenth longer than MaxInterval")
	})
}
