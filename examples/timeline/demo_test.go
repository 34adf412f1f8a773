package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestTheTimesOfTheDemoAreConsistent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := gitlabjobstest.NewMemoryServer(t)
		path, id := demo(srv)
		nodes, err := read(t.Context(), srv.Client(srv.Tokens.Reporter), gitlabjobs.Project(path), id)
		require.NoError(t, err)
		var jobs []*gitlabjobs.Job
		slots := map[string]int{"linux-large-1": 2, "linux-large-2": 2, "linux-small-1": 3}
		for _, n := range nodes {
			j := n.Job
			if j == nil {
				continue
			}
			jobs = append(jobs, j)
			end := j.FinishedAt
			if j.StartedAt.IsZero() {
				assert.True(t, j.Runner == nil, "%s never ran", j.Name) //nolint:testifylint // A typed nil.
				continue
			}
			if end.IsZero() {
				end = time.Now()
			}
			assert.InDelta(t, end.Sub(j.StartedAt).Seconds(), *j.Duration, 1.5, j.Name)
			assert.False(t, j.StartedAt.Before(j.CreatedAt), j.Name)
			beside := 0
			for _, n := range nodes {
				if k := n.Job; k != nil && k.Runner != nil && j.Runner != nil && k.Runner.ID == j.Runner.ID && !k.StartedAt.IsZero() && !k.StartedAt.After(j.StartedAt) && (k.FinishedAt.IsZero() || k.FinishedAt.After(j.StartedAt)) {
					beside++
				}
			}
			require.NotNil(t, j.Runner, j.Name)
			assert.LessOrEqual(t, beside, slots[j.Runner.Description], "%s at its start", j.Name)
		}
		slices.SortFunc(jobs, func(a, b *gitlabjobs.Job) int { return int(a.ID - b.ID) })
		assert.True(t, slices.IsSortedFunc(jobs, func(a, b *gitlabjobs.Job) int { return a.CreatedAt.Compare(b.CreatedAt) }), "a later job has a higher ID")
	})
}
