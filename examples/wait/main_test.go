package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/screentest"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/gitlabjobstest"
)

func none(string) string { return "" }

// buffer is for two goroutines.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// waitFor waits for a pipeline with a job and a child pipeline, in virtual time and without a
// terminal. It returns the exit code and the output.
func waitFor(t *testing.T, spec, childSpec gitlabjobstest.JobSpec) (int, string) {
	t.Helper()
	return waitForPipeline(t, func(root *gitlabjobstest.Pipeline) {
		spec.Name, childSpec.Name = "first", "below"
		root.AddJob(spec)
		child := root.Project().AddPipeline()
		root.AddBridge(gitlabjobstest.BridgeSpec{Name: "bridge", Downstream: child})
		child.AddJob(childSpec)
	})
}

// waitForPipeline waits for pipeline 101 of group/app. It interrupts the program after ten
// minutes.
func waitForPipeline(t *testing.T, fill func(*gitlabjobstest.Pipeline)) (code int, out string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline()
		fill(pipeline)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(10*time.Minute, cancel)
		var w buffer
		code = wait(ctx, &w, nil, &target.Target{Client: srv.Client(srv.Tokens.Reporter), Project: "group/app", ID: pipeline.ID()}, gitlabjobs.WaitOptions{})
		out = w.String()
	})
	return code, out
}

func runs(d time.Duration, result gitlabjobs.Status) gitlabjobstest.JobSpec {
	return gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Pending: 10 * time.Second, Runs: d, Result: result}}
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestExitCodesAndLastLines(t *testing.T) {
	t.Parallel()
	success, allowFailure := runs(time.Minute, "success"), runs(time.Minute, "failed")
	allowFailure.AllowFailure = true
	for name, tc := range map[string]struct {
		first, below gitlabjobstest.JobSpec
		code         int
		last         string
	}{
		"success":                    {success, success, 0, "success: pipeline 101 of group/app"},
		"a failed job":               {runs(time.Minute, "failed"), success, 1, "failed: pipeline 101 of group/app: job first (1001) failed: script_failure"},
		"a failed job below":         {success, runs(time.Minute, "failed"), 1, "failed: pipeline 101 of group/app: job below (1003) failed: script_failure"},
		"a failed job that may fail": {success, allowFailure, 0, "success: pipeline 101 of group/app; failed, but allowed to fail: job below (1003)"},
		"an optional manual job":     {gitlabjobstest.JobSpec{Status: "manual", AllowFailure: true}, success, 0, "success: pipeline 101 of group/app"},
		"a skipped job below":        {success, gitlabjobstest.JobSpec{Status: "skipped"}, 1, "failed: pipeline 101 of group/app: pipeline 102 is skipped"},
		"a canceled job":             {runs(time.Minute, "canceled"), success, 1, "canceled: pipeline 101 of group/app: job first (1001) was canceled"},
		"a manual job":               {gitlabjobstest.JobSpec{Status: "manual"}, success, 3, "blocked: pipeline 101 of group/app waits for a manual job: play job first (1001) in pipeline 101"},
		"a manual job below":         {success, gitlabjobstest.JobSpec{Status: "manual"}, 3, "blocked: pipeline 101 of group/app waits for a manual job: play job below (1003) in pipeline 102"},
		"an interrupt":               {gitlabjobstest.JobSpec{Status: "created"}, success, 130, "interrupted: pipeline 101 of group/app, with 1 of 3 jobs and bridges unfinished: job first (1001) is created"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out := waitFor(t, tc.first, tc.below)
			assert.Equal(t, tc.code, code)
			assert.Equal(t, tc.last, lastLine(out))
		})
	}
}

func TestPipelinesOfABridgeThatMayFailAreNotReasons(t *testing.T) {
	t.Parallel()
	code, out := waitForPipeline(t, func(p *gitlabjobstest.Pipeline) {
		p.AddJob(gitlabjobstest.JobSpec{Name: "deploy", Status: gitlabjobs.StatusManual})
		p.AddJob(gitlabjobstest.JobSpec{Name: "unit", Status: gitlabjobs.StatusFailed})
		below := p.Project().AddPipeline()
		p.AddBridge(gitlabjobstest.BridgeSpec{AllowFailure: true, Downstream: below})
		below.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusManual})
		below.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed})
		p.SetStatus(gitlabjobs.StatusManual)
	})
	assert.Equal(t, exit.Blocked, code)
	assert.Equal(t, "blocked: pipeline 101 of group/app waits for a manual job: play job deploy (1001) in pipeline 101", lastLine(out))

	code, out = waitForPipeline(t, func(p *gitlabjobstest.Pipeline) {
		p.AddJob(gitlabjobstest.JobSpec{Name: "unit", Status: gitlabjobs.StatusFailed})
		below := p.Project().AddPipeline()
		p.AddBridge(gitlabjobstest.BridgeSpec{AllowFailure: true, Downstream: below})
		below.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusFailed})
	})
	assert.Equal(t, exit.Failed, code)
	assert.Equal(t, "failed: pipeline 101 of group/app: job unit (1001) failed: script_failure", lastLine(out))
}

func TestTheLastLineHasAFewReasonsAndCountsTheOthers(t *testing.T) {
	t.Parallel()
	code, out := waitForPipeline(t, func(p *gitlabjobstest.Pipeline) {
		p.AddJobs(9, func(int) gitlabjobstest.JobSpec { return gitlabjobstest.JobSpec{Status: "failed"} })
	})
	assert.Equal(t, exit.Failed, code)
	assert.True(t, strings.HasSuffix(lastLine(out), "failed: script_failure; 6 more"), lastLine(out))
}

