package gitlabjobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// tally is stored in a file. It contains the number of failed jobs, and the state of the
// watch after the last event that was counted.
type tally struct {
	Failed int                   `json:"failed"`
	State  gitlabjobs.WatchState `json:"state"`
}

func readTally(path string) (t tally, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil // The first start. The zero state starts with the current jobs.
	}
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	return t, err
}

// store replaces the file atomically. Even if the program is killed, the count and the
// state in the file match.
func (t *tally) store(path string) error {
	data, err := json.Marshal(t)
	if err == nil {
		err = os.WriteFile(path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// countFailed counts every failed job once, even if the program restarts in between. It
// returns after the first event of the job whose ID is last.
func countFailed(ctx context.Context, client *gitlabjobs.Client, path string, last int64) error {
	t, err := readTally(path)
	if err != nil {
		return err
	}
	for event, err := range client.Jobs.Watch(ctx, "group/app", &gitlabjobs.WatchOptions{Since: t.State}) {
		if err != nil {
			return err
		}
		if event.Job.Status == gitlabjobs.StatusFailed {
			t.Failed++
		}
		t.State = event.State()
		if err := t.store(path); err != nil {
			return err
		}
		if event.Job.ID == last {
			return nil
		}
	}
	return nil
}

// This program counts failed jobs. It stores the state of the watch together with the
// count, so that it counts each job once even if it is restarted.
func ExampleJobsService_Watch() {
	srv, err := gitlabjobstest.Start() // A fake GitLab server with a running job.
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	pipeline := srv.AddProject("group/app").AddPipeline()
	job := pipeline.AddJob(gitlabjobstest.JobSpec{ID: 10, Status: gitlabjobs.StatusRunning})
	ctx, client := context.Background(), srv.Client(srv.Tokens.Reporter)
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "state.json")

	fmt.Println(countFailed(ctx, client, path, 10))

	// While the program is not running, this job and a new one fail.
	job.Fail(gitlabjobs.FailureScript)
	pipeline.AddJob(gitlabjobstest.JobSpec{ID: 11, Status: gitlabjobs.StatusFailed})
	pipeline.AddJob(gitlabjobstest.JobSpec{ID: 12})
	fmt.Println(countFailed(ctx, client, path, 12))

	t, err := readTally(path)
	fmt.Println(t.Failed, err)
	// Output:
	// <nil>
	// <nil>
	// 2 <nil>
}
