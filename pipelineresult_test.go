package gitlabjobs_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// summary describes a result and the results of its downstream pipelines in one line.
func summary(r *gitlabjobs.PipelineResult) string {
	text := fmt.Sprint(r.Project, "/", r.PipelineID, " ", r.Status)
	if r.Err != nil {
		text += "error"
	}
	if len(r.Downstream) > 0 {
		var below []string
		for _, d := range r.Downstream {
			below = append(below, summary(d))
		}
		text += " [" + strings.Join(below, ", ") + "]"
	}
	return text
}

func TestWaitPipelineReturnsTheTree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		app, lib := srv.AddProject("group/app", gitlabjobstest.ProjectSpec{ID: 1}), srv.AddProject("other/lib", gitlabjobstest.ProjectSpec{ID: 2})
		root, child, foreign, hidden := app.AddPipeline(pipelineSpec{ID: 10}), app.AddPipeline(pipelineSpec{ID: 11}), lib.AddPipeline(pipelineSpec{ID: 12}), lib.AddPipeline(pipelineSpec{ID: 13})
		root.AddJob(jobSpec{ID: 1, Script: &gitlabjobstest.Script{Runs: minute}})
		root.AddBridge(bridgeSpec{Status: success})
		root.AddBridge(bridgeSpec{Status: failed, AllowFailure: true})
		root.AddBridge(bridgeSpec{Downstream: child, AllowFailure: true})
		root.AddBridge(bridgeSpec{Downstream: foreign})
		child.AddBridge(bridgeSpec{Downstream: hidden})
		child.AddJob(jobSpec{ID: 2, Script: &gitlabjobstest.Script{Runs: 2 * minute}})
		foreign.AddBridge(bridgeSpec{Downstream: root, AnyDownstream: true})
		foreign.AddJob(jobSpec{ID: 3, Status: failed})
		hidden.AddJob(jobSpec{ID: 4})
		srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Match: func(r gitlabjobstest.Request) bool {
			return strings.Contains(r.Path, "/pipelines/13/")
		}, Do: gitlabjobstest.Answer(404, nil, `{"message":"404 Project Not Found"}`)})

		var updates []string
		result, err := srv.Client(srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", 10, &gitlabjobs.WaitOptions{
			Downstream: true, OnUpdate: func(j *gitlabjobs.Job) { updates = append(updates, fmt.Sprint(j.ID, " ", j.Status)) },
		})
		require.NoError(t, err)
		assert.Equal(t, "group/app/10 success [2/12 failed, 1/11 success [2/13 error], /0 error]", summary(result), "in the order of the bridges, newest first")
		assert.Len(t, result.Jobs, 1)
		assert.Len(t, result.Bridges, 4)
		assert.False(t, result.Succeeded())
		require.ErrorIs(t, result.Downstream[2].Err, gitlabjobs.ErrNoDownstream)
		require.ErrorIs(t, result.Downstream[1].Downstream[0].Err, gitlabjobs.ErrNotFound)
		assert.False(t, result.Downstream[0].Succeeded())
		assert.False(t, result.Downstream[1].Succeeded())
		assert.False(t, result.Downstream[2].Succeeded())
		assert.ElementsMatch(t, []string{"1 running", "3 failed", "2 running", "1 success", "2 success"}, updates)
	})
}

func TestAResultSucceedsIfGitLabSaysSo(t *testing.T) {
	t.Parallel()
	below := func(d ...*gitlabjobs.PipelineResult) *gitlabjobs.PipelineResult {
		return &gitlabjobs.PipelineResult{Status: success, Downstream: d}
	}
	for name, tc := range map[string]struct {
		result *gitlabjobs.PipelineResult
		want   bool
	}{
		"nil":                          {nil, false},
		"no status":                    {&gitlabjobs.PipelineResult{Jobs: []*gitlabjobs.Job{{Status: success}}}, false},
		"success":                      {below(), true},
		"success below":                {below(below()), true},
		"failure below":                {below(below(), &gitlabjobs.PipelineResult{Status: failed}), false},
		"failure far below":            {below(below(below(&gitlabjobs.PipelineResult{Status: failed}))), false},
		"an error below":               {below(&gitlabjobs.PipelineResult{Status: success, Err: context.Canceled}), false},
		"nil below":                    {below(nil), false},
		"a failed job that GitLab let": {&gitlabjobs.PipelineResult{Status: success, Jobs: []*gitlabjobs.Job{{Status: failed, AllowFailure: true}}}, true},
	} {
		assert.Equal(t, tc.want, tc.result.Succeeded(), name)
	}
	for _, status := range []gitlabjobs.Status{created, running, failed, manual, skipped, "canceled", "scheduled", "brand_new"} {
		assert.False(t, (&gitlabjobs.PipelineResult{Status: status}).Succeeded(), status)
	}
}

