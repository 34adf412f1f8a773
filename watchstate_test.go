package gitlabjobs_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func marshaled(t *testing.T, state gitlabjobs.WatchState) string {
	t.Helper()
	data, err := json.Marshal(state)
	require.NoError(t, err)
	return string(data)
}

// statuses returns n jobs in JSON. The first ones are manual, and the others are unreported.
func statuses(manual, n int) string {
	ids := func(from, to int) string {
		var s []string
		for id := from; id <= to; id++ {
			s = append(s, strconv.Itoa(id))
		}
		return "[" + strings.Join(s, ",") + "]"
	}
	if manual == n {
		return `{"manual":` + ids(1, n) + `}`
	}
	return `{"manual":` + ids(1, manual) + `,"":` + ids(manual+1, n) + `}`
}

func TestWatchStateMarshalsToJSONAndBack(t *testing.T) {
	t.Parallel()
	for _, want := range []string{
		`{"version":1,"project_id":0,"newest_id":0,"jobs":{}}`,
		`{"version":1,"project_id":7,"ref":"main","newest_id":12,"jobs":{"":[3],"brand_new":[4],"pending":[9,11],"running":[5]}}`,
		`{"version":1,"project_id":7,"newest_id":12,"jobs":{"success":[13]}}`,
	} {
		var state gitlabjobs.WatchState
		require.NoError(t, json.Unmarshal([]byte(want), &state))
		assert.Equal(t, want, marshaled(t, state))
	}
	assert.JSONEq(t, `{"version":1,"project_id":0,"newest_id":0,"jobs":{}}`, marshaled(t, gitlabjobs.WatchState{}))

	state := struct{ State gitlabjobs.WatchState }{}
	require.NoError(t, json.Unmarshal([]byte(`{"State":null}`), &state))
	assert.Equal(t, gitlabjobs.WatchState{}, state.State)
}

func TestWatchStateRejectsInvalidJSON(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{}`: "the version is 0: this package reads version 1",
		`{"version":2,"project_id":7,"newest_id":12,"jobs":{}}`: "the version is 2",
		`{"version":1}`: "newest_id or jobs is missing",
		`{"version":1,"project_id":7,"newest_id":12}`:                             "newest_id or jobs is missing",
		`{"version":1,"project_id":7,"newest_id":-1,"jobs":{}}`:                   "newest_id is -1",
		`{"version":1,"project_id":-7,"newest_id":1,"jobs":{}}`:                   "project_id is -7",
		`{"version":1,"project_id":7,"newest_id":12,"jobs":{"running":[0]}}`:      "job 0",
		`{"version":1,"project_id":7,"newest_id":12,"jobs":{"running":[1,1]}}`:    "job 1",
		`{"version":1,"project_id":7,"newest_id":12,"jobs":{"a":[1],"b":[1]}}`:    "job 1",
		`{"version":1,"project_id":7,"newest_id":12,"jobs":{"running":["1"]}}`:    "jobs",
		`{"version":1,"project_id":7,"newest_id":99999999999999999999,"jobs":{}}`: "newest_id",
		`[]`:     "WatchState",
		`"text"`: "WatchState",
	} {
		state := gitlabjobs.WatchState{}
		err := json.Unmarshal([]byte(data), &state)
		require.ErrorContains(t, err, want, data)
		require.ErrorContains(t, err, "use a state that JobEvent.State returned")
		assert.Equal(t, gitlabjobs.WatchState{}, state)
	}
}

// A state of another project is an error before any event. If the project was given by its
// ID, it is an error before any request.
func TestWatchRejectsTheStateOfAnotherProjectOrRef(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		project  gitlabjobs.Project
		ref      string
		want     string
		requests int
	}{
		"by number": {"8", "", "WatchOptions: Since is a state of project 7, not of 8", 0},
		"by path":   {"group/other", "", "is of project 8, but the state is of project 7", 1},
		"a ref":     {"7", "main", `WatchOptions: Since is a state for Ref "", not for "main"`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, _, client := newApp(t)
				srv.AddProject("group/other").AddPipeline().AddJob(job(50, "running"))
				var since gitlabjobs.WatchState
				require.NoError(t, json.Unmarshal([]byte(`{"version":1,"project_id":7,"newest_id":12,"jobs":{}}`), &since))
				failed := false
				for event, err := range client.Jobs.Watch(t.Context(), tc.project, &gitlabjobs.WatchOptions{Since: since, Ref: tc.ref}) {
					require.ErrorContains(t, err, tc.want)
					assert.Nil(t, event)
					failed = true
				}
				assert.True(t, failed)
				assert.Len(t, srv.Requests(), tc.requests)
			})
		})
	}
}
