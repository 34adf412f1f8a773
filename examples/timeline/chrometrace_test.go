package main

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// traceOf draws a timeline as a trace and parses it.
func traceOf(t *testing.T, tl *timeline) traceFile {
	t.Helper()
	data, err := drawTrace(tl)
	require.NoError(t, err)
	var file traceFile
	require.NoError(t, json.Unmarshal(data, &file))
	return file
}

func TestTheTraceHasAProcessForEachPipelineAndAThreadForEachJob(t *testing.T) {
	t.Parallel()
	file := traceOf(t, demoTimeline(t))
	names := make(map[string][]string)
	var ran []traceEvent
	for _, e := range file.Events {
		if e.Phase == "M" && e.Args["name"] != nil {
			names[e.Name] = append(names[e.Name], e.Args["name"].(string))
		}
		if e.Phase == "X" && e.Name == "licenses" {
			ran = append(ran, e)
		}
	}
	assert.Equal(t, []string{"Pipeline 4711 of group/app, running", "Pipeline 4712 of group/app, failed", "Pipeline 4715 of group/deploy, running"}, names["process_name"])
	assert.Len(t, names["thread_name"], 20, "one thread for each job that began")
	require.Len(t, ran, 1)
	start := time.Date(2026, 3, 2, 9, 29, 59, 0, time.UTC).Add(108 * time.Second)
	assert.Equal(t, start, time.UnixMicro(ran[0].Time).UTC())
	assert.Equal(t, (77 * time.Second).Microseconds(), ran[0].Duration)
	assert.Equal(t, "failed (script_failure)", ran[0].Args["Status"])
	assert.Contains(t, ran[0].Args["Link"], "https://gitlab.example.com/group/app/-/jobs/")
}

func TestSlicesOfOneThreadDoNotOverlap(t *testing.T) {
	t.Parallel()
	for name, tl := range map[string]*timeline{"demo": demoTimeline(t), "large": largeTimeline(300), "hostile": hostileTimeline(), "empty": after(0, nil)} {
		type thread struct{ process, thread int }
		slicesOf := make(map[thread][]traceEvent)
		for _, e := range traceOf(t, tl).Events {
			assert.GreaterOrEqual(t, e.Duration, int64(0), name)
			if e.Phase == "X" {
				at := thread{e.Process, e.Thread}
				slicesOf[at] = append(slicesOf[at], e)
			}
		}
		for _, all := range slicesOf {
			slices.SortStableFunc(all, func(a, b traceEvent) int { return int(a.Time - b.Time) })
			for i := 1; i < len(all); i++ {
				assert.LessOrEqual(t, all[i-1].Time+all[i-1].Duration, all[i].Time, "%s: %s", name, all[i].Name)
			}
		}
	}
}
