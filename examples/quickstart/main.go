// Quickstart lists the newest jobs of a project, and shows one of them with the end of
// its log.
//
//	GITLAB_URL=https://gitlab.example.com GITLAB_TOKEN=... go run ./examples/quickstart group/app
//
// Without arguments, it uses a GitLab server embedded in this program.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"text/tabwriter"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/examples/internal/exit"
	"example.com/gitlabjobs/examples/internal/target"
	"example.com/gitlabjobs/examples/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, os.Getenv, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(exit.Error)
	}
}

func run(ctx context.Context, w io.Writer, getenv func(string) string, args []string) error {
	t, err := target.Command{
		Name: "quickstart",
		Does: "Lists the newest jobs of a project, and shows one of them and the end of its log.",
		Demo: demo,
	}.Open(w, getenv, args)
	if err != nil {
		return err
	}
	defer t.Close()
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
		fmt.Fprintln(w, "The project has no jobs yet.")
		return nil
	}

	// The list may be outdated. Get returns the current state of the job.
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

	lines, err := lastLines(ctx, client, project, job.ID, 8)
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
	fmt.Fprintln(t, "  ID\tSTATUS\tSTAGE\tNAME\tREF\tDURATION\tCREATED")
	for _, job := range jobs {
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s\t%s\t%s\t%s\n", job.ID, job.Status, job.Stage, job.Name, job.Ref, terminal.JobDuration(job.Duration),
			job.CreatedAt.Local().Format("2006-01-02 15:04"))
	}
}

// interesting returns the newest failed job. Without one, it returns the newest job that has
// started.
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

// lastLines returns the last n lines of a job's log that are not empty, without colors.
func lastLines(ctx context.Context, client *gitlabjobs.Client, project gitlabjobs.Project, jobID int64, n int) ([]string, error) {
	log, err := client.Jobs.Trace(ctx, project, jobID, nil)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	var lines []string
	for line, err := range gitlabjobs.TraceLines(log) {
		if err != nil {
			return nil, err
		}
		if line.Text != "" {
			lines = append(lines, line.Text)
			lines = lines[max(0, len(lines)-n):]
		}
	}
	return lines, nil
}
