package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/gitlabjobstest"
)

// buffer is a terminal of two writers.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func follow(t *testing.T, s settings, spec gitlabjobstest.JobSpec) (int, string, error) {
	t.Helper()
	var code int
	var out buffer
	var err error
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		job := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(spec)
		s.w = &out
		code, err = tail(t.Context(), s, &target.Target{Client: srv.Client(srv.Tokens.Reporter), Project: "group/app", ID: job.ID()})
	})
	return code, out.String(), err
}

func script(result gitlabjobs.Status, lines ...string) gitlabjobstest.JobSpec {
	return gitlabjobstest.JobSpec{Name: "test", Script: &gitlabjobstest.Script{
		Pending: 5 * time.Second, Lines: len(lines), Every: 2 * time.Second, Line: func(i int) string { return lines[i] }, Result: result,
	}}
}

func TestTheExitCodeIsTheJobsStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[gitlabjobs.Status]int{"success": succeeded, "failed": failed, "canceled": anythingElse} {
		for _, live := range []bool{true, false} {
			code, out, err := follow(t, settings{live: live}, script(status, "a line\n"))
			require.NoError(t, err)
			assert.Equal(t, want, code, status)
			assert.Contains(t, out, "a line\n")
		}
	}
	code, out, err := follow(t, settings{}, gitlabjobstest.JobSpec{Status: gitlabjobs.StatusSkipped})
	require.NoError(t, err)
	assert.Equal(t, anythingElse, code)
	assert.Empty(t, out)
	code, _, err = follow(t, settings{}, gitlabjobstest.JobSpec{Status: gitlabjobs.StatusManual})
	require.ErrorIs(t, err, gitlabjobs.ErrBlocked)
	assert.Equal(t, anythingElse, code)
}

// formats are the formats of the log of one job: without times, and with those of
// older and newer runners.
func formats(lines ...string) map[string]gitlabjobstest.JobSpec {
	plain := script("failed", lines...)
	older, newer := plain, plain
	older.Stamped, older.RunnerVersion = true, "19.0"
	newer.Stamped = true
	return map[string]gitlabjobstest.JobSpec{"plain": plain, "19.0": older, "19.1": newer}
}

func TestAPipeGetsPlainText(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(demoLines(time.Unix(1709629331, 0))...) {
		_, out, err := follow(t, settings{}, spec)
		require.NoError(t, err)
		assert.Equal(t, `Running with gitlab-runner 19.1.0
Preparing the "docker" executor
Using Docker executor with image golang:1.26 ...
Pulling docker image golang:1.26 ...
Getting source from Git repository
Fetching changes with git depth set to 20...
Executing "step_script" stage of the job script
$ go vet ./...
$ go test ./...
ok      app/internal/cache     0.412s
ok      app/internal/orders    1.033s
--- FAIL: TestCheckout (0.03s)
    checkout_test.go:31: total is 41, want 42
FAIL    app/internal/checkout  0.118s
ERROR: Job failed: exit code 1
`, out, format)
	}
}

func TestATerminalGetsFoldedSectionsAndAStatusLine(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(demoLines(time.Unix(1709629331, 0))...) {
		_, out, err := follow(t, settings{live: true}, spec)
		require.NoError(t, err)
		assert.NotContains(t, out, "Pulling docker image", "it is folded: "+format)
		assert.Contains(t, out, "▸ \x1b[0mPreparing the \"docker\" executor  \x1b[2m8s\x1b[0m\n", format)
		assert.Contains(t, out, "▾ Executing \"step_script\" stage of the job script\x1b[0m\n", format)
		assert.Contains(t, out, "▴ Executing \"step_script\" stage of the job script\x1b[0m  \x1b[2m3s\x1b[0m\n", format)
		assert.Contains(t, out, "\x1b[0;1;32m$ go vet ./...", "colours are kept: "+format)
		assert.Contains(t, out, "● running\x1b[0m  test  3s", "a status line: "+format)
		assert.True(t, strings.HasSuffix(out, "✗ failed\x1b[0m  test after 32s (script_failure)\n"), out[max(0, len(out)-100):])

		_, out, err = follow(t, settings{live: true, unfold: true}, spec)
		require.NoError(t, err)
		assert.Contains(t, out, "Pulling docker image", format)
		assert.Contains(t, out, "▾ Preparing the \"docker\" executor\x1b[0m\n", format)
		assert.Contains(t, out, "▴ Preparing the \"docker\" executor\x1b[0m  \x1b[2m8s\x1b[0m\n", format)
	}
}

func TestASectionsOptionsAndName(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(
		"section_start:100:no_title\r\x1b[0K\n", "its line\n", "section_end:160:no_title\r\x1b[0K\n",
		"section_start:160:quick[hide_duration=true]\r\x1b[0KQuick\n", "section_end:161:quick\r\x1b[0K\n",
		"section_start:161:folded[collapsed=true]\r\x1b[0KFolded\nits line\nsection_end:163:folded\r\x1b[0K\n",
	) {
		_, out, err := follow(t, settings{live: true}, spec)
		require.NoError(t, err)
		assert.Contains(t, out, "▾ no title\x1b[0m\n", format)
		assert.Contains(t, out, "▴ no title\x1b[0m  \x1b[2m1m0s\x1b[0m\n", format)
		assert.Contains(t, out, "▾ Quick\x1b[0m\n", format)
		assert.NotContains(t, out, "▴ Quick", format)
		assert.Contains(t, out, "▸ \x1b[0mFolded  \x1b[2m2s\x1b[0m\n", format)
	}
}

func TestATitleIsShownOnceWithoutItsOuterBlanks(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(
		"section_start:100:blanks\r\x1b[0K  A title  \n", "its line\n", "section_end:160:blanks\r\x1b[0K\n",
		"section_start:160:no_title\r\x1b[0K  \n", "section_end:161:no_title\r\x1b[0K\n",
	) {
		_, out, err := follow(t, settings{live: true}, spec)
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(out, "A title")-strings.Count(out, "▴ A title"), format)
		assert.Contains(t, out, "▾ A title\x1b[0m\n", format)
		assert.Contains(t, out, "its line\n", format)
		assert.Contains(t, out, "▾ no title\x1b[0m\n", format)
	}
}

func TestAJobThatFailsInAFoldedSectionShowsItsEnd(t *testing.T) {
	t.Parallel()
	_, out, err := follow(t, settings{live: true}, script("failed",
		"section_start:1709629331:get_sources\r\x1b[0KGetting source\n", "fatal: repository not found\n"))
	require.NoError(t, err)
	assert.Contains(t, out, "fatal: repository not found\n")
}

func TestWithoutSettingsItFollowsTheDemo(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	var out buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, err := run(ctx, settings{w: &out}, none, nil)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, anythingElse, code)
	assert.Contains(t, out.String(), "embedded in this program")
	_, err = run(t.Context(), settings{w: &out}, none, []string{"group/app", "x"})
	require.ErrorContains(t, err, "a job id")
}
