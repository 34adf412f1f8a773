package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/screentest"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/gitlabjobstest"
)

// buffer is a buffer for concurrent writes.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// followPlain follows the log of a job in virtual time, without a terminal.
func followPlain(t *testing.T, spec gitlabjobstest.JobSpec) (code int, out string) {
	t.Helper()
	var w buffer
	synctest.Test(t, func(t *testing.T) {
		code = tail(t.Context(), &w, nil, false, jobOf(t, spec))
	})
	return code, w.String()
}

// followLive follows the log of a job on a screen with the given number of columns. It
// returns the text on the screen at the end.
func followLive(t *testing.T, columns int, unfold bool, spec gitlabjobstest.JobSpec) string {
	t.Helper()
	screen := screentest.New(t, columns, 50)
	synctest.Test(t, func(t *testing.T) {
		tail(t.Context(), screen, screen.Terminal(), unfold, jobOf(t, spec))
	})
	assert.Zero(t, screen.Truncated())
	return screen.String()
}

// jobOf returns a target with a job of a GitLab server in memory.
func jobOf(t *testing.T, spec gitlabjobstest.JobSpec) *target.Target {
	t.Helper()
	srv := gitlabjobstest.NewMemoryServer(t)
	job := srv.AddProject("group/app").AddPipeline().AddJob(spec)
	return &target.Target{Client: srv.Client(srv.Tokens.Reporter), Project: "group/app", ID: job.ID()}
}

func script(result gitlabjobs.Status, lines ...string) gitlabjobstest.JobSpec {
	return gitlabjobstest.JobSpec{Name: "test", Script: &gitlabjobstest.Script{
		Pending: 5 * time.Second, Lines: len(lines), Every: 2 * time.Second, Line: func(i int) string { return lines[i] }, Result: result,
	}}
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestExitCodesAndLastLines(t *testing.T) {
	t.Parallel()
	allowFailure := script("failed", "a line\n")
	allowFailure.AllowFailure = true
	erased := gitlabjobstest.JobSpec{Name: "test", NoLog: true, ErasedAt: time.Date(1999, 12, 31, 3, 4, 5, 0, time.UTC)}
	for name, tc := range map[string]struct {
		spec gitlabjobstest.JobSpec
		code int
		last string
	}{
		"success":            {script("success", "a line\n"), exit.Success, "success: job test (1001) of group/app after 2s"},
		"failed":             {script("failed", "a line\n"), exit.Failed, "failed: job test (1001) of group/app after 2s: script_failure"},
		"an allowed failure": {allowFailure, exit.Failed, "failed: job test (1001) of group/app after 2s: script_failure (allowed to fail)"},
		"canceled":           {script("canceled", "a line\n"), exit.Failed, "canceled: job test (1001) of group/app after 2s"},
		"skipped":            {gitlabjobstest.JobSpec{Name: "test", Status: "skipped"}, exit.Failed, "skipped: job test (1001) of group/app; the log is empty, because the job never started"},
		"manual":             {gitlabjobstest.JobSpec{Name: "test", Status: "manual"}, exit.Blocked, "blocked: job test (1001) of group/app is manual: play it to start it"},
		"empty":              {gitlabjobstest.JobSpec{Name: "test", NoLog: true}, exit.Success, "success: job test (1001) of group/app after 38s; the log is empty"},
		"erased":             {erased, exit.Success, "success: job test (1001) of group/app after 38s; the log was erased at " + erased.ErasedAt.Local().Format(time.DateTime)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out := followPlain(t, tc.spec)
			assert.Equal(t, tc.code, code)
			assert.Equal(t, tc.last, lastLine(out))
			assert.True(t, strings.HasSuffix(lastLine(followLive(t, 200, false, tc.spec)), tc.last), "the same in a terminal")
		})
	}
}

func TestTheLastLineReportsInterruptsAndErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tgt := jobOf(t, script("running", "a line\n"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		var w buffer
		assert.Equal(t, exit.Interrupted, tail(ctx, &w, nil, false, tgt))
		assert.Equal(t, "a line\ninterrupted: job test (1001) of group/app, which was running\n", w.String())
		tgt.ID++
		w.Reset()
		assert.Equal(t, exit.Error, tail(t.Context(), &w, nil, false, tgt))
		assert.Regexp(t, "^error: .*404", w.String())
	})
}

// formats returns the same log in each format: without times, and with the times of older
// and newer runners.
func formats(lines ...string) map[string]gitlabjobstest.JobSpec {
	plain := script("failed", lines...)
	older, newer := plain, plain
	older.Stamped, older.RunnerVersion = true, "19.0"
	newer.Stamped = true
	return map[string]gitlabjobstest.JobSpec{"plain": plain, "19.0": older, "19.1": newer}
}

func TestOutputToAPipeIsPlainText(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(demoLines(time.Unix(1709629331, 0))...) {
		_, out := followPlain(t, spec)
		assert.Equal(t, `Running with gitlab-runner 19.1.0
Preparing the "docker" executor
Using Docker executor with image golang:1.26 ...
Pulling docker image golang:1.26 ...
Using docker image for golang:1.26 ...
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
failed: job test (1001) of group/app after 34s: script_failure
`, out, format)
	}
}

func TestSectionsAreFoldedInATerminal(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(demoLines(time.Unix(1709629331, 0))...) {
		assert.Equal(t, `Running with gitlab-runner 19.1.0
▸ Preparing the "docker" executor  2s
▸ Getting source from Git repository  1s
▾ Executing "step_script" stage of the job script
$ go vet ./...
$ go test ./...
ok      app/internal/cache     0.412s
ok      app/internal/orders    1.033s
--- FAIL: TestCheckout (0.03s)
    checkout_test.go:31: total is 41, want 42
FAIL    app/internal/checkout  0.118s
▴ Executing "step_script" stage of the job script  4s
ERROR: Job failed: exit code 1
✗ failed: job test (1001) of group/app after 34s: script_failure`, followLive(t, 80, false, spec), format)

		out := followLive(t, 80, true, spec)
		assert.Contains(t, out, "▾ Preparing the \"docker\" executor\nUsing Docker executor", format)
		assert.Contains(t, out, "▴ Preparing the \"docker\" executor  2s\n", format)
	}
}

func TestSectionsHaveTheirTitleAndOptions(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(
		"section_start:100:no_title\r\x1b[0K\n", "its line\n", "section_end:160:no_title\r\x1b[0K\n",
		"section_start:160:quick[hide_duration=true]\r\x1b[0KQuick\n", "section_end:161:quick\r\x1b[0K\n",
		"section_start:161:folded[collapsed=true]\r\x1b[0KFolded\nits line\nsection_end:163:folded\r\x1b[0K\n",
		"section_start:163:long\r\x1b[0KA title that is longer than a narrow terminal\n", "section_end:165:long\r\x1b[0K\n",
	) {
		assert.Contains(t, followLive(t, 30, false, spec), `▾ no title
its line
▴ no title  1m00s
▾ Quick
▸ Folded  2s
▾ A title that is longer than…
▴ A title that is longer …  2s
`, format)
	}
}

func TestATitleIsShownOnceWithoutSpaceAroundIt(t *testing.T) {
	t.Parallel()
	for format, spec := range formats(
		"section_start:100:blanks\r\x1b[0K  A title  \n", "its line\n", "section_end:160:blanks\r\x1b[0K\n",
		"section_start:160:no_title\r\x1b[0K  \n", "section_end:161:no_title\r\x1b[0K\n",
	) {
		assert.Contains(t, followLive(t, 80, false, spec), "▾ A title\nits line\n▴ A title  1m00s\n▾ no title\n▴ no title  1s\n", format)
	}
}

func TestAFailureInAFoldedSectionShowsTheEndOfTheSection(t *testing.T) {
	t.Parallel()
	out := followLive(t, 80, false, script("failed",
		"section_start:1709629331:get_sources\r\x1b[0KGetting source\n", "fatal: repository not found\n"))
	assert.Contains(t, out, "fatal: repository not found\n")
}

