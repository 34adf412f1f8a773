package gitlabjobstest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestPipelineStatusDependsOnJobs(t *testing.T) {
	t.Parallel()
	const (
		success, failed, canceled = gitlabjobs.StatusSuccess, gitlabjobs.StatusFailed, gitlabjobs.StatusCanceled
		skipped, manual, running  = gitlabjobs.StatusSkipped, gitlabjobs.StatusManual, gitlabjobs.StatusRunning
		pending, scheduled        = gitlabjobs.StatusPending, gitlabjobs.StatusScheduled
		preparing, canceling      = gitlabjobs.StatusPreparing, gitlabjobs.StatusCanceling
		resource                  = gitlabjobs.StatusWaitingForResource
		callback                  = gitlabjobs.StatusWaitingForCallback
	)
	type jobs []gitlabjobs.Status
	for _, tt := range []struct {
		name     string
		required jobs
		optional jobs // Jobs with allow_failure.
		want     gitlabjobs.Status
	}{
		{"no jobs", nil, nil, created},
		{"all skipped", jobs{skipped, skipped}, nil, skipped},
		{"skipped and an optional manual job", jobs{skipped}, jobs{manual}, skipped},
		{"only an optional manual job", nil, jobs{manual}, skipped},
		{"success", jobs{success}, nil, success},
		{"success and skipped", jobs{success, skipped}, nil, success},
		{"success and an optional manual job", jobs{success}, jobs{manual}, success},
		{"success and an allowed failure", jobs{success}, jobs{failed}, success},
		{"only an allowed failure", nil, jobs{failed}, success},
		{"only a canceled job with allow_failure", nil, jobs{canceled}, success},
		{"skipped and an allowed failure", jobs{skipped}, jobs{failed}, success},
		{"created", jobs{created}, nil, created},
		{"created and an optional manual job", jobs{created}, jobs{manual}, created},
		{"created after success", jobs{success, created}, nil, running},
		{"created after a failure", jobs{failed, created}, nil, running},
		{"created after a required manual job", jobs{success, manual, created}, nil, manual},
		{"a required manual job", jobs{success, manual}, nil, manual},
		{"a required manual job and a failure", jobs{failed, manual}, nil, manual},
		{"scheduled", jobs{success, scheduled}, nil, scheduled},
		{"manual before scheduled", jobs{manual, scheduled}, nil, manual},
		{"preparing", jobs{preparing}, nil, preparing},
		{"preparing after success", jobs{success, preparing}, nil, preparing},
		{"pending", jobs{pending, created}, nil, pending},
		{"pending after skipped", jobs{pending, skipped}, jobs{manual, failed}, pending},
		{"pending after success", jobs{pending, success}, nil, running},
		{"pending after a failure", jobs{pending, failed}, nil, running},
		{"running", jobs{running, manual, failed, resource}, nil, running},
		{"waiting for a resource", jobs{resource, success, manual}, nil, resource},
		{"waiting for a callback", jobs{callback, manual}, nil, callback},
		{"canceled", jobs{canceled, success, skipped}, jobs{failed, manual}, canceled},
		{"canceled and failed", jobs{canceled, failed}, nil, failed},
		{"canceling", jobs{canceling, success}, nil, canceling},
		{"canceling and manual", jobs{canceling, manual}, nil, manual},
		{"canceling and created", jobs{canceling, created}, nil, running},
		{"failed", jobs{failed, success, skipped}, jobs{manual}, failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pl := NewMemoryServer(t).AddProject("group/app").AddPipeline()
			for _, s := range tt.required {
				pl.AddJob(JobSpec{Status: s})
			}
			for _, s := range tt.optional {
				pl.AddJob(JobSpec{Status: s, AllowFailure: true})
			}
			require.Equal(t, tt.want, pl.Status())
		})
	}
}

func TestFinishedPipelineRunsWhenJobIsRetried(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	pl := w.app.AddPipeline()
	j := pl.AddJob(JobSpec{Status: gitlabjobs.StatusFailed})
	w.postAction(t, j, "retry").expect(201)
	require.Equal(t, gitlabjobs.StatusRunning, pl.Status(), "a finished pipeline does not become pending")
	pl.Jobs()[1].Succeed()
	require.Equal(t, gitlabjobs.StatusSuccess, pl.Status())
}

// statusInFirstJob returns the status of a pipeline in the response for its first
// job.
func statusInFirstJob(t *testing.T, w *fixture, pl *Pipeline) any {
	t.Helper()
	o := w.send(t, "GET "+jobPath(pl.Jobs()[0], ""), w.dev).expect(200).object()
	p, _ := o["pipeline"].(map[string]any)
	return p["status"]
}

func TestStatusLagDelaysPipelineStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		pl := w.app.AddPipeline(PipelineSpec{StatusLag: 10 * time.Second})
		j := pl.AddJob(JobSpec{Status: gitlabjobs.StatusRunning})
		require.EqualValues(t, "running", statusInFirstJob(t, w, pl), "adding a job updates the status at once")
		j.Fail("")
		time.Sleep(10*time.Second - 1)
		require.EqualValues(t, "running", statusInFirstJob(t, w, pl))
		time.Sleep(time.Nanosecond)
		require.EqualValues(t, "failed", statusInFirstJob(t, w, pl))

		w.postAction(t, j, "retry").expect(201)
		time.Sleep(5 * time.Second)
		pl.Jobs()[1].Succeed()
		time.Sleep(4 * time.Second)
		require.EqualValues(t, "failed", statusInFirstJob(t, w, pl), "the lag of the retry has not passed")
		time.Sleep(time.Second)
		require.EqualValues(t, "running", statusInFirstJob(t, w, pl), "the lag of the retry has passed, but not the lag of its success")
		time.Sleep(5 * time.Second)
		require.EqualValues(t, "success", statusInFirstJob(t, w, pl))
	})
}

func TestStatusLagDelaysDependentBridge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		downstream := w.app.AddPipeline(PipelineSpec{StatusLag: time.Minute})
		j := downstream.AddJob(JobSpec{Status: gitlabjobs.StatusRunning})
		b := w.pl.AddBridge(BridgeSpec{Downstream: downstream, Depend: true})
		j.Succeed()
		require.Equal(t, gitlabjobs.StatusRunning, b.Status())
		time.Sleep(time.Minute)
		require.Equal(t, gitlabjobs.StatusSuccess, b.Status())
	})
}

func TestSetStatusFixesPipelineStatus(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	pl := w.app.AddPipeline(PipelineSpec{Status: gitlabjobs.StatusRunning})
	require.Equal(t, gitlabjobs.StatusRunning, pl.Status())
	pl.SetStatus(gitlabjobs.StatusSuccess)
	require.Equal(t, gitlabjobs.StatusSuccess, pl.Status())
	pl.AddJob(JobSpec{Status: gitlabjobs.StatusFailed})
	require.EqualValues(t, "success", statusInFirstJob(t, w, pl))
	pl.SetStatus("")
	require.Equal(t, gitlabjobs.StatusFailed, pl.Status())
	unknown := w.app.AddPipeline(PipelineSpec{Status: "resting", AnyStatus: true})
	unknown.AddJob()
	require.EqualValues(t, "resting", statusInFirstJob(t, w, unknown))
}
