package gitlabjobstest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestTestActsAsRunner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		j := w.addJob(gitlabjobs.StatusCreated)
		seen := func() map[string]any { return w.send(t, "GET "+jobPath(j, ""), w.dev).object() }
		require.Nil(t, seen()["queued_duration"])
		j.Enqueue()
		time.Sleep(3 * time.Second)
		require.EqualValues(t, 3, seen()["queued_duration"])
		j.Start()
		j.AppendLog("one\n")
		time.Sleep(5 * time.Second)
		o := seen()
		require.Equal(t, "running", o["status"])
		require.EqualValues(t, 3, o["queued_duration"])
		require.EqualValues(t, 5, o["duration"], "the duration increases while the job is running")
		require.Equal(t, []any{}, o["artifacts"])
		j.Fail(gitlabjobs.FailureRunnerSystem)
		j.AppendLog("two\n")
		time.Sleep(time.Hour)
		o = seen()
		require.Equal(t, "failed", o["status"])
		require.Equal(t, "runner_system_failure", o["failure_reason"])
		require.EqualValues(t, 5, o["duration"])
		require.Equal(t, "one\ntwo\n", j.Log())
		require.Len(t, o["artifacts"], 1, "the log")
	})
}

func TestJobEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		from   JobSpec
		end    func(*Job)
		status gitlabjobs.Status
		ran    bool
	}{
		{"success", JobSpec{Status: gitlabjobs.StatusRunning}, (*Job).Succeed, gitlabjobs.StatusSuccess, true},
		{"success without Start", JobSpec{Status: gitlabjobs.StatusPending}, (*Job).Succeed, gitlabjobs.StatusSuccess, true},
		{"failed", JobSpec{Status: gitlabjobs.StatusRunning}, failWithDefaultReason, gitlabjobs.StatusFailed, true},
		{"failed without Start", JobSpec{Status: gitlabjobs.StatusPending}, failWithDefaultReason, gitlabjobs.StatusFailed, false},
		{"canceled", JobSpec{Status: gitlabjobs.StatusRunning}, (*Job).Cancel, gitlabjobs.StatusCanceled, true},
		{"canceled while pending", JobSpec{Status: gitlabjobs.StatusPending}, (*Job).Cancel, gitlabjobs.StatusCanceled, false},
		{"canceled while manual", JobSpec{Status: gitlabjobs.StatusManual}, (*Job).Cancel, gitlabjobs.StatusCanceled, false},
		{"Cancel of a finished job", JobSpec{}, (*Job).Cancel, gitlabjobs.StatusSuccess, true},
		{"Cancel of a canceling job", JobSpec{Status: gitlabjobs.StatusCanceling, GracefulCancel: true}, (*Job).Cancel, gitlabjobs.StatusCanceling, true},
		{"graceful cancel", JobSpec{Status: gitlabjobs.StatusRunning, GracefulCancel: true}, (*Job).Cancel, gitlabjobs.StatusCanceling, true},
		{"success while canceling", JobSpec{Status: gitlabjobs.StatusCanceling}, (*Job).Succeed, gitlabjobs.StatusCanceled, true},
		{"FinishCancel", JobSpec{Status: gitlabjobs.StatusCanceling}, (*Job).FinishCancel, gitlabjobs.StatusCanceled, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			j := w.pl.AddJob(tt.from)
			tt.end(j)
			o := w.send(t, "GET "+jobPath(j, ""), w.dev).object()
			require.Equal(t, string(tt.status), o["status"])
			require.Equal(t, tt.ran, o["started_at"] != nil)
			require.Equal(t, tt.ran, o["runner"] != nil)
			require.Equal(t, tt.status.Finished(), o["finished_at"] != nil)
			require.Equal(t, tt.status == gitlabjobs.StatusFailed, o["failure_reason"] != nil)
		})
	}
}

func failWithDefaultReason(j *Job) { j.Fail("") }

// The default values of a job match its status.
func TestDefaultTimesMatchStatus(t *testing.T) {
	t.Parallel()
	type has struct{ queued, started, finished bool }
	tests := map[gitlabjobs.Status]has{
		gitlabjobs.StatusCreated:            {},
		gitlabjobs.StatusWaitingForResource: {},
		gitlabjobs.StatusPreparing:          {},
		gitlabjobs.StatusWaitingForCallback: {queued: true},
		gitlabjobs.StatusPending:            {queued: true},
		gitlabjobs.StatusRunning:            {true, true, false},
		gitlabjobs.StatusSuccess:            {true, true, true},
		gitlabjobs.StatusFailed:             {true, true, true},
		gitlabjobs.StatusCanceling:          {true, true, false},
		gitlabjobs.StatusCanceled:           {queued: true, finished: true},
		gitlabjobs.StatusSkipped:            {},
		gitlabjobs.StatusManual:             {},
		gitlabjobs.StatusScheduled:          {},
	}
	for status, want := range tests {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			o := w.send(t, "GET "+jobPath(w.addJob(status), ""), w.dev).object()
			have := has{o["queued_duration"] != nil, o["started_at"] != nil, o["finished_at"] != nil}
			require.Equal(t, want, have)
			require.Equal(t, want.started, o["runner"] != nil)
			last := ""
			for _, k := range []string{"created_at", "started_at", "finished_at"} {
				if v, ok := o[k].(string); ok {
					require.GreaterOrEqual(t, v, last, "%s is in its order", k)
					last = v
				}
			}
			require.LessOrEqual(t, last, iso(time.Now()), "no time is in the future")
			for _, k := range []string{"stage", "name", "ref", "web_url"} {
				require.NotEmpty(t, o[k], k)
			}
			require.NotNil(t, o["user"])
			require.NotNil(t, o["commit"])
		})
	}
}

