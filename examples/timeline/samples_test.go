package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// job returns a job of the stage test that was queued, started and ended at the given seconds
// after noon. Negative values mean that this did not happen.
func job(id int64, name string, status gitlabjobs.Status, queued, started, ended float64, more ...func(*gitlabjobs.Job)) *gitlabjobs.Job {
	at := func(s float64) time.Time {
		if s < 0 {
			return time.Time{}
		}
		return noon.Add(time.Duration(s * float64(time.Second)))
	}
	j := &gitlabjobs.Job{ID: id, Name: name, Stage: "test", Status: status, CreatedAt: noon, StartedAt: at(started), FinishedAt: at(ended)}
	if queued >= 0 && started >= 0 {
		waited := started - queued
		j.QueuedDuration = &waited
	}
	for _, set := range more {
		set(j)
	}
	return j
}

func stageOf(name string) func(*gitlabjobs.Job) {
	return func(j *gitlabjobs.Job) { j.Stage = name }
}

// nodes returns the nodes of pipeline 1.
func nodes(jobs ...*gitlabjobs.Job) []*gitlabjobs.TreeNode {
	var all []*gitlabjobs.TreeNode
	for _, j := range jobs {
		all = append(all, &gitlabjobs.TreeNode{Project: "group/app", PipelineID: 1, Job: j})
	}
	return all
}

// after returns the model at the given seconds after noon.
func after(s float64, all []*gitlabjobs.TreeNode) *timeline {
	return newTimeline("group/app", 1, all, noon.Add(time.Duration(s*float64(time.Second))))
}

// demoTimeline returns the demo at a fixed time.
func demoTimeline(t *testing.T) *timeline {
	t.Helper()
	var tl *timeline
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 3, 2, 9, 38, 43, 0, time.UTC)))
		srv := gitlabjobstest.NewMemoryServer(t, gitlabjobstest.WithExternalURL("https://gitlab.example.com"))
		path, id := demo(srv)
		all, err := read(t.Context(), srv.Client(srv.Tokens.Reporter), gitlabjobs.Project(path), id)
		require.NoError(t, err)
		tl = newTimeline(gitlabjobs.Project(path), id, all, time.Now().UTC())
	})
	return tl
}

var hostileNames = []string{
	`<script>window.pwned = 1</script>`,
	`"><img src=x onerror="window.pwned=1">`,
	`]]> & &amp; <!-- --> '`,
	"line\nStatus: success\r\nLink: https://example.org/",
	"\u202egnp.exe\u202c \x00\x1b[31m\xff\ufffe",
	strings.Repeat("very long ", 20),
	strings.Repeat("W", 200),
	"🚀 ship it 👩‍💻👍🏽 " + strings.Repeat("🎉", 60),
	"构建与测试：很长的名字很长的名字很长的名字很长的名字很长的名字",
	"اختبار التكامل",
	"",
	"</title></style></svg>",
	"{{.Title}} ${1} `x`",
}

// hostileTimeline returns a timeline with malicious text in all fields.
func hostileTimeline() *timeline {
	var jobs []*gitlabjobs.Job
	for i, name := range hostileNames {
		j := job(int64(i+10), name, "success", float64(i), float64(i+2), float64(i+20), stageOf(hostileNames[i/4*4]))
		j.WebURL = "javascript:window.pwned=1//" + name
		j.Ref, j.FailureReason = name, gitlabjobs.FailureReason(name)
		j.Commit = &gitlabjobs.Commit{ShortID: name, Title: name}
		j.Runner = &gitlabjobs.Runner{Description: name}
		j.Pipeline = &gitlabjobs.Pipeline{Status: gitlabjobs.Status(name)}
		jobs = append(jobs, j)
	}
	jobs[2].Status = gitlabjobs.Status(hostileNames[0])
	jobs[2].StartedAt, jobs[2].FinishedAt = time.Time{}, time.Time{}
	all := nodes(jobs...)
	bridge := &gitlabjobs.Bridge{ID: 99, Name: hostileNames[1], Stage: "test", Status: "success", StartedAt: noon, FinishedAt: noon}
	all = append(all,
		&gitlabjobs.TreeNode{PipelineID: 1, Bridge: bridge},
		&gitlabjobs.TreeNode{
			PipelineID: 2, Project: gitlabjobs.Project(hostileNames[0]), Path: []*gitlabjobs.Bridge{bridge},
			Pipeline: &gitlabjobs.Pipeline{Status: gitlabjobs.Status(hostileNames[1])}, Err: fmt.Errorf("no: %s", strings.Repeat(hostileNames[0], 9)),
		})
	return newTimeline(gitlabjobs.Project(hostileNames[0]), 1, all, noon.Add(time.Minute))
}

// largeTimeline returns a timeline with jobs of all statuses in many stages and five levels of
// pipelines. Some have several attempts, and some are too short to be visible.
func largeTimeline(n int) *timeline {
	statuses := []gitlabjobs.Status{"success", "failed", "running", "pending", "canceled", "skipped", "manual", "scheduled", "created", "canceling", "preparing", "odd"}
	var all []*gitlabjobs.TreeNode
	var path []*gitlabjobs.Bridge
	for i := range n {
		depth := int64(i * 6 / n)
		status, began := statuses[i/3%len(statuses)], float64(i*20)
		if i%3 > 0 {
			status = "success"
		}
		j := job(int64(1000+i*10), fmt.Sprintf("job %d of many: [linux, amd64]", i), status, began, began+float64(i%40), began+float64(50+i%7*90), stageOf(fmt.Sprint("stage ", i/8)))
		j.AllowFailure = i%5 == 0
		switch status {
		case "running", "canceling":
			j.FinishedAt = time.Time{}
		case "success", "failed":
		default:
			j.StartedAt, j.FinishedAt = time.Time{}, time.Time{}
		}
		node := func(job *gitlabjobs.Job) {
			all = append(all, &gitlabjobs.TreeNode{Project: "group/app", PipelineID: 1 + depth, Path: path[:depth:depth], Pipeline: &gitlabjobs.Pipeline{Status: "running"}, Job: job})
		}
		if int(depth) > len(path) {
			bridge := &gitlabjobs.Bridge{ID: int64(999 + i*10), Name: "below", Stage: "last", Status: "success", CreatedAt: noon, StartedAt: j.CreatedAt.Add(time.Duration(began) * time.Second)}
			bridge.FinishedAt = bridge.StartedAt.Add(time.Second)
			all = append(all, &gitlabjobs.TreeNode{Project: "group/app", PipelineID: depth, Path: path, Bridge: bridge})
			path = append(path, bridge)
		}
		if i%9 == 4 && !j.StartedAt.IsZero() {
			for k := range int64(3) {
				old := *j
				old.ID, old.Status = j.ID-9+k, "failed"
				old.FinishedAt = old.StartedAt.Add(time.Second)
				node(&old)
			}
		}
		node(j)
	}
	return newTimeline("group/app", 1, all, noon.Add(2*time.Hour))
}

// smallTimeline returns a timeline with three jobs in the given seconds.
func smallTimeline(s float64) *timeline {
	return after(s, nodes(
		job(1, "build", "success", 0, s/20, s/3, stageOf("build")),
		job(2, "test", "failed", s/3, s/2, s*0.8),
		job(3, "other", "success", s/3, s/2.5, s),
	))
}
