package gitlabjobs_test

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// bridgeRoutes is a server with a status for each of the two lists of bridges. Pipeline
// 6 exists.
type bridgeRoutes struct {
	status map[string]int
	asked  []string
}

func (r *bridgeRoutes) respond(req *http.Request) (*http.Response, error) {
	route := path.Base(req.URL.Path)
	r.asked = append(r.asked, route)
	a := answer{status: r.status[route], body: `{"error":"404 Not Found"}`, header: map[string]string{"X-Request-Id": fmt.Sprint(route, len(r.asked))}}
	if a.status == http.StatusOK {
		a.body = `[{"id":9}]`
	}
	if !strings.Contains(req.URL.Path, "/pipelines/6/") {
		a.status, a.body = http.StatusNotFound, `{"message":"404 Not found"}`
	}
	return a.to(req), nil
}

func TestBridgesAreListedAfterTheServerChangesItsRoute(t *testing.T) {
	t.Parallel()
	r := &bridgeRoutes{}
	client := newClient(t, r.respond)
	only := func(route string) map[string]int {
		return map[string]int{"bridges": 404, "trigger_jobs": 404, route: 200}
	}
	for i, step := range []struct {
		status   map[string]int
		pipeline int64
		want     string
		found    bool
	}{
		{only("bridges"), 6, "bridges", true},
		{only("bridges"), 6, "bridges", true},
		{only("trigger_jobs"), 6, "bridges trigger_jobs", true}, // An upgrade.
		{only("trigger_jobs"), 6, "trigger_jobs", true},
		{only("trigger_jobs"), 7, "trigger_jobs bridges", false}, // An upgrade, and the pipeline does not exist.
		{only("trigger_jobs"), 6, "trigger_jobs", true},
		{only("bridges"), 6, "trigger_jobs bridges", true}, // A rollback.
		{only("bridges"), 6, "bridges", true},
		{only("bridges"), 7, "bridges trigger_jobs", false},
		{only("bridges"), 6, "bridges", true},
		{only("neither"), 6, "bridges trigger_jobs", false},
		{only("bridges"), 6, "bridges", true},
	} {
		r.status, r.asked = step.status, nil
		var resp gitlabjobs.Response
		page, err := client.Bridges.List(t.Context(), "1", step.pipeline, nil, gitlabjobs.WithResponse(&resp))
		assert.Equal(t, step.want, strings.Join(r.asked, " "), "step %d", i)
		if step.found {
			require.NoError(t, err)
			assert.Len(t, page.Items, 1)
			assert.Equal(t, fmt.Sprint(r.asked[len(r.asked)-1], len(r.asked)), resp.RequestID)
			continue
		}
		require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
		require.ErrorContains(t, err, "/"+r.asked[0], "the error is that of the route in use")
		assert.Equal(t, r.asked[0]+"1", resp.RequestID)
		assert.Nil(t, page)
	}
}

func TestAnErrorOfTheOtherBridgesRouteIsReported(t *testing.T) {
	t.Parallel()
	r := &bridgeRoutes{status: map[string]int{"bridges": 404, "trigger_jobs": 403}}
	var resp gitlabjobs.Response
	_, err := newClient(t, r.respond).Bridges.List(t.Context(), "1", 6, nil, gitlabjobs.WithResponse(&resp))
	require.ErrorIs(t, err, gitlabjobs.ErrForbidden)
	assert.Equal(t, 403, resp.StatusCode)
	assert.Len(t, r.asked, 2)
}

func TestBridgesAreListedAcrossAnUpgradeBetweenTwoPages(t *testing.T) {
	t.Parallel()
	for _, prefetch := range []int{0, 4} {
		list := numbered([]int64{5, 4}, []int64{3, 2}, []int64{1})
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			first := req.URL.Query().Get("page") == "1"
			if strings.HasSuffix(req.URL.Path, "/bridges") != first {
				return answer{status: 404, body: `{"error":"404 Not Found"}`}.to(req), nil
			}
			return list(req)
		})
		opts := &gitlabjobs.ListBridgesOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: prefetch}}
		bridges, err := gitlabjobs.Collect(client.Bridges.All(t.Context(), "1", 6, opts), 0)
		require.NoError(t, err)
		assert.Len(t, bridges, 5)
	}
}
