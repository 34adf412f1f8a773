package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/gitlabjobstest"
)

// waitFor waits for a pipeline with one job and one in a child, in virtual time. It
// returns the exit code and the output.
func waitFor(t *testing.T, live bool, spec, childSpec gitlabjobstest.JobSpec) (int, string) {
	t.Helper()
	var code int
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		project := srv.AddProject("group/app")
		root, child := project.AddPipeline(), project.AddPipeline()
		spec.Name, childSpec.Name = "first", "below"
		root.AddJob(spec)
		root.AddBridge(gitlabjobstest.BridgeSpec{Name: "bridge", Downstream: child})
		child.AddJob(childSpec)
		tgt := &target.Target{Client: srv.Client(srv.Tokens.Reporter), Project: "group/app", ID: root.ID()}
		var v view = &plain{w: &out}
		if live {
			v = &table{w: &out, project: tgt.Project, pipeline: tgt.ID}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(time.Hour, cancel)
		code = wait(ctx, &out, tgt, v, gitlabjobs.WaitOptions{})
	})
	return code, out.String()
}

func runs(d time.Duration, result gitlabjobs.Status) gitlabjobstest.JobSpec {
	return gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Pending: 10 * time.Second, Runs: d, Result: result}}
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestTheExitCodeAndTheLastLineSayHowItEnded(t *testing.T) {
	t.Parallel()
	mayFail := runs(time.Minute, "failed")
	mayFail.AllowFailure = true
	for name, tc := range map[string]struct {
		first, below gitlabjobstest.JobSpec
		code         int
		last         string
	}{
		"success":                    {runs(time.Minute, "success"), runs(2*time.Minute, "success"), 0, "success: pipeline 101 of group/app"},
		"a failed job":               {runs(time.Minute, "failed"), runs(2*time.Minute, "success"), 1, "failed: pipeline 101 of group/app: pipeline 101 is failed; job first failed (script_failure)"},
		"a failed job below":         {runs(time.Minute, "success"), runs(2*time.Minute, "failed"), 1, "failed: pipeline 101 of group/app: pipeline 102 is failed; job below failed (script_failure)"},
		"a failed job that may fail": {runs(time.Minute, "success"), mayFail, 0, "success: pipeline 101 of group/app"},
		"an optional manual job":     {gitlabjobstest.JobSpec{Status: "manual", AllowFailure: true}, runs(time.Minute, "success"), 0, "success: pipeline 101 of group/app"},
		"a skipped job below":        {runs(time.Minute, "success"), gitlabjobstest.JobSpec{Status: "skipped"}, 1, "failed: pipeline 101 of group/app: pipeline 102 is skipped"},
		"a manual job":               {gitlabjobstest.JobSpec{Status: "manual"}, runs(time.Minute, "success"), 3, "blocked: gitlabjobs: pipeline 101 of group/app: job 1001 (first): "},
		"a manual job below":         {runs(time.Minute, "success"), gitlabjobstest.JobSpec{Status: "manual"}, 3, "blocked: gitlabjobs: pipeline 102 of 1: job 1003 (below): "},
		"an interrupt":               {gitlabjobstest.JobSpec{Status: "created"}, runs(time.Minute, "success"), 130, "interrupted: gitlabjobs: waiting for pipeline 101 of group/app: context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out := waitFor(t, false, tc.first, tc.below)
			assert.Equal(t, tc.code, code)
			assert.True(t, strings.HasPrefix(lastLine(out), tc.last), lastLine(out))
		})
	}
	for name, tc := range map[string]struct {
		result *gitlabjobs.PipelineResult
		err    error
		code   int
		last   string
	}{
		"an error":             {nil, errors.New("404 Not found"), 2, "error: 404 Not found"},
		"a time limit":         {nil, context.DeadlineExceeded, 2, "error: context deadline exceeded"},
		"an unknown status":    {&gitlabjobs.PipelineResult{Project: "1", PipelineID: 5}, nil, 1, "failed: pipeline 5 of 1: its status is not known"},
		"a pipeline not found": {&gitlabjobs.PipelineResult{Project: "1", PipelineID: 5, Status: "success", Downstream: []*gitlabjobs.PipelineResult{{PipelineID: 6, Err: gitlabjobs.ErrNotFound}}}, nil, 1, "failed: pipeline 5 of 1: pipeline 6 can't be read: not found"},
		"a failed bridge":      {&gitlabjobs.PipelineResult{Project: "1", PipelineID: 5, Status: "failed", Bridges: []*gitlabjobs.Bridge{{Name: "b", Status: "failed", FailureReason: "r"}}}, nil, 1, "failed: pipeline 5 of 1: pipeline 5 is failed; bridge b failed (r)"},
	} {
		code, last := verdict(tc.result, tc.err)
		assert.Equal(t, tc.code, code, name)
		assert.Equal(t, tc.last, last, name)
	}
}

func TestAPipeGetsALineForEachChange(t *testing.T) {
	t.Parallel()
	_, out := waitFor(t, false, runs(time.Minute, "success"), runs(2*time.Minute, "failed"))
	assert.NotContains(t, out, "\x1b")
	for _, change := range []string{"first: pending", "first: running", "first: success", "below: pending", "below: running", "below: failed"} {
		assert.Equal(t, 1, strings.Count(out, change+"\n"), change)
	}
}

func TestATerminalGetsATableThatDrawsOverItself(t *testing.T) {
	t.Parallel()
	_, out := waitFor(t, true, runs(time.Minute, "success"), runs(2*time.Minute, "failed"))
	drawings := strings.Split(out, "\x1b[J")
	last := drawings[len(drawings)-1]
	assert.Contains(t, last, "2 of 2 jobs")
	assert.Contains(t, last, "✓ first")
	assert.Contains(t, last, "✗ below")
	assert.Contains(t, last, "pipeline 102")
	assert.Contains(t, out, "\x1b[3A", "it goes up by the lines that it drew")
	assert.Equal(t, 2, strings.Count(last, "first")+strings.Count(last, "✗ below"), "each job once, and the reason")
}

func TestWithoutSettingsItWaitsForTheDemo(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewMemoryServer(t)
	path, id := demo(srv)
	assert.Equal(t, "group/app", path)
	assert.NotZero(t, id)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	code := run(ctx, &out, false, func(string) string { return "" }, nil)
	assert.Equal(t, codeInterrupted, code)
	assert.Contains(t, lastLine(out.String()), "interrupted: ")
	code = run(t.Context(), &out, false, func(string) string { return "" }, []string{"one"})
	assert.Equal(t, codeError, code)
	assert.Contains(t, lastLine(out.String()), "error: set GITLAB_URL")
}

func TestPadMakesATextExactlyAsWide(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "ab  ", pad("ab", 4))
	assert.Equal(t, "abc…", pad("abcdef", 4))
	assert.Equal(t, "äöü ", pad("äöü", 4))
	assert.Empty(t, pad("", 0))
}
