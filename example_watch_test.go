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

// tally is what the example stores: its result, and the state of the watch that belongs
// to it.
type tally struct {
	Failed int                   `json:"failed"`
	State  gitlabjobs.WatchState `json:"state"`
}

func readTally(path string) (t tally, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil // The first start: watch from now on.
	}
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	return t, err
}

// store replaces the file atomically: whenever the program is killed, the result and the
// state fit each other.
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

// countFailed counts failed jobs, each of them once, however often the program is
// restarted. It returns once it has seen the job of this ID.
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

// A program counts failed jobs and stores its state with the count, so that nothing is
// lost or counted twice while it is restarted.
func ExampleJobsService_Watch() {
	ctx, client, srv := exampleGitLab()
	defer srv.Close()
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "state.json")

	pipeline := srv.Pipeline(101)
	job := pipeline.AddJob(gitlabjobstest.JobSpec{ID: 10, Status: gitlabjobs.StatusRunning})
	fmt.Println(countFailed(ctx, client, path, 10))

	// While the program is not running, this job fails, and so does one of two more.
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