// pollsOf returns the number of times that a pipeline's jobs were listed.
func pollsOf(srv *gitlabjobstest.Server, pl *gitlabjobstest.Pipeline) int {
	n := 0
	for _, req := range srv.Requests() {
		if strings.HasSuffix(req.Path, fmt.Sprintf("/pipelines/%d/jobs", pl.ID())) {
			n++
		}
	}
	return n
}

func TestWaitPipelineReadsEndedPipelinesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.root.AddJob(jobSpec{})
		ended, going := s.child(jobSpec{}, bridgeSpec{}), s.child(after(time.Hour, success), bridgeSpec{})
		below := s.app.AddPipeline()
		below.AddJob(jobSpec{})
		ended.AddBridge(bridgeSpec{Downstream: below})
		result, err := s.srv.Client(s.srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", s.root.ID(), &gitlabjobs.WaitOptions{Downstream: true})
		require.NoError(t, err)
		assert.True(t, result.Succeeded())
		assert.Equal(t, 2, pollsOf(s.srv, ended), "at first, and before the wait ends")
		assert.Equal(t, 2, pollsOf(s.srv, below))
		assert.Greater(t, pollsOf(s.srv, going), 100)
		assert.Len(t, s.srv.Requests(), 2*(pollsOf(s.srv, s.root)+pollsOf(s.srv, going)+4), "jobs and bridges, and nothing else")
		t.Logf("4 pipelines, 2 of which had ended, for an hour: %d polls, %d requests", pollsOf(s.srv, s.root), len(s.srv.Requests()))
	})
}

func TestWaitPipelineReportsARetriedJobOfAnEndedPipelineSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.child(after(2*time.Hour, success), bridgeSpec{})
		ended := s.child(jobSpec{}, bridgeSpec{})
		developer := s.srv.Client(s.srv.Tokens.Developer)
		start, retried, reported := time.Now(), int64(0), time.Duration(0)
		s.at(30*minute, func() {
			again, err := developer.Jobs.Retry(context.Background(), "group/app", ended.Jobs()[0].ID(), nil)
			if assert.NoError(t, err) {
				retried = again.ID
				s.srv.Job(again.ID).Run(gitlabjobstest.Script{Runs: time.Hour, Result: success})
			}
		})
		opts := &gitlabjobs.WaitOptions{Downstream: true, OnUpdate: func(job *gitlabjobs.Job) {
			if job.ID == retried && reported == 0 {
				reported = time.Since(start)
			}
		}}
		_, err := developer.Jobs.WaitPipeline(t.Context(), "group/app", s.root.ID(), opts)
		require.NoError(t, err)
		assert.InDelta(t, 30*minute, reported, float64(time.Minute))
	})
}

func TestWaitPipelineNoticesThatAnEndedPipelineContinues(t *testing.T) {
	t.Parallel()
	for _, levels := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			root := s.root
			for range levels - 1 {
				s.root = s.child(jobSpec{}, bridgeSpec{})
			}
			s.child(after(time.Hour, success), bridgeSpec{})
			ended := s.child(jobSpec{}, bridgeSpec{})
			developer := s.srv.Client(s.srv.Tokens.Developer)
			s.at(30*minute, func() {
				again, err := developer.Jobs.Retry(context.Background(), "group/app", ended.Jobs()[0].ID(), nil)
				if assert.NoError(t, err) {
					s.srv.Job(again.ID).Run(gitlabjobstest.Script{Runs: time.Hour, Result: failed})
				}
			})
			start := time.Now()
			result, err := developer.Jobs.WaitPipeline(t.Context(), "group/app", root.ID(), &gitlabjobs.WaitOptions{Downstream: true})
			require.NoError(t, err)
			assert.False(t, result.Succeeded())
			assert.GreaterOrEqual(t, time.Since(start), 90*minute)
		})
	}
}

