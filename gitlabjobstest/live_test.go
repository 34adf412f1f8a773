package gitlabjobstest_test

import (
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	gt "example.com/gitlabjobs/gitlabjobstest"
)

// listQueries returns the queries of the recording that can be sent to any
// server. They do not refer to recorded jobs and do not cause server errors.
func listQueries(t *testing.T) []string {
	t.Helper()
	var queries []string
	taken := map[string]bool{}
	for _, r := range readRecording(t) {
		path, query, _ := strings.Cut(r.Path, "?")
		if r.Group != "C" || path != "/api/v4/projects/7/jobs" || taken[query] || r.Status >= http.StatusInternalServerError ||
			strings.Contains(query, "cursor=eyJ") || isMissingInMirror(query) {
			continue
		}
		taken[query] = true
		if query != "" {
			query = "?" + query
		}
		queries = append(queries, query)
	}
	require.Greater(t, len(queries), 50)
	return queries
}

// isMissingInMirror reports whether a live server may have a page that the mirror
// does not have.
func isMissingInMirror(query string) bool {
	values, err := url.ParseQuery(query)
	page, _ := strconv.Atoi(values.Get("page"))
	return err != nil || page > 10 || strings.Contains(query, "99999")
}

// TestLive compares a GitLab server with the fake. CONTRIBUTING.md describes how
// to run it.
func TestLive(t *testing.T) {
	t.Parallel()
	env := func(name string) string { return os.Getenv("GITLABJOBS_LIVE_" + name) }
	c := &comparison{
		url: env("URL"), token: env("TOKEN"), project: env("PROJECT"), pipeline: env("PIPELINE"),
		manualJob: env("MANUAL_JOB"), failedJob: env("FAILED_JOB"), queries: listQueries(t),
	}
	if c.url == "" || c.token == "" || c.project == "" || c.pipeline == "" {
		t.Skip("set GITLABJOBS_LIVE_URL, _TOKEN, _PROJECT and _PIPELINE to compare a GitLab server with the fake")
	}
	requests, differences, err := c.run(t.Context())
	require.NoError(t, err)
	for _, d := range differences {
		t.Error(d)
	}
	t.Logf("%d requests, %d differences", requests, len(differences))
}

// newStandIn returns a fake on a socket that replaces the live server, and a
// comparison with it.
func newStandIn(t *testing.T, spec gt.ProjectSpec) (*gt.Server, *comparison) {
	t.Helper()
	s := gt.NewServer(t, gt.KeepAlive())
	app := s.AddProject("group/sub/app", spec)
	other := app.AddPipeline(gt.PipelineSpec{Ref: "v1.0", Tag: true})
	other.AddJobs(30, nil)
	pl := app.AddPipeline()
	pl.AddJob(gt.JobSpec{Coverage: 80, Artifacts: []gt.Artifact{{Type: "archive", Size: 10}}, Log: "a log", TagList: []string{"docker"}})
	pl.AddJob(gt.JobSpec{Status: gitlabjobs.StatusFailed, Retried: true})
	failed := pl.AddJob(gt.JobSpec{Status: gitlabjobs.StatusFailed})
	manual := pl.AddJob(gt.JobSpec{Status: gitlabjobs.StatusManual})
	pl.AddJob(gt.JobSpec{Status: gitlabjobs.StatusCanceled, NoUser: true, NoCommit: true})
	pl.AddJob(gt.JobSpec{Status: gitlabjobs.StatusSkipped})
	pl.AddBridge(gt.BridgeSpec{Downstream: app.AddPipeline()})
	pl.AddBridge(gt.BridgeSpec{Status: gitlabjobs.StatusManual})
	id := func(n int64) string { return strconv.FormatInt(n, 10) }
	return s, &comparison{
		url: s.URL, token: s.Tokens.Maintainer, project: "group/sub/app", pipeline: id(pl.ID()),
		manualJob: id(manual.ID()), failedJob: id(failed.ID()), queries: listQueries(t),
	}
}

func TestLiveComparisonFindsNoDifferenceInFake(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]gt.ProjectSpec{"private": {}, "public": {Visibility: gt.Public}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := newStandIn(t, spec)
			if c.queries = c.queries[:5]; name == "private" {
				c.queries = listQueries(t)
			}
			requests, differences, err := c.run(t.Context())
			require.NoError(t, err)
			require.Empty(t, differences)
			require.Greater(t, requests, 150)
			require.Equal(t, 1, s.Count(gt.ActionRetry))
			require.Equal(t, 1, s.Count(gt.ActionPlay))
		})
	}
}

func TestLiveComparisonFindsDifferences(t *testing.T) {
	t.Parallel()
	s, c := newStandIn(t, gt.ProjectSpec{})
	c.queries = c.queries[:5]
	const jobs, pipeline = "/projects/:id/jobs", "/projects/:id/pipelines/:pipeline_id"
	for _, f := range []gt.Fault{
		{Route: jobs + "/:job_id", Do: gt.SetField("mood", "good")},
		{Route: pipeline + "/bridges", Do: gt.SetField("tag", 5)},
		{Route: "/job", Do: gt.InternalError()},
		{Route: "/job/allowed_agents", Do: gt.Answer(http.StatusNotFound, nil, "no")},
		{Route: jobs, Skip: 20, Do: gt.Answer(http.StatusOK, http.Header{"X-Page": {"7"}}, "[]")},
		{Method: http.MethodPost, Do: gt.Conflict()},
	} {
		f.Times = gt.Always
		s.Fault(f)
	}
	_, differences, err := c.run(t.Context())
	require.NoError(t, err)
	all := strings.Join(differences, "\n")
	for name, find := range map[string]string{
		"a field": "not [mood]", "a kind": "tag is a boolean, not a number", "a status": "not 500",
		"an error": "GET /job/allowed_agents", "a header": "X-Page is", "an action": "not 409",
	} {
		require.Contains(t, all, find, name)
	}
	require.NotContains(t, all, c.token)
}

func TestLiveComparisonChangesOnlyGivenJobs(t *testing.T) {
	t.Parallel()
	s, c := newStandIn(t, gt.ProjectSpec{})
	c.manualJob, c.failedJob, c.queries = "", "", c.queries[:5]
	_, differences, err := c.run(t.Context())
	require.NoError(t, err)
	require.Empty(t, differences)
	for _, r := range s.Requests() {
		require.Equal(t, http.MethodGet, r.Method)
	}
}

func TestLiveComparisonReportsInvalidSettings(t *testing.T) {
	t.Parallel()
	_, c := newStandIn(t, gt.ProjectSpec{})
	c.pipeline = "999"
	_, _, err := c.run(t.Context())
	require.ErrorContains(t, err, "check the URL, the token, the project and the pipeline")
}