func TestJobHasFieldsOfSpec(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	user, runner := w.AddUser(UserSpec{}), w.AddRunner(RunnerSpec{Type: "project_type"})
	j := w.pl.AddJob(JobSpec{
		ID: 5000, Name: "deploy", Stage: "ship", Status: gitlabjobs.StatusFailed, FailureReason: "new_reason",
		AllowFailure: true, Coverage: 12.5, TagList: []string{"gpu"}, User: user, Runner: runner,
		CreatedAt: at, QueuedAt: at.Add(time.Second), StartedAt: at.Add(3 * time.Second), FinishedAt: at.Add(10 * time.Second),
		Artifacts:         []Artifact{{Type: "archive", Size: 5}, {Type: "custom", Size: 1, Filename: "x", Format: "gzip"}},
		ArtifactsExpireAt: at.Add(time.Hour * 24), Log: "log",
	})
	o := w.send(t, "GET "+jobPath(j, ""), w.dev).object()
	for k, v := range map[string]any{
		"id": 5000.0, "name": "deploy", "stage": "ship", "status": "failed", "failure_reason": "new_reason",
		"allow_failure": true, "coverage": 12.5, "tag_list": []any{"gpu"}, "queued_duration": 2.0, "duration": 7.0,
		"created_at": iso(at), "artifacts_expire_at": iso(at.Add(time.Hour * 24)),
		"artifacts_file": map[string]any{"filename": "artifacts.zip", "size": 5.0},
		"artifacts": []any{
			map[string]any{"file_type": "archive", "size": 5.0, "filename": "artifacts.zip", "file_format": "zip"},
			map[string]any{"file_type": "custom", "size": 1.0, "filename": "x", "file_format": "gzip"},
			map[string]any{"file_type": "trace", "size": 3.0, "filename": "job.log", "file_format": nil},
		},
	} {
		require.Equal(t, v, o[k], k)
	}
	who, _ := o["user"].(map[string]any)
	require.EqualValues(t, user.ID(), who["id"])
	where, _ := o["runner"].(map[string]any)
	require.EqualValues(t, runner.ID(), where["id"])
	require.Equal(t, false, where["is_shared"])

	bare := w.pl.AddJob(JobSpec{NoUser: true, NoCommit: true, AnyStatus: true, Status: "resting"})
	o = w.send(t, "GET "+jobPath(bare, ""), w.dev).object()
	require.Equal(t, "resting", o["status"])
	require.Nil(t, o["user"])
	require.Nil(t, o["commit"])
}

func TestLookupsReturnAddedObjects(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	require.Same(t, w.done, w.Job(w.done.ID()))
	require.Same(t, w.pl, w.Pipeline(w.pl.ID()))
	require.Same(t, w.app, w.Project("group/sub/app"))
	require.Equal(t, w.bridge, w.Bridge(w.bridge.ID()))
	require.Equal(t, []*Job{w.done, w.running, w.manual}, w.pl.Jobs())
	require.Equal(t, []*Bridge{w.bridge}, w.pl.Bridges())
	require.Same(t, w.app, w.done.Pipeline().Project())
	require.Equal(t, gitlabjobs.Project("7"), w.app.ByID())
	require.Equal(t, "group/sub/app", w.app.Path())
}

func TestRequestsAreRecorded(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.send(t, "GET "+w.jobs+"?scope[]=failed&scope[]=manual", w.dev)
	w.postAction(t, w.manual, "play", `{"job_inputs":null}`)
	w.send(t, "GET /nothing")
	requests := w.Requests()
	require.Len(t, requests, 3)
	require.Equal(t, "/projects/:id/jobs", requests[0].Route)
	require.Equal(t, "/api/v4/projects/7/jobs", requests[0].Path)
	require.Equal(t, []string{"failed", "manual"}, requests[0].Query["scope[]"])
	require.Equal(t, w.dev, requests[0].Header.Get("PRIVATE-TOKEN"))
	require.Equal(t, "POST", requests[1].Method)
	require.Equal(t, `{"job_inputs":null}`, string(requests[1].Body))
	require.Equal(t, 200, requests[1].Status)
	require.Equal(t, "gitlab.test", requests[1].Host)
	require.Empty(t, requests[2].Route)
	require.Equal(t, 404, requests[2].Status)

	requests[0].Header.Set("Private-Token", "changed")
	require.Equal(t, w.dev, w.Requests()[0].Header.Get("Private-Token"), "Requests returns a copy")
	w.ResetRequests()
	require.Empty(t, w.Requests())
	require.Empty(t, w.Actions())
}

// Count includes actions whose response the client did not receive.
func TestCountIncludesActionsWithLostResponse(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.Fault(Fault{Do: AnswerAfter(502, nil, "")})
	w.postAction(t, w.running, "cancel").expect(502)
	w.postAction(t, w.running, "cancel").expect(201)
	require.Equal(t, 1, w.Count(ActionCancel))
	require.Equal(t, 1, w.running.Count(ActionCancel))
	require.Zero(t, w.done.Count(ActionCancel))
}