func TestWaitPipelineEndsIfTheStatusIsForbidden(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/pipelines/5") {
					asked++
					return answer{status: status, body: `{"message":"no"}`}.to(req), nil
				}
				return answer{body: "[]"}.to(req), nil
			})
			result, err := client.Jobs.WaitPipeline(t.Context(), "1", 5, nil)
			require.NoError(t, err)
			assert.Empty(t, result.Status)
			assert.False(t, result.Succeeded())
			assert.Equal(t, 4, asked, "the wait ends after three more polls")
		})
	}
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/pipelines/5") {
			return answer{status: 400, body: `{"message":"400 Bad request"}`}.to(req), nil
		}
		return answer{body: "[]"}.to(req), nil
	})
	_, err := client.Jobs.WaitPipeline(t.Context(), "1", 5, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrBadRequest, "not ErrForbidden")
}

func TestWaitPipelineContinuesAfterAContradictoryPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/jobs") {
				polls++
				return answer{body: `[{"id":7,"status":"success","pipeline":{"id":5,"status":"success"}}]`}.to(req), nil
			}
			status := "failed"
			if polls > 3 {
				status = "success"
			}
			return answer{body: `[{"id":8,"status":"success","pipeline":{"id":5,"status":"` + status + `"}}]`}.to(req), nil
		})
		result, err := client.Jobs.WaitPipeline(t.Context(), "1", 5, nil)
		require.NoError(t, err)
		assert.True(t, result.Succeeded())
		assert.Equal(t, 4, polls)
	})
}

// If a job is retried while the pages are read, no page has the old job or the new one, and
// the pipeline's status may be stale.
func TestWaitPipelineDoesNotMissAJobThatIsRetriedWhileItReads(t *testing.T) {
	t.Parallel()
	const n = 150
	job := func(id int, status string) string {
		return fmt.Sprintf(`{"id":%d,"name":"j","status":%q,"pipeline":{"id":5,"status":"success"}}`, id, status)
	}
	for name, polls := range map[string][][]string{ // The jobs listed before the first n jobs.
		"at the first poll": {{}, {job(1000, "running")}, {job(1000, "running")}, {job(1000, "success")}},
		"at a later poll":   {{job(999, "running")}, {}, {job(1000, "running")}, {job(1000, "success")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				poll := -1
				client := newClient(t, func(req *http.Request) (*http.Response, error) {
					if !strings.HasSuffix(req.URL.Path, "/jobs") {
						return answer{body: "[]"}.to(req), nil
					}
					var page []string
					header := map[string]string{"X-Next-Page": ""}
					if req.URL.Query().Get("page") != "2" {
						poll++
						page = append(page, polls[min(poll, len(polls)-1)]...)
						header["X-Next-Page"] = "2"
					}
					for i := range n / 2 {
						id := n - i
						if header["X-Next-Page"] == "" {
							id -= n / 2
						}
						page = append(page, job(id, "success"))
					}
					return answer{header: header, body: "[" + strings.Join(page, ",") + "]"}.to(req), nil
				})
				result, err := client.Jobs.WaitPipeline(t.Context(), "1", 5, nil)
				require.NoError(t, err)
				assert.Len(t, result.Jobs, n+1)
				assert.EqualValues(t, 1000, result.Jobs[0].ID)
				assert.Equal(t, len(polls)-1, poll)
			})
		})
	}
}

