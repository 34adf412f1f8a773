// Quickstart lists the newest jobs of a project, shows one of them and the end of
// its log.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/quickstart group/app
//
// Without the variables and the project it does the same with a GitLab that is
// embedded in this program.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"text/tabwriter"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Getenv, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, getenv func(string) string, args []string) error {
	t, err := target.Open(getenv, args, "", demo)
	if err != nil {
		return err
	}
	defer t.Close()
	if t.Demo {
		fmt.Fprintln(w, "No GITLAB_URL, GITLAB_TOKEN and project given: this is a GitLab embedded in this program.")
	}
	return show(ctx, w, t.Client, t.Project)
}

func show(ctx context.Context, w io.Writer, client *gitlabjobs.Client, project gitlabjobs.Project) error {
	page, err := client.Jobs.ListByProject(ctx, project, &gitlabjobs.ListJobsOptions{
		ListOptions: gitlabjobs.ListOptions{PerPage: 10},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe newest jobs of %s\n\n", project)
	table(w, page.Items)
	if len(page.Items) == 0 {
		fmt.Fprintln(w, "There are none yet.")
		return nil
	}

	// Get answers with the job as it is now; the list above may be older.
	job, err := client.Jobs.Get(ctx, project, interesting(page.Items).ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nJob %d, %s: %s", job.ID, job.Name, job.Status)
	if job.FailureReason != "" {
		fmt.Fprintf(w, " (%s)", job.FailureReason)
	}
	fmt.Fprintf(w, "\n  %s\n", job.WebURL)
	if job.Commit != nil {
		fmt.Fprintf(w, "  commit %s  %s\n", job.Commit.ShortID, job.Commit.Title)
	}
	if job.User != nil {
		fmt.Fprintf(w, "  started by %s\n", job.User.Name)
	}

	log, err := client.Jobs.Trace(ctx, project, job.ID, nil)
	if err != nil {
		return err
	}
	defer log.Close()
	lines, err := lastLines(log, 8)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe end of its log\n\n")
	for _, line := range lines {
		fmt.Fprintln(w, "  |", line)
	}
	return nil
}

func table(w io.Writer, jobs []*gitlabjobs.Job) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "  ID\tSTATUS\tSTAGE\tNAME\tREF\tTOOK\tCREATED")
	for _, job := range jobs {
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s\t%s\t%s\t%s\n", job.ID, job.Status, job.Stage, job.Name, job.Ref, terminal.Took(job),
			job.CreatedAt.Local().Format("2006-01-02 15:04"))
	}
}

// interesting is the newest job that failed, or else the newest with a log.
func interesting(jobs []*gitlabjobs.Job) *gitlabjobs.Job {
	var started *gitlabjobs.Job
	for _, job := range jobs {
		if job.Status == gitlabjobs.StatusFailed {
			return job
		}
		if started == nil && !job.StartedAt.IsZero() {
			started = job
		}
	}
	return cmp.Or(started, jobs[0])
}

// marks are what a log holds for terminals and for GitLab's own pages.
var marks = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]|section_(?:start|end):[^\r\n]*\r?`)

func lastLines(log io.Reader, n int) ([]string, error) {
	var lines []string
	r := bufio.NewReader(log)
	for {
		line, err := r.ReadString('\n')
		if line = strings.TrimRight(marks.ReplaceAllString(line, ""), "\r\n"); line != "" {
			lines = append(lines, line)
			lines = lines[max(0, len(lines)-n):]
		}
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
