package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/screentest"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
	"example.com/gitlabjobs/gitlabjobstest"
)

// TestMain also runs the program in tmux, with the job below.
func TestMain(m *testing.M) {
	screentest.Main(m, map[string]func() int{
		"endless": func() int {
			ctx, stop := exit.OnSignal()
			defer stop()
			t, err := target.Command{Name: "tail", ID: "job", Demo: endless}.Open(os.Stdout, os.Getenv, nil)
			if err != nil {
				fmt.Println(err)
				return 1
			}
			defer t.Close()
			return tail(ctx, os.Stdout, terminal.Open(os.Stdout, os.Getenv), false, t)
		},
	})
}

// endless adds a job that never ends. The end of its log is in a folded section.
func endless(srv *gitlabjobstest.Server) (string, int64) {
	var log strings.Builder
	for i := range 30 {
		fmt.Fprintf(&log, "\x1b[32mline %d\x1b[0m\n", i+1)
	}
	log.WriteString("section_start:100:get_sources\r\x1b[0KGetting source from Git repository\n")
	job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{
		Name: "integration: [ubuntu-26.04-lts, amd64, postgres-18, 🚀 検査]", Log: log.String(), Status: gitlabjobs.StatusRunning,
	})
	return "group/app", job.ID()
}

func TestInARealTerminal(t *testing.T) {
	t.Parallel()
	for columns, want := range map[int]string{
		40:  "integration…8, 🚀 検査]",
		80:  "integration: [ubuntu-26.04-lts, amd64, postgres-18, 🚀 検査]  ",
		200: "integration: [ubuntu-26.04-lts, amd64, postgres-18, 🚀 検査]  Getting source from Git repository",
	} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			tmux := screentest.StartTmux(t, columns, 24, "endless")
			shown := func(height int) func([]string) bool {
				return func(rows []string) bool {
					return len(rows) == height && strings.HasPrefix(rows[height-1], "● running ") && rows[height-2] == "line 30"
				}
			}
			rows := tmux.Until(func(rows []string) bool { return shown(24)(rows) && strings.Contains(rows[23], want) })
			t.Log("\n" + strings.Join(rows, "\n"))
			assert.Less(t, terminal.Width(rows[23]), columns)

			// If the terminal is resized, the output has all lines and only one status line.
			for _, narrower := range []int{columns - 7, columns * 2 / 3, columns} {
				tmux.Resize(narrower, 24)
				rows = tmux.Until(func(rows []string) bool {
					last := rows[len(rows)-1]
					return shown(len(rows))(rows) && terminal.Width(last) <= narrower-3 && terminal.Width(last) > min(narrower-3, 50)-8
				})
				assert.Equal(t, 1, strings.Count(strings.Join(rows, "\n"), "running"), strings.Join(rows, "\n"))
				for i, row := range rows[:len(rows)-1] {
					assert.Equal(t, fmt.Sprint("line ", 30-(len(rows)-2-i)), row)
				}
			}

			tmux.Interrupt()
			rows = tmux.Until(func(rows []string) bool { return strings.HasPrefix(rows[len(rows)-1], "exit code ") })
			assert.Equal(t, "exit code 130", rows[len(rows)-1])
			assert.NotContains(t, strings.Join(rows, ""), "● running")
			assert.Contains(t, strings.Join(rows, ""), "⊘ interrupted: job integration")
			t.Log("\n" + strings.Join(rows, "\n"))
		})
	}
}
