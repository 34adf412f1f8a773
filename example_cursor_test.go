package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// exportJobs exports all jobs of a project, newest first. After each page it stores the
// cursor of the next page, so that a later call continues there. It exports jobs twice
// only if the program ends after it has exported them and before it has stored the cursor.
func exportJobs(ctx context.Context, client *gitlabjobs.Client, cursorFile string, export func(*gitlabjobs.Job)) error {
	cursor, err := os.ReadFile(cursorFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	opts := &gitlabjobs.ListJobsOptions{
		ListOptions: gitlabjobs.ListOptions{PerPage: 2}, // The default is 100 jobs.
		Pagination:  gitlabjobs.KeysetPagination,
		Cursor:      string(cursor), // Empty: begin with the newest job.
	}
	for page, err := range client.Jobs.PagesByProject(ctx, "group/app", opts) {
		if err != nil {
			return err
		}
		for _, job := range page.Items {
			export(job)
		}
		// The NextCursor of the last page is empty: the next call starts from the beginning.
		if err := os.WriteFile(cursorFile, []byte(page.NextCursor), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// This program stores its cursor in a file. An error ends the first call. The second call
// continues at the page that failed.
func ExampleJobsService_PagesByProject() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with five jobs, which refuses the second page once.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline()
	for id := range int64(5) {
		pipeline.AddJob(gitlabjobstest.JobSpec{ID: id + 1})
	}
	srv.Fault(gitlabjobstest.Fault{Skip: 1, Times: 1, Do: gitlabjobstest.Answer(403, nil, `{"message":"403 Forbidden"}`)})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)
	dir, err := os.MkdirTemp("", "cursor")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()

	for range 2 {
		err := exportJobs(ctx, client, filepath.Join(dir, "cursor"), func(job *gitlabjobs.Job) { fmt.Println("job", job.ID) })
		fmt.Println("refused:", errors.Is(err, gitlabjobs.ErrForbidden))
	}
	// Output:
	// job 5
	// job 4
	// refused: true
	// job 3
	// job 2
	// job 1
	// refused: false
}
