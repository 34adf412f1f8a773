package gitlabjobs

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Ten thousand jobs run, ten at a time. A watch holds only the ten unfinished jobs, and a
// state that it returned never changes.
func TestWatchHoldsOnlyUnfinishedJobs(t *testing.T) {
	t.Parallel()
	jobs := newWatchJobs(&WatchState{})
	var early, copied []watchChange
	for id := int64(1); id <= 10_000; id++ {
		jobs.set(id, watchedJob{status: StatusPending})
		jobs.set(id, watchedJob{status: StatusRunning})
		jobs.forget(id - 10)
		assert.LessOrEqual(t, cap(jobs.changes), 1024)
		if id == 100 {
			early, copied = jobs.changes, slices.Clone(jobs.changes)
		}
	}
	assert.Equal(t, copied, early)
	assert.Len(t, jobs.known, 10)
	state := WatchState{jobs: jobs.changes}
	for id, status := range state.statuses() {
		assert.Equal(t, StatusRunning, status)
		assert.Greater(t, id, int64(9990))
	}
}
