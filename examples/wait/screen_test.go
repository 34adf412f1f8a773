package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/screentest"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
	"example.com/gitlabjobs/gitlabjobstest"
)

// TestMain runs the program in tmux, with the pipelines of this file.
func TestMain(m *testing.M) {
	program := func(demo target.Demo, env map[string]string) func() int {
		return func() int {
			command.Demo = demo
			getenv := func(key string) string { return cmp.Or(env[key], os.Getenv(key)) }
			ctx, stop := exit.OnSignal()
			defer stop()
			return run(ctx, os.Stdout, os.Stderr, terminal.Open(os.Stdout, getenv), getenv, nil)
		}
	}
	screentest.Main(m, map[string]func() int{
		"many": program(many, nil),
		"terminated": func() int {
			time.AfterFunc(3*time.Second, terminate)
			return program(many, nil)()
		},
		"finished": program(finished, nil),
		"dumb":     program(finished, map[string]string{"TERM": "dumb"}),
		"no color": program(finished, map[string]string{"NO_COLOR": "1"}),
	})
}

// terminate sends SIGTERM to this process, as kill does.
func terminate() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Signal(syscall.SIGTERM) // Not on Windows.
	}
}

// finished adds a pipeline that has finished.
func finished(srv *gitlabjobstest.Server) (string, int64) {
	pipeline := srv.AddProject("group/app").AddPipeline()
	pipeline.AddJob(gitlabjobstest.JobSpec{Name: "unit"})
	return "group/app", pipeline.ID()
}

// many adds a pipeline with 60 jobs and two bridges that never ends.
func many(srv *gitlabjobstest.Server) (string, int64) {
	const path = "group/app"
	project := srv.AddProject(path)
	root, child := project.AddPipeline(), project.AddPipeline()
	for _, system := range []string{"debian-13-slim", "ubuntu-26.04-lts"} {
		for _, arch := range []string{"amd64", "arm64", "riscv64"} {
			for _, version := range []string{"1.24", "1.25", "1.26"} {
				root.AddJob(gitlabjobstest.JobSpec{Name: fmt.Sprintf("compile-everything: [%s, %s, %s, release]", system, arch, version), Stage: "build"})
			}
		}
	}
	for i := range 5 {
		root.AddJob(gitlabjobstest.JobSpec{
			Name: fmt.Sprintf("test: [shard-%d-of-the-integration-tests, postgres]", i+1), Script: &gitlabjobstest.Script{Result: gitlabjobs.StatusRunning},
		})
	}
	root.AddJob(gitlabjobstest.JobSpec{Name: "unit", Status: gitlabjobs.StatusFailed})
	root.AddJob(gitlabjobstest.JobSpec{Name: "lint", Status: gitlabjobs.StatusFailed, AllowFailure: true})
	root.AddJob(gitlabjobstest.JobSpec{Name: "🚀 検査", Script: &gitlabjobstest.Script{Result: gitlabjobs.StatusRunning}})
	root.AddBridge(gitlabjobstest.BridgeSpec{Name: "security", Stage: "test", Downstream: child})
	root.AddBridge(gitlabjobstest.BridgeSpec{Name: "docs", Stage: "test", Status: gitlabjobs.StatusFailed})
	root.AddJobs(33, func(i int) gitlabjobstest.JobSpec {
		return gitlabjobstest.JobSpec{Name: fmt.Sprint("deploy ", i+1), Stage: "deploy", Status: gitlabjobs.StatusCreated}
	})
	child.AddJob(gitlabjobstest.JobSpec{Name: "scan", Script: &gitlabjobstest.Script{Result: gitlabjobs.StatusRunning}})
	return path, root.ID()
}

// assertMany checks the rows of a screen that shows many.
func assertMany(t *testing.T, rows []string, columns, height int) {
	t.Helper()
	screen := strings.Join(rows, "\n")
	require.Len(t, rows, height, screen)
	assert.Equal(t, "Pipeline 101 of group/app", rows[0])
	assert.Regexp(t, `  20 of 60( jobs)?  .*  2 failed$`, rows[1])
	for _, row := range rows {
		assert.LessOrEqual(t, terminal.Width(row), columns, row)
	}
	first := strings.Join(rows[2:12], "\n")
	assert.Equal(t, 2, strings.Count(first, "✗"), "what failed is shown first:\n"+screen)
	assert.Regexp(t, `✗ unit +failed`, rows[2])
	assert.Regexp(t, `✗ docs +failed`, rows[3])
	assert.Equal(t, 8, strings.Count(first, "●"), "then what runs:\n"+screen)
	assert.Contains(t, first, "● 🚀 検査 ")
	assert.Regexp(t, `● security +→ running`, first)
	assert.Regexp(t, `! lint +(failed \(allowed\)|allowed)`, rows[12])
	assert.Regexp(t, fmt.Sprintf(`^… %d more: \d+ created, 18 success$`, 62-(height-3)), rows[height-1])

	names := make(map[string]bool)
	for _, row := range rows[2 : height-1] {
		name, _, _ := strings.Cut(row[strings.Index(row, " ")+1:], "  ")
		assert.False(t, names[name], "two jobs have the same short name: "+name)
		names[name] = true
	}
}

func TestMoreJobsThanRows(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{40, 80, 200} {
		screen := screentest.New(t, columns, 24)
		synctest.Test(t, func(t *testing.T) {
			srv := gitlabjobstest.NewMemoryServer(t)
			project, id := many(srv)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(19*time.Second, func() { assertMany(t, strings.Split(screen.String(), "\n"), columns, 24) })
			time.AfterFunc(20*time.Second, cancel)
			tgt := &target.Target{Client: srv.Client(srv.Tokens.Developer), Project: gitlabjobs.Project(project), ID: id}
			assert.Equal(t, exit.Interrupted, wait(ctx, screen, screen.Terminal(), tgt, gitlabjobs.WaitOptions{}))
		})
		assert.Zero(t, screen.Truncated(), columns)
		assert.Contains(t, strings.ReplaceAll(screen.String(), "\n", ""), "with 40 of 62 jobs and bridges unfinished: job test: [shard-1")
	}
}

