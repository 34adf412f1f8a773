package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/gitlabjobstest"
)

// waitFor waits for a pipeline with one job and one in a child, in virtual time.
func waitFor(t *testing.T, live bool, spec, childSpec gitlabjobstest.JobSpec) (int, string) {
	t.Helper()
	var code int
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		project := srv.AddProject("group/app")
		root, child := project.AddPipeline(gitlabjobstest.PipelineSpec{}), project.AddPipeline(gitlabjobstest.PipelineSpec{})
		spec.Name, childSpec.Name = "first", "below"
		root.AddJob(spec)
		root.AddBridge(gitlabjobstest.BridgeSpec{Name: "bridge", Downstream: child})
		child.AddJob(childSpec)
		tgt := &target.Target{Client: srv.Client(srv.Tokens.Reporter), Project: "group/app", ID: root.ID()}
		var v view = &plain{w: &out}
		if live {
			v = &table{w: &out, project: tgt.Project, pipeline: tgt.ID}
		}
		var err error
		code, err = wait(t.Context(), tgt, v, 5*time.Second)
		require.NoError(t, err)
	})
	return code, out.String()
}

func runs(d time.Duration, result gitlabjobs.Status) gitlabjobstest.JobSpec {
	return gitlabjobstest.JobSpec{Script: &gitlabjobstest.Script{Pending: 10 * time.Second, Runs: d, Result: result}}
}

func TestTheExitCodeIsTheResult(t *testing.T) {
	t.Parallel()
	mayFail := runs(time.Minute, gitlabjobs.StatusFailed)
	mayFail.AllowFailure = true
	for name, tc := range map[string]struct {
		first, below gitlabjobstest.JobSpec
		want         int
	}{
		"all went well":            {runs(time.Minute, "success"), runs(2*time.Minute, "success"), allWell},
		"a job failed":             {runs(time.Minute, "failed"), runs(2*time.Minute, "success"), somethingFailed},
		"a job of a child failed":  {runs(time.Minute, "success"), runs(2*time.Minute, "failed"), somethingFailed},
		"a job that may failed":    {runs(time.Minute, "success"), mayFail, allWell},
		"an optional manual job":   {gitlabjobstest.JobSpec{Status: "manual", AllowFailure: true}, runs(time.Minute, "success"), allWell},
		"a manual job":             {gitlabjobstest.JobSpec{Status: "manual"}, runs(time.Minute, "success"), anythingElse},
		"a stage that never began": {gitlabjobstest.JobSpec{Status: "created"}, runs(time.Minute, "success"), anythingElse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _ := waitFor(t, false, tc.first, tc.below)
			assert.Equal(t, tc.want, code)
		})
	}
}

func TestAPipeGetsALineForEachChange(t *testing.T) {
	t.Parallel()
	_, out := waitFor(t, false, runs(time.Minute, "success"), runs(2*time.Minute, "failed"))
	assert.NotContains(t, out, "\x1b")
	for _, change := range []string{"first: pending", "first: running", "first: success", "below: pending", "below: running", "below: failed", "bridge: success"} {
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
	assert.Contains(t, last, "→ pipeline")
	assert.Contains(t, out, "\x1b[4A", "it goes up by the lines that it drew")
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
	code, err := run(ctx, &out, false, func(string) string { return "" }, nil)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, anythingElse, code)
	code, err = run(t.Context(), &out, false, func(string) string { return "" }, []string{"one"})
	require.ErrorContains(t, err, "a pipeline id")
	assert.Equal(t, anythingElse, code)
}

func TestPadMakesATextExactlyAsWide(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "ab  ", pad("ab", 4))
	assert.Equal(t, "abc…", pad("abcdef", 4))
	assert.Equal(t, "äöü ", pad("äöü", 4))
	assert.Empty(t, pad("", 0))
}
