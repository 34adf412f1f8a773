package gitlabjobs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

func TestOnUpdateIsCalledOncePerStatus(t *testing.T) {
	t.Parallel()
	for name, wait := range waiters() {
		synctest.Test(t, func(t *testing.T) {
			srv := gitlabjobstest.NewMemoryServer(t)
			pipeline := srv.AddProject("group/app").AddPipeline()
			job := pipeline.AddJob(after(time.Hour, success))
			var updates []gitlabjobs.Status
			_, err := wait(t.Context(), srv.Client(srv.Tokens.Reporter), pipeline.ID(), job.ID(), gitlabjobs.WaitOptions{
				OnUpdate: func(j *gitlabjobs.Job) { updates = append(updates, j.Status) },
			})
			require.NoError(t, err)
			assert.Equal(t, []gitlabjobs.Status{running, success}, updates, name)
		})
	}
}
