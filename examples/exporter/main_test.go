package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// TestMain runs the exporter instead of the tests if a test has started the binary as one.
func TestMain(m *testing.M) {
	if os.Getenv("EXPORTER_TEST_MAIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a running exporter.
type process struct {
	cmd *exec.Cmd
	url string
}

func start(t *testing.T, srv *gitlabjobstest.Server, state string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-listen", "127.0.0.1:0", "-state", state, "-interval", "10ms", "-save", "20ms", "group/app")
	cmd.Env = append(os.Environ(), "EXPORTER_TEST_MAIN=1", "GITLAB_URL="+srv.URL, "GITLAB_TOKEN="+srv.Tokens.Reporter)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return &process{cmd, strings.TrimSpace(strings.TrimPrefix(line, "serving "))}
}

// kill ends the process as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait()
}

// scrape returns the metrics by name and labels.
func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	metrics := make(map[string]float64)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			metrics[name+"}"] = number
		}
	}
	require.NoError(t, lines.Err())
	return metrics
}

// stored returns the ID of the newest job in a state file, and the number of unfinished
// jobs.
func stored(t *testing.T, path string) (newest int64, unfinished int) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var file struct {
		Projects map[string]struct {
			State struct {
				Newest int64              `json:"newest_id"`
				Jobs   map[string][]int64 `json:"jobs"`
			} `json:"state"`
		} `json:"projects"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	state := file.Projects["group/app"].State
	for _, ids := range state.Jobs {
		unfinished += len(ids)
	}
	return state.Newest, unfinished
}

// Jobs finish while the exporter is killed many times. Each job is counted once, and no
// counter decreases.
func TestKillsNeitherLoseNorRepeatAJob(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline()
	stageOf := func(id int64) string { return []string{"build", "test", "deploy"}[id%3] }
	add := func(id int64) *gitlabjobstest.Job {
		return pipeline.AddJob(gitlabjobstest.JobSpec{ID: id, Stage: stageOf(id), Status: gitlabjobs.StatusRunning})
	}
	running := []*gitlabjobstest.Job{add(1)}
	state := filepath.Join(t.TempDir(), "state.json")
	p := start(t, srv, state)
	// There is no state before the first event.
	require.Eventually(t, func() bool { _, unfinished := stored(t, state); return unfinished == 1 }, time.Minute, 10*time.Millisecond)

	want := make(map[string]float64)
	finish := func(i int) {
		job, status := running[i], "success"
		stage := stageOf(job.ID())
		running = append(running[:i], running[i+1:]...)
		if rand.IntN(4) == 0 {
			status = "failed"
			job.Fail(gitlabjobs.FailureScript)
			want[`gitlab_jobs_failed_total{project="group/app",reason="script_failure",stage="`+stage+`"}`]++
		} else {
			job.Succeed()
		}
		want[`gitlab_jobs_finished_total{project="group/app",stage="`+stage+`",status="`+status+`"}`]++
		want[`gitlab_job_duration_seconds_count{project="group/app",stage="`+stage+`"}`]++
		want[`gitlab_job_queue_seconds_count{project="group/app",stage="`+stage+`"}`]++
	}
	finish(0)
	const jobs = 400
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	kills := 0
	for id := int64(2); id <= jobs; id++ {
		<-pace.C
		running = append(running, add(id))
		for len(running) > rand.IntN(10) {
			finish(rand.IntN(len(running)))
		}
		if rand.IntN(30) == 0 {
			before := scrape(t, p.url)
			p.kill(t)
			kills++
			p = start(t, srv, state)
			after := scrape(t, p.url)
			for name, value := range before {
				if strings.HasPrefix(name, "gitlab_jobs_unfinished") {
					continue // It is not a counter.
				}
				assert.GreaterOrEqual(t, after[name], value, name)
			}
		}
	}
	for len(running) > 0 {
		finish(0)
	}
	assert.Eventually(t, func() bool { newest, unfinished := stored(t, state); return newest == jobs && unfinished == 0 },
		time.Minute, 10*time.Millisecond)
	p.kill(t)
	p = start(t, srv, state)
	got := scrape(t, p.url)
	p.kill(t)
	for name := range got {
		if strings.Contains(name, "_bucket") || strings.Contains(name, "_sum") {
			delete(got, name)
		}
	}
	assert.Equal(t, want, got)
	t.Logf("%d kills, %d jobs", kills, jobs)
}

// watched watches a project for a time and then serves its metrics.
func watched(t *testing.T, e *exporter, client *gitlabjobs.Client, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	require.ErrorIs(t, e.watch(ctx, client, "group/app", 0), context.DeadlineExceeded)
	require.NoError(t, e.save())
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		pipeline := srv.AddProject("group/app").AddPipeline()
		script := func(d time.Duration, result gitlabjobs.Status) gitlabjobstest.JobSpec {
			return gitlabjobstest.JobSpec{Stage: "test", Script: &gitlabjobstest.Script{Pending: 20 * time.Second, Runs: d, Result: result}}
		}
		pipeline.AddJob(gitlabjobstest.JobSpec{Stage: "test"}) // It finished before the watch began.
		pipeline.AddJob(script(2*time.Minute, "success"))
		pipeline.AddJob(script(4*time.Minute, "failed"))
		pipeline.AddJob(gitlabjobstest.JobSpec{Stage: "deploy", Status: gitlabjobs.StatusManual})
		e, err := open(filepath.Join(t.TempDir(), "state.json"), []gitlabjobs.Project{"group/app"})
		require.NoError(t, err)
		watched(t, e, srv.Client(srv.Tokens.Reporter), time.Hour)
		require.NoError(t, testutil.CollectAndCompare(e, strings.NewReader(`
# HELP gitlab_jobs_finished_total Jobs that have finished.
# TYPE gitlab_jobs_finished_total counter
gitlab_jobs_finished_total{project="group/app",stage="test",status="failed"} 1
gitlab_jobs_finished_total{project="group/app",stage="test",status="success"} 1
# HELP gitlab_jobs_failed_total Jobs that have failed.
# TYPE gitlab_jobs_failed_total counter
gitlab_jobs_failed_total{project="group/app",reason="script_failure",stage="test"} 1
# HELP gitlab_job_duration_seconds Durations of the finished jobs.
# TYPE gitlab_job_duration_seconds histogram
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="1"} 0
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="5"} 0
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="15"} 0
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="30"} 0
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="60"} 0
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="120"} 1
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="300"} 2
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="600"} 2
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="1200"} 2
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="1800"} 2
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="3600"} 2
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="7200"} 2
gitlab_job_duration_seconds_bucket{project="group/app",stage="test",le="+Inf"} 2
gitlab_job_duration_seconds_sum{project="group/app",stage="test"} 360
gitlab_job_duration_seconds_count{project="group/app",stage="test"} 2
`), "gitlab_jobs_finished_total", "gitlab_jobs_failed_total", "gitlab_job_duration_seconds"))
	})
}

func TestUnfinishedJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		client := srv.Client(srv.Tokens.Reporter)
		pipeline := srv.AddProject("group/app").AddPipeline()
		add := func(stage string, status gitlabjobs.Status) *gitlabjobstest.Job {
			return pipeline.AddJob(gitlabjobstest.JobSpec{Stage: stage, Status: status})
		}
		path := filepath.Join(t.TempDir(), "state.json")
		e, err := open(path, []gitlabjobs.Project{"group/app"})
		require.NoError(t, err)
		metrics := func(e *exporter, lines ...string) {
			t.Helper()
			want := "# HELP gitlab_jobs_unfinished Jobs that have not finished.\n# TYPE gitlab_jobs_unfinished gauge\n"
			for _, line := range lines {
				want += "gitlab_jobs_unfinished{project=\"group/app\"," + line + "\n"
			}
			assert.NoError(t, testutil.CollectAndCompare(e, strings.NewReader(want), "gitlab_jobs_unfinished"))
		}
		running, pending, manual := add("test", "running"), add("test", "pending"), add("deploy", "manual")
		add("test", "running")
		watched(t, e, client, time.Minute)
		metrics(e, `stage="deploy",status="manual"} 1`, `stage="test",status="pending"} 1`, `stage="test",status="running"} 2`)

		running.Succeed()
		pending.Start()
		watched(t, e, client, time.Minute)
		metrics(e, `stage="deploy",status="manual"} 1`, `stage="test",status="running"} 2`)

		again, err := open(path, []gitlabjobs.Project{"group/app"})
		require.NoError(t, err)
		metrics(again, `stage="deploy",status="manual"} 1`, `stage="test",status="running"} 2`)
		manual.Delete() // A deletion is not an event. The next event updates the metric.
		time.AfterFunc(time.Minute, func() { pending.Succeed() })
		watched(t, again, client, time.Hour)
		metrics(again, `stage="test",status="running"} 1`)
	})
}

// Counters are not served unless they are stored.
func TestMetricsAreThoseThatWereStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, err := open(filepath.Join(dir, "state.json"), []gitlabjobs.Project{"group/app"})
	require.NoError(t, err)
	e.record("group/app", &gitlabjobs.JobEvent{Job: &gitlabjobs.Job{Stage: "test", Status: gitlabjobs.StatusSuccess}})
	assert.Zero(t, testutil.CollectAndCount(e))
	e.path = filepath.Join(dir, "missing", "state.json")
	require.ErrorContains(t, e.save(), "storing the state")
	assert.Zero(t, testutil.CollectAndCount(e))
	e.path = filepath.Join(dir, "state.json")
	require.NoError(t, e.save())
	assert.Equal(t, 3, testutil.CollectAndCount(e))

	again, err := open(e.path, []gitlabjobs.Project{"group/app", "group/other"})
	require.NoError(t, err)
	assert.Equal(t, 3, testutil.CollectAndCount(again))
}

func TestBadFilesAndArguments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	for _, content := range []string{"", "{", `{"projects":{"a":null}}`, `{"projects":{"a":{"state":{"version":9},"stages":{}}}}`, `{"projects":{"a":{"stages":{"test":{}}}}}`} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := open(path, nil)
		require.ErrorContains(t, err, "state.json", content)
		require.ErrorContains(t, err, "delete the file", content)
	}
	none := func(string) string { return "" }
	require.Error(t, run(t.Context(), io.Discard, none, []string{"-save", "0"}))
	require.ErrorContains(t, run(t.Context(), io.Discard, none, []string{"group/app"}), "GITLAB_URL")
}

// The demo runs without arguments until it is stopped.
func TestTheDemo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, w, func(string) string { return "" }, []string{"-listen", "127.0.0.1:0", "-save", "10ms"})
		_ = w.Close()
	}()
	lines := bufio.NewScanner(r)
	url, serving := "", false
	for !serving && lines.Scan() {
		url, serving = strings.CutPrefix(lines.Text(), "serving ")
	}
	require.Eventually(t, func() bool { return len(scrape(t, url)) > 0 }, time.Minute, 100*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

// The dashboard uses exactly the metrics of the exporter.
func TestTheDashboardNamesTheMetrics(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	require.True(t, json.Valid(data))
	named := make(map[string]bool)
	for _, name := range regexp.MustCompile(`gitlab_[a-z_]+`).FindAllString(string(data), -1) {
		named[strings.TrimSuffix(name, "_bucket")] = true
	}
	assert.Equal(t, map[string]bool{
		"gitlab_jobs_unfinished": true, "gitlab_jobs_finished_total": true, "gitlab_jobs_failed_total": true,
		"gitlab_job_duration_seconds": true, "gitlab_job_queue_seconds": true,
	}, named)
}