func TestTheStatusLineFitsAndCountsSeconds(t *testing.T) {
	t.Parallel()
	spec := script("success", "a line\n", "section_start:100:get_sources\r\x1b[0KGetting source from Git repository\n", strings.Repeat("x", 300)+"\n", "end\n")
	spec.Name = "integration: [a long name, of a matrix' job]\x1b[2J"
	for columns, want := range map[int]string{
		4:   "",
		12:  "● running",
		20:  "● running 5s  i…J",
		40:  "● running 5s  integration…x' job]�[2J",
		200: "● running 5s  integration: [a long name, of a matrix' job]�[2J  Getting source from Git repository",
	} {
		screen := screentest.New(t, columns, 20)
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var clock []string
			for i := range 6 { // The job starts after 5 seconds and is polled every second.
				time.AfterFunc(10*time.Second+time.Duration(i)*500*time.Millisecond+150*time.Millisecond, func() {
					line := lastLine(screen.String())
					if i == 0 && want != "" {
						assert.Equal(t, want, line)
					}
					if columns >= 20 {
						mu.Lock()
						defer mu.Unlock()
						clock = append(clock, strings.Fields(line)[2])
					}
				})
			}
			tail(t.Context(), screen, screen.Terminal(), false, jobOf(t, spec))
			mu.Lock()
			defer mu.Unlock()
			if columns >= 20 {
				assert.Equal(t, []string{"5s", "5s", "6s", "6s", "7s", "7s"}, clock)
			}
		})
		assert.Zero(t, screen.Truncated(), columns)
	}
}

func TestWithoutArgumentsItFollowsTheDemo(t *testing.T) {
	t.Parallel()
	set := func(string) string { return "set" }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out buffer
	assert.Equal(t, exit.Interrupted, run(ctx, &out, io.Discard, nil, set, nil), "the environment is ignored")
	assert.Equal(t, "This is a demo with a GitLab server embedded in this program. To use your own server, see tail -h.\ninterrupted: job 1001 of group/app\n", out.String())
}

func TestHelpAndWrongArguments(t *testing.T) {
	t.Parallel()
	var out, errs buffer
	none := func(string) string { return "" }
	assert.Equal(t, exit.Success, run(t.Context(), &out, &errs, nil, none, []string{"-h"}))
	for _, word := range []string{"PROJECT", "JOB", "GITLAB_URL", "GITLAB_TOKEN", "NO_COLOR", "-unfold", "130"} {
		assert.Contains(t, out.String(), word)
	}
	assert.Empty(t, errs.String())
	out.Reset()
	assert.Equal(t, exit.Error, run(t.Context(), &out, &errs, nil, none, []string{"group/app"}))
	assert.Contains(t, errs.String(), "error: missing: the job ID")
	assert.Empty(t, out.String(), "a file of it stays clean")
}

// In the demo, the times of the sections, of the lines and of the job are consistent.
func TestThePictureOfTheDemo(t *testing.T) {
	t.Parallel()
	screen := screentest.New(t, 80, 24)
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		project, id := demo(srv)
		tgt := &target.Target{Client: srv.Client(srv.Tokens.Developer), Project: gitlabjobs.Project(project), ID: id, Demo: true}
		assert.Equal(t, exit.Failed, tail(t.Context(), screen, screen.Terminal(), false, tgt))

		log, err := tgt.Client.Jobs.Trace(t.Context(), tgt.Project, id, nil)
		require.NoError(t, err)
		defer log.Close()
		for line, err := range gitlabjobs.TraceLines(log) {
			require.NoError(t, err)
			for _, section := range line.Started {
				assert.WithinDuration(t, line.Time, section.Start, time.Second)
			}
			for _, section := range line.Ended {
				assert.WithinDuration(t, line.Time, section.End, time.Second)
			}
		}
	})
	assert.Contains(t, screen.String(), "▸ Preparing the \"docker\" executor  2s\n")
	assert.Contains(t, screen.String(), "after 8s: script_failure")
	screen.Picture("tail.svg", "The log of a job in a terminal")
}
