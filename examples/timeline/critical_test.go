package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs"
)

func TestTheCriticalPathDeterminesTheEnd(t *testing.T) {
	t.Parallel()
	build, deploy := stageOf("build"), stageOf("deploy")
	for name, tc := range map[string]struct {
		jobs []*gitlabjobs.Job
		want []string
	}{
		"nothing":          {nil, nil},
		"nothing that ran": {[]*gitlabjobs.Job{job(1, "a", "manual", -1, -1, -1)}, nil},
		"the last of each stage": {[]*gitlabjobs.Job{
			job(1, "fast", "success", 0, 1, 5, build), job(2, "slow", "success", 0, 1, 9, build),
			job(3, "short", "success", 10, 11, 15), job(4, "long", "failed", 10, 11, 30),
			job(5, "ship", "success", 31, 32, 40, deploy),
		}, []string{"slow", "long", "ship"}},
		"one that did not wait for the whole stage before": {[]*gitlabjobs.Job{
			job(1, "fast", "success", 0, 1, 5, build), job(2, "slow", "success", 0, 1, 9, build),
			job(3, "needs fast", "success", 6, 7, 50),
		}, []string{"fast", "needs fast"}},
		"one that needs nothing": {[]*gitlabjobs.Job{
			job(1, "a", "success", 0, 1, 9, build), job(2, "alone", "success", 0, 2, 50, deploy),
		}, []string{"alone"}},
		"a stage that was passed over": {[]*gitlabjobs.Job{
			job(1, "a", "success", 0, 1, 9, build), job(2, "skipped", "skipped", -1, -1, -1), job(3, "ship", "success", 10, 11, 12, deploy),
		}, []string{"a", "ship"}},
		"a retry": {[]*gitlabjobs.Job{
			job(1, "a", "success", 0, 1, 9, build), job(2, "flaky", "failed", 10, 11, 20), job(3, "other", "success", 10, 11, 25),
			job(4, "flaky", "success", 21, 22, 40),
		}, []string{"a", "flaky", "flaky"}},
		"the one that runs longest": {[]*gitlabjobs.Job{
			job(1, "a", "success", 0, 1, 9, build), job(2, "young", "running", 30, 31, -1), job(3, "old", "running", 10, 11, -1),
		}, []string{"a", "old"}},
		"clocks that are a little apart": {[]*gitlabjobs.Job{
			job(1, "a", "success", 0, 1, 9.4, build), job(2, "b", "success", 9, 11, 20),
		}, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, pathOf(after(100, nodes(tc.jobs...))))
		})
	}
}

func pathOf(tl *timeline) []string {
	var names []string
	for _, b := range tl.critical {
		names = append(names, b.name)
	}
	return names
}

// withChild returns a pipeline with a build, a bridge from 10 to an end, and a job after it.
// The child has a job from 11 to 30, and another one from 31 to 50.
func withChild(end float64, more ...*gitlabjobs.Job) *timeline {
	at := func(s float64) time.Time { return noon.Add(time.Duration(s * float64(time.Second))) }
	bridge := &gitlabjobs.Bridge{ID: 5, Name: "bridge", Stage: "test", Status: "success", CreatedAt: noon, StartedAt: at(10), FinishedAt: at(end)}
	all := nodes(append([]*gitlabjobs.Job{job(1, "build", "success", 0, 1, 9, stageOf("build"))}, more...)...)
	all = append(all, &gitlabjobs.TreeNode{PipelineID: 1, Bridge: bridge})
	for _, j := range []*gitlabjobs.Job{job(11, "first", "success", 11, 12, 30, stageOf("one")), job(12, "second", "success", 31, 32, 50, stageOf("two"))} {
		all = append(all, &gitlabjobs.TreeNode{Project: "group/app", PipelineID: 2, Path: []*gitlabjobs.Bridge{bridge}, Job: j})
	}
	return after(100, all)
}

func TestTheCriticalPathFollowsBridges(t *testing.T) {
	t.Parallel()
	ship := job(9, "ship", "success", 52, 53, 60, stageOf("deploy"))
	soon := job(9, "ship", "success", 12, 13, 20, stageOf("deploy"))
	assert.Equal(t, []string{"build", "bridge", "first", "second", "ship"}, pathOf(withChild(51, ship)), "it waited for its pipeline")
	assert.Equal(t, []string{"build", "bridge", "first", "second"}, pathOf(withChild(51)), "nothing comes after it")
	assert.Equal(t, []string{"build", "bridge", "first", "second"}, pathOf(withChild(11, soon)), "the pipeline ended last")
	assert.Equal(t, []string{"build", "bridge", "ship"}, pathOf(withChild(11, ship)), "it did not wait for its pipeline")

	total, ran, waited, between := withChild(51, ship).criticalTimes()
	assert.Equal(t, 60*time.Second, total)
	assert.Equal(t, (8+18+18+7)*time.Second, ran, "the bridge ran while its pipeline did")
	assert.Equal(t, (1+1+1+1)*time.Second, waited)
	assert.Equal(t, 5*time.Second, between)
}

func TestThePartsOfTheCriticalPathAddUp(t *testing.T) {
	t.Parallel()
	for name, tl := range map[string]*timeline{
		"demo": demoTimeline(t), "large": largeTimeline(300), "short": smallTimeline(5), "hostile": hostileTimeline(), "one": after(40, nodes(job(1, "a", "success", 1, 2, 30))),
		"clocks that are a little apart": after(100, nodes(job(1, "a", "success", 0, 1, 9.4, stageOf("build")), job(2, "b", "success", 9, 11, 20))),
		"an hour":                        after(9000, nodes(job(1, "a", "success", 0, 0.6, 3700.4, stageOf("build")), job(2, "b", "success", 3710.1, 3711.7, 8000.3))),
	} {
		total, ran, waited, between := tl.criticalTimes()
		assert.Equal(t, total, ran+waited+between, name)
		assert.GreaterOrEqual(t, min(ran, waited, between), time.Duration(0), name)
		lead, parts := tl.criticalText()
		sum := time.Duration(0)
		for part := range strings.SplitSeq(parts, " + ") {
			for word := range strings.FieldsSeq(part) {
				if d, err := time.ParseDuration(word); err == nil {
					sum += d
				}
			}
		}
		assert.Contains(t, lead, ", estimated from the times: ", name)
		assert.True(t, strings.HasSuffix(lead, ", "+exact(sum)), "%s: %s = %s", name, lead, parts)
	}
}