func TestTheLastLineForAnEmptyPipeline(t *testing.T) {
	t.Parallel()
	for status, want := range map[gitlabjobs.Status]string{
		"":         "interrupted: pipeline 101 of group/app, which had no jobs yet",
		"failed":   "failed: pipeline 101 of group/app: pipeline 101 is empty: its configuration may be invalid",
		"skipped":  "skipped: pipeline 101 of group/app: pipeline 101 is empty: its commit message or a push option may have skipped it",
		"canceled": "canceled: pipeline 101 of group/app: pipeline 101 is empty",
	} {
		_, out := waitForPipeline(t, func(p *gitlabjobstest.Pipeline) { p.SetStatus(status) })
		assert.Equal(t, want, lastLine(out))
	}
}

func TestTheLastLineForUnusualResults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		result *gitlabjobs.PipelineResult
		err    error
		code   int
		reason string
	}{
		"an error":             {nil, errors.New("404 Not\x1b[2Jfound"), 2, "404 Not\ufffd[2Jfound"},
		"a time limit":         {nil, context.DeadlineExceeded, 2, "context deadline exceeded"},
		"an early interrupt":   {nil, context.Canceled, 130, "pipeline 5 of 1, before the first response"},
		"an unknown status":    {&gitlabjobs.PipelineResult{PipelineID: 5, Jobs: []*gitlabjobs.Job{{}}}, nil, 1, "pipeline 5 of 1: the status of pipeline 5 is unknown"},
		"a pipeline not found": {&gitlabjobs.PipelineResult{PipelineID: 5, Status: "success", Downstream: []*gitlabjobs.PipelineResult{{PipelineID: 6, Err: gitlabjobs.ErrNotFound}}}, nil, 1, "pipeline 5 of 1: pipeline 6 can't be read: not found"},
		"a failed bridge":      {&gitlabjobs.PipelineResult{PipelineID: 5, Status: "failed", Bridges: []*gitlabjobs.Bridge{{ID: 7, Name: "b", Status: "failed", FailureReason: "r"}}}, nil, 1, "pipeline 5 of 1: bridge b (7) failed: r"},
	} {
		o := outcomeOf(&target.Target{Project: "1", ID: 5}, tc.result, tc.err)
		assert.Equal(t, tc.code, o.code, name)
		assert.Equal(t, tc.reason, o.reason, name)
	}
}

func TestOutputToAPipeHasALineForEachChange(t *testing.T) {
	t.Parallel()
	_, out := waitFor(t, runs(time.Minute, "success"), runs(2*time.Minute, "failed"))
	assert.NotContains(t, out, "\x1b")
	for _, change := range []string{
		"job first: pending", "job first: running", "job first: success",
		"job below: pending", "job below: running", "job below: failed (script_failure)",
		"bridge bridge: success, pipeline 102: pending", "bridge bridge: success, pipeline 102: running",
	} {
		assert.Equal(t, 1, strings.Count(out, change+"\n"), change)
	}
}

func TestChangesThatComeTogetherAreInTheOrderOfTheIDs(t *testing.T) {
	t.Parallel()
	_, out := waitFor(t, runs(time.Minute, "success"), runs(time.Minute, "success"))
	var names []string
	for line := range strings.Lines(out) {
		if _, change, ok := strings.Cut(line, "  pipeline "); ok && len(names) < 3 {
			names = append(names, change)
		}
	}
	assert.Equal(t, []string{"101  job first: pending\n", "101  bridge bridge: success, pipeline 102: pending\n", "102  job below: pending\n"}, names)
}

func TestWithoutArgumentsItWaitsForTheDemo(t *testing.T) {
	t.Parallel()
	set := func(string) string { return "set" }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out buffer
	assert.Equal(t, exit.Interrupted, run(ctx, &out, io.Discard, nil, set, nil), "the environment is ignored")
	assert.Equal(t, "This is a demo with a GitLab server embedded in this program. To use your own server, see wait -h.\ninterrupted: pipeline 101 of group/app, before the first response\n", out.String())
}

func TestHelpAndWrongArguments(t *testing.T) {
	t.Parallel()
	var out, errs buffer
	assert.Equal(t, exit.Success, run(t.Context(), &out, &errs, nil, none, []string{"-h"}))
	for _, word := range []string{"PROJECT", "PIPELINE", "GITLAB_URL", "GITLAB_TOKEN", "NO_COLOR", "130"} {
		assert.Contains(t, out.String(), word)
	}
	assert.Empty(t, errs.String())
	out.Reset()
	assert.Equal(t, exit.Error, run(t.Context(), &out, &errs, nil, none, []string{"group/app"}))
	assert.Contains(t, errs.String(), "error: missing: the pipeline ID")
	assert.Empty(t, out.String(), "a file of it stays clean")
}

// The demo runs in virtual time, so its screen does not depend on the speed of the machine.
func TestThePictureOfTheDemo(t *testing.T) {
	t.Parallel()
	screen := screentest.New(t, 80, 24)
	var picture string
	code := 0
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		project, id := demo(srv)
		tgt := &target.Target{Client: srv.Client(srv.Tokens.Developer), Project: gitlabjobs.Project(project), ID: id, Demo: true}
		time.AfterFunc(9*time.Second+500*time.Millisecond, func() {
			picture = screen.String()
			screen.Picture("wait.svg", "A pipeline's jobs in a terminal")
		})
		code = wait(t.Context(), screen, screen.Terminal(), tgt, demoOptions())
	})
	assert.Equal(t, exit.Success, code)
	assert.Contains(t, picture, "● integration: [postgres, 17]")
	assert.Contains(t, screen.String(), "11 of 11 jobs  15s")
	assert.Zero(t, screen.Truncated())
}