func TestWaitPipelineSendsItsRequestOptionsWithEveryRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, gitlabjobstest.WithoutPipelineObjects())
		s.child(after(minute, success), bridgeSpec{Depend: true})
		time.AfterFunc(30*time.Second, func() { s.srv.Down(10 * time.Second) })
		var response gitlabjobs.Response
		_, err := s.srv.Client(s.srv.Tokens.Outsider).Jobs.WaitPipeline(t.Context(), "group/app", s.root.ID(), &gitlabjobs.WaitOptions{Downstream: true},
			gitlabjobs.WithAuth(gitlabjobs.PrivateToken(s.srv.Tokens.Reporter)), gitlabjobs.WithHeader("X-Gate", "deploy"), gitlabjobs.WithResponse(&response))
		require.NoError(t, err)
		assert.Equal(t, 200, response.StatusCode)
		for _, req := range s.srv.Requests() {
			assert.Equal(t, "deploy", req.Header.Get("X-Gate"), req.Path)
		}
	})
}

// The status of a pipeline below the maximum depth, as its bridge shows it, is not read
// again after all pipelines above it have ended.
func TestWaitPipelineReadsTheWholeTreeBeforeItEnds(t *testing.T) {
	t.Parallel()
	for _, second := range []gitlabjobs.Status{failed, success} {
		for _, levels := range []int{2, 3} {
			for _, retried := range []time.Duration{10 * minute, 28 * minute} {
				t.Run(fmt.Sprint(second, levels, retried), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						s := newStage(t)
						root := s.root
						root.AddJob(after(30*minute, success))
						for range levels - 1 {
							s.root = s.child(jobSpec{}, bridgeSpec{})
						}
						first := success
						if second == success {
							first = failed
						}
						last := s.child(jobSpec{Status: first}, bridgeSpec{})
						developer := s.srv.Client(s.srv.Tokens.Developer)
						s.at(retried, func() {
							again, err := developer.Jobs.Retry(context.Background(), "group/app", last.Jobs()[0].ID(), nil)
							if assert.NoError(t, err) {
								s.srv.Job(again.ID).Run(gitlabjobstest.Script{Runs: 5 * minute, Result: second})
							}
						})
						start := time.Now()
						result, err := developer.Jobs.WaitPipeline(t.Context(), "group/app", root.ID(), &gitlabjobs.WaitOptions{Downstream: true})
						require.NoError(t, err)
						assert.Equal(t, second, last.Status())
						assert.Equal(t, second == success, result.Succeeded())
						assert.LessOrEqual(t, time.Since(start), 34*minute)
					})
				})
			}
		}
	}
}

// If the last poll of the tree fails, the result is unknown.
func TestWaitPipelineIsNoSuccessIfTheWholeTreeCannotBeReadBeforeItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.root.AddJob(after(30*minute, success))
		child := s.child(jobSpec{}, bridgeSpec{})
		fault := during(time.Now().Add(20*minute), time.Hour, gitlabjobstest.BadGateway())
		inTime := fault.Match
		fault.Match = func(r gitlabjobstest.Request) bool {
			return inTime(r) && strings.HasSuffix(r.Path, fmt.Sprintf("/pipelines/%d/jobs", child.ID()))
		}
		s.srv.Fault(fault)
		result, err := s.srv.Client(s.srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", s.root.ID(), &gitlabjobs.WaitOptions{Downstream: true})
		require.ErrorIs(t, err, gitlabjobs.ErrServer)
		assert.Equal(t, success, result.Status, "as last seen")
		assert.False(t, result.Succeeded())
	})
}

func TestWaitPipelineReturnsTheJobsIfTheBridgesCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		effect gitlabjobstest.Effect
		err    error
	}{
		"for good":    {gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`), gitlabjobs.ErrForbidden},
		"bad gateway": {gitlabjobstest.BadGateway(), gitlabjobs.ErrServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv := gitlabjobstest.NewMemoryServer(t)
				pipeline := srv.AddProject("group/app").AddPipeline()
				job := pipeline.AddJob(jobSpec{})
				srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Match: func(r gitlabjobstest.Request) bool {
					return strings.HasSuffix(r.Path, "/bridges")
				}, Do: tc.effect})
				result, err := srv.Client(srv.Tokens.Reporter).Jobs.WaitPipeline(t.Context(), "group/app", pipeline.ID(), nil)
				require.ErrorIs(t, err, tc.err)
				require.NotNil(t, result)
				require.Len(t, result.Jobs, 1)
				assert.Equal(t, job.ID(), result.Jobs[0].ID)
				assert.False(t, result.Succeeded())
			})
		})
	}
}