func TestTheRestIsCountedByStatus(t *testing.T) {
	t.Parallel()
	lines := []line{
		{item: item{status: gitlabjobs.StatusFailed, allowFailure: true}},
		{item: item{status: gitlabjobs.StatusRunning, bridge: true, downstream: &gitlabjobs.Pipeline{Status: gitlabjobs.StatusSuccess}}},
		{item: item{status: gitlabjobs.StatusSuccess}},
	}
	assert.Equal(t, "1 allowed, 2 success", summary(lines))
}

func TestATinyTerminal(t *testing.T) {
	t.Parallel()
	for rows := 1; rows <= 4; rows++ {
		screen := screentest.New(t, 12, rows)
		synctest.Test(t, func(t *testing.T) {
			srv := gitlabjobstest.NewMemoryServer(t)
			project, id := many(srv)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			time.AfterFunc(19*time.Second, func() {
				lines := strings.Split(screen.String(), "\n")
				assert.Len(t, lines, rows)
				assert.Equal(t, "Pipeline 10…", lines[0])
			})
			tgt := &target.Target{Client: srv.Client(srv.Tokens.Developer), Project: gitlabjobs.Project(project), ID: id}
			wait(ctx, screen, screen.Terminal(), tgt, gitlabjobs.WaitOptions{})
		})
		assert.Zero(t, screen.Truncated())
	}
}

func TestAnEmptyPipelineAndAMissingPipeline(t *testing.T) {
	t.Parallel()
	screen := screentest.New(t, 80, 24)
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		tgt := &target.Target{Client: srv.Client(srv.Tokens.Developer), Project: "group/app", ID: srv.AddProject("group/app").AddPipeline().ID()}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second+time.Second/2, func() {
			assert.Equal(t, "Pipeline 101 of group/app\n░░░░░░░░░░░░░░░░░░░░  0 of 0 jobs  10s\nNo jobs yet.", screen.String())
			cancel()
		})
		assert.Equal(t, exit.Interrupted, wait(ctx, screen, screen.Terminal(), tgt, gitlabjobs.WaitOptions{}))
		assert.Contains(t, screen.String(), "interrupted: pipeline 101 of group/app, which had no jobs yet")

		tgt.ID++
		screen = screentest.New(t, 80, 24)
		assert.Equal(t, exit.Error, wait(t.Context(), screen, screen.Terminal(), tgt, gitlabjobs.WaitOptions{}))
		assert.Regexp(t, "^error: .*404.*", screen.String())
	})
}

func TestInARealTerminal(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{40, 80, 200} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			tmux := screentest.StartTmux(t, columns, 24, "many")
			full := func(height int) func([]string) bool {
				return func(rows []string) bool {
					return len(rows) == height && strings.HasPrefix(rows[0], "Pipeline") && strings.HasPrefix(rows[height-1], "… ") && strings.Contains(strings.Join(rows, "\n"), "→ running")
				}
			}
			rows := tmux.Until(full(24))
			assertMany(t, rows, columns, 24)
			t.Log("\n" + strings.Join(rows, "\n"))

			// If the terminal is resized, nothing of an earlier frame remains.
			tmux.Resize(columns+20, 20)
			assertMany(t, tmux.Until(full(20)), columns+20, 20)
			tmux.Resize(columns, 30)
			assertMany(t, tmux.Until(full(30)), columns, 30)

			tmux.Interrupt()
			rows = tmux.Until(func(rows []string) bool { return strings.HasPrefix(rows[len(rows)-1], "exit code ") })
			assert.Equal(t, "exit code 130", rows[len(rows)-1])
			assert.Contains(t, strings.Join(rows, ""), "interrupted: pipeline 101 of group/app")
			assert.Contains(t, strings.Join(rows[:4], ""), "Pipeline 101 of group/app", "all of the last frame is on the screen")
			t.Log("\n" + strings.Join(rows, "\n"))
		})
	}
}

func TestATerminatedProgramLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	tmux := screentest.StartTmux(t, 80, 24, "terminated")
	rows := tmux.Until(func(rows []string) bool { return strings.HasPrefix(rows[len(rows)-1], "exit code ") })
	assert.Equal(t, "exit code 130", rows[len(rows)-1])
	assert.Contains(t, strings.Join(rows, ""), "interrupted: pipeline 101 of group/app")
	assert.Equal(t, "screen 0, cursor 1, wrap 1", tmux.Modes())
}

func TestColorsAreOffIfTheEnvironmentSaysSo(t *testing.T) {
	t.Parallel()
	for program, colors := range map[string]bool{"finished": true, "dumb": false, "no color": false} {
		tmux := screentest.StartTmux(t, 80, 24, program)
		rows := tmux.Until(func(rows []string) bool { return strings.HasPrefix(rows[len(rows)-1], "exit code ") })
		assert.Equal(t, []string{"success: pipeline 101 of group/app", "exit code 0"}, rows[len(rows)-2:], program)
		screen := strings.Join(rows, "\n")
		assert.Equal(t, colors, strings.Contains(screen, "✓ unit"), screen)
		assert.Equal(t, !colors, strings.Contains(screen, "pipeline 101  job unit: success"), screen)
		assert.Equal(t, colors, strings.Contains(tmux.Styled(), "\x1b["), program)
	}
}
