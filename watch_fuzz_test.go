package gitlabjobs_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// FuzzWatchState checks that a state is either unmarshaled completely or rejected, and that
// it marshals to JSON that unmarshals to the same state.
func FuzzWatchState(f *testing.F) {
	f.Add([]byte(`{"version":1,"project_id":7,"ref":"main","newest_id":12,"jobs":{"":[3],"pending":[9,11],"running":[5]}}`))
	f.Add([]byte(`{"version":1,"project_id":0,"newest_id":0,"jobs":{}}`))
	f.Add([]byte(`{"version":2,"jobs":{"running":[1,1]}}`))
	f.Add([]byte(`{"version":1,"newest_id":1,"Jobs":{"a":[1]},"jobs":{"b":[1]}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var state gitlabjobs.WatchState
		if err := json.Unmarshal(data, &state); err != nil {
			require.Equal(t, gitlabjobs.WatchState{}, state)
			return
		}
		first, err := json.Marshal(state)
		require.NoError(t, err)
		var again gitlabjobs.WatchState
		require.NoError(t, json.Unmarshal(first, &again), string(first))
		second, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(first), string(second))
	})
}
