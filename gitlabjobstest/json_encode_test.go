package gitlabjobstest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// The encoder of jobs returns the same bytes as encoding/json.
func TestJobEncoderMatchesEncodingJSON(t *testing.T) {
	t.Parallel()
	w := newFixture(t, WithExternalURL("https://git.example.com/a&b"))
	w.pl.AddJob(JobSpec{
		Name: "<\"quoted\"> & \\ ünïcödé \u2028 \x00 \xff", Stage: "\t", TagList: []string{"<a>", "b"}, Coverage: 0.0000001,
		Artifacts: []Artifact{{Type: "archive", Size: 1 << 40}, {Type: "junit"}}, ArtifactsExpireAt: time.Now(),
	})
	w.pl.AddJob(JobSpec{NoUser: true, NoCommit: true, Status: gitlabjobs.StatusFailed, Coverage: 98.76, ErasedAt: time.Now()})
	w.pl.AddJob(JobSpec{Retried: true, Archived: true, AllowFailure: true, TagList: []string{}})
	for _, s := range []gitlabjobs.Status{created, gitlabjobs.StatusPending, gitlabjobs.StatusCanceled} {
		w.addJob(s)
	}
	c := &call{srv: w.Server, now: time.Now(), shared: map[any]any{}}
	jobs, isJobs := c.jobsJSON(w.app.jobs).(wireJobs)
	require.True(t, isJobs)
	for _, v := range []any{jobs, wireJobs{}, jobs[0]} {
		want, err := json.Marshal(v)
		require.NoError(t, err)
		have, err := encode(v)
		require.NoError(t, err)
		require.Equal(t, string(want), string(have))
	}
}
