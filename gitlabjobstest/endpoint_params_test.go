package gitlabjobstest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestParametersInQueryFormOrJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, query, kind, body string
		status                  int
		want                    string // A part of the body.
	}{
		{"query", "?force=true", "", "", 201, `"status":"canceled"`},
		{"form", "", "application/x-www-form-urlencoded", "force=1", 201, `"status":"canceled"`},
		{"JSON", "", "application/json; charset=utf-8", `{"force":true}`, 201, `"status":"canceled"`},
		{"JSON string", "", "application/json", `{"force":"true"}`, 201, `"status":"canceled"`},
		{"JSON null", "", "application/json", `{"force":null}`, 201, `"status":"canceling"`},
		{"false", "?force=false", "", "", 201, `"status":"canceling"`},
		{"not a boolean", "?force=maybe", "", "", 400, `{"error":"force is invalid"}`},
		{"not JSON", "", "application/json", `{"force"`, 400, `"error"`},
		{"two JSON values", "", "application/json", `{} {}`, 400, `"error"`},
		{"JSON array", "", "application/json", `[]`, 201, `"status":"canceling"`},
		{"JSON array and query", "?force=true", "application/json", `[{"force":false}]`, 201, `"status":"canceled"`},
		{"yes", "?force=yes", "", "", 201, `"status":"canceled"`},
		{"JSON number", "", "application/json", `{"force":1}`, 201, `"status":"canceled"`},
		{"array instead of a boolean", "?force[]=true", "", "", 400, `{"error":"force is invalid"}`},
		{"conflicting types", "?force=true&force[]=true", "", "", 400, `{"error":"query params contains conflicting types"}`},
		{"multipart form", "", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"force\"\r\n\r\ntrue\r\n--b--\r\n", 201, `"status":"canceled"`},
		{"incomplete multipart form", "", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition", 400, `"error"`},
		{"no Content-Type", "", "", `force=true`, 415, "The provided content-type '' is not supported."},
		{"invalid form", "", "application/x-www-form-urlencoded", "a=%zz", 400, `"error"`},
		{"unknown Content-Type", "", "text/csv", "force", 415, "The provided content-type 'text/csv' is not supported."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			j := w.addJob(gitlabjobs.StatusCanceling)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
				w.URL+"/api/v4"+jobPath(j, "/cancel")+tt.query, strings.NewReader(tt.body))
			require.NoError(t, err)
			req.Header.Set("Private-Token", w.maintainer)
			if tt.kind != "" {
				req.Header.Set("Content-Type", tt.kind)
			}
			resp, err := w.Transport().RoundTrip(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			b := make([]byte, 4096)
			n, err := resp.Body.Read(b)
			require.NoError(t, err)
			require.Equal(t, tt.status, resp.StatusCode)
			require.Contains(t, string(b[:n]), tt.want)
		})
	}
}

func TestPlayRefusesInvalidVariablesAndInputs(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`{"job_variables_attributes":{}}`:                       "job_variables_attributes is invalid",
		`{"job_variables_attributes":["A"]}`:                    "job_variables_attributes[0][key] is missing, job_variables_attributes[0][value] is missing",
		`{"job_variables_attributes":[{"key":[],"value":"x"}]}`: "job_variables_attributes[0][key] is invalid",
		`{"job_variables_attributes":[{}]}`:                     "job_variables_attributes[0][key] is missing, job_variables_attributes[0][value] is missing",
		`{"job_inputs":[]}`:                                     "job_inputs is invalid",
	}
	for body, problem := range tests {
		w := newFixture(t)
		w.postAction(t, w.manual, "play", body).expect(400, `{"error":"`+problem+`"}`)
		require.Zero(t, w.Count(ActionPlay))
	}
}

// Numbers that do not fit into 64 bits do not cause server errors.
func TestHugeNumbersInRequests(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.send(t, "GET "+w.jobs+"/99999999999999999999", w.dev).expect(404, notFound)
	w.send(t, "GET /projects/99999999999999999999/jobs", w.dev).expect(404, noProject)
	w.send(t, "GET /projects/7/pipelines/99999999999999999999/jobs", w.dev).expect(404, notFound)
	w.send(t, "GET "+w.pipeline+"/jobs?page=999999999999&per_page=999999999999", w.dev).expect(200, "[]")
	w.send(t, "GET "+w.jobs+"?page=-1&per_page=-1", w.dev).expect(200)
}

// Lists are ordered by ID even if jobs are added with lower IDs.
func TestListsAreOrderedByID(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.pl.AddJob(JobSpec{ID: 5})
	w.pl.AddJob(JobSpec{ID: 1_000_000})
	w.pl.AddJob(JobSpec{ID: 50})
	last := w.pl.AddJob(JobSpec{})
	want := []int64{1_000_001, 1_000_000, 1003, 1002, 1001, 50, 5}
	require.Equal(t, want[0], last.ID())
	require.Equal(t, want, w.send(t, "GET "+w.jobs, w.dev).ids())
	require.Equal(t, want, w.send(t, "GET "+w.pipeline+"/jobs", w.dev).ids())
	g := w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=3", w.dev)
	require.Equal(t, want[:3], g.ids())
	g = w.send(t, "GET "+w.jobs+"?pagination=keyset&per_page=3&cursor="+g.header.Get("X-Next-Cursor"), w.dev)
	require.Equal(t, want[3:6], g.ids())
}

func TestOlderServerResponses(t *testing.T) {
	t.Parallel()
	w := newFixture(t, OlderServer())
	b := w.send(t, "GET "+w.pipeline+"/bridges", w.dev).expect(200).objects()[0]
	require.Contains(t, b, "downstream_pipeline")
	require.NotContains(t, b, "erased_at")
	o := w.postAction(t, w.bridge.job, "retry").expect(201).object()
	require.Equal(t, []any{"bridge"}, o["tag_list"])
	o = w.send(t, "GET "+jobPath(w.running, ""), w.dev).object()
	pipeline, _ := o["pipeline"].(map[string]any)
	require.Len(t, pipeline, 5)
	require.NotNil(t, o["runner"])
}
