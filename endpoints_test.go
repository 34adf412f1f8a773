package gitlabjobs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// endpoint is a row for one way to call an endpoint: the call, and the request that it
// sends.
type endpoint struct {
	name   string
	method string
	route  string
	uri    string // Escaped path and raw query.
	body   string
	answer string // The body of the server's response; default: a job.
	status int    // The status code of a success; default: 200.
	call   func(context.Context, *gitlabjobs.Client) (any, error)
}

// path returns the request's path as errors show it.
func (e endpoint) path() string {
	path, _, _ := strings.Cut(strings.TrimPrefix(e.uri, "/api/v4"), "?")
	return path
}

const oneJob = `{"id":7,"name":"rspec","status":"success"}`

var endpoints = []endpoint{
	{
		name: "list project jobs", method: "GET", route: "/projects/:id/jobs", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/group%2Fapp/jobs",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.ListByProject(ctx, "group/app", nil))
		},
	},
	{
		name: "list project jobs, every option", method: "GET", route: "/projects/:id/jobs", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/1/jobs?page=3&pagination=offset&per_page=50&ref=v1.0%2Brc&scope%5B%5D=pending&scope%5B%5D=brand_new",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.ListByProject(ctx, "1", &gitlabjobs.ListJobsOptions{
				ListOptions: gitlabjobs.ListOptions{Page: 3, PerPage: 50, Prefetch: 2},
				Scope:       []gitlabjobs.Status{gitlabjobs.StatusPending, "brand_new"},
				Ref:         "v1.0+rc",
				Pagination:  gitlabjobs.OffsetPagination,
			}))
		},
	},
	{
		name: "list project jobs by cursor", method: "GET", route: "/projects/:id/jobs", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/1/jobs?cursor=eyJ%2B%3D&pagination=keyset",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.ListByProject(ctx, "1", &gitlabjobs.ListJobsOptions{Cursor: "eyJ+="}))
		},
	},
	{
		name: "all project jobs", method: "GET", route: "/projects/:id/jobs", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/1/jobs?pagination=keyset&per_page=100&scope%5B%5D=failed",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return first(c.Jobs.AllByProject(ctx, "1", &gitlabjobs.ListJobsOptions{Scope: []gitlabjobs.Status{gitlabjobs.StatusFailed}}))
		},
	},
	{
		name: "list pipeline jobs", method: "GET", route: "/projects/:id/pipelines/:pipeline_id/jobs", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/1/pipelines/6/jobs?include_retried=true&page=2&per_page=10&scope%5B%5D=manual",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.ListByPipeline(ctx, "1", 6, &gitlabjobs.ListPipelineJobsOptions{
				ListOptions:    gitlabjobs.ListOptions{Page: 2, PerPage: 10},
				Scope:          []gitlabjobs.Status{gitlabjobs.StatusManual},
				IncludeRetried: true,
			}))
		},
	},
	{
		name: "all pipeline jobs", method: "GET", route: "/projects/:id/pipelines/:pipeline_id/jobs", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/1/pipelines/6/jobs?page=1&per_page=100",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return first(c.Jobs.AllByPipeline(ctx, "1", 6, nil))
		},
	},
	{
		name: "list pipeline bridges", method: "GET", route: "/projects/:id/pipelines/:pipeline_id/bridges", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/1/pipelines/6/bridges?per_page=5&scope%5B%5D=failed&scope%5B%5D=success",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Bridges.List(ctx, "1", 6, &gitlabjobs.ListBridgesOptions{
				ListOptions: gitlabjobs.ListOptions{PerPage: 5},
				Scope:       []gitlabjobs.Status{gitlabjobs.StatusFailed, gitlabjobs.StatusSuccess},
			}))
		},
	},
	{
		name: "all pipeline bridges", method: "GET", route: "/projects/:id/pipelines/:pipeline_id/bridges", answer: "[" + oneJob + "]",
		uri: "/api/v4/projects/1/pipelines/6/bridges?page=1&per_page=100",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return first(c.Bridges.All(ctx, "1", 6, nil))
		},
	},
	{
		name: "get a job", method: "GET", route: "/projects/:id/jobs/:job_id",
		uri: "/api/v4/projects/1/jobs/16728223589",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.Get(ctx, "1", 16728223589))
		},
	},
	{
		name: "trace", method: "GET", route: "/projects/:id/jobs/:job_id/trace", answer: "line one\n",
		uri: "/api/v4/projects/1/jobs/7/trace",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return readAll(c.Jobs.Trace(ctx, "1", 7, nil))
		},
	},
	{
		name: "cancel", method: "POST", route: "/projects/:id/jobs/:job_id/cancel", status: 201,
		uri: "/api/v4/projects/1/jobs/7/cancel",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.Cancel(ctx, "1", 7, nil))
		},
	},
	{
		name: "cancel by force", method: "POST", route: "/projects/:id/jobs/:job_id/cancel", status: 201,
		uri: "/api/v4/projects/1/jobs/7/cancel", body: `{"force":true}`,
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.Cancel(ctx, "1", 7, &gitlabjobs.CancelOptions{Force: true}))
		},
	},
	{
		name: "retry", method: "POST", route: "/projects/:id/jobs/:job_id/retry", status: 201,
		uri: "/api/v4/projects/1/jobs/7/retry",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.Retry(ctx, "1", 7, &gitlabjobs.RetryOptions{}))
		},
	},
	{
		name: "retry with inputs", method: "POST", route: "/projects/:id/jobs/:job_id/retry", status: 201,
		uri: "/api/v4/projects/1/jobs/7/retry", body: `{"inputs":{"count":3,"debug":true,"hosts":["a","b"],"name":"x"}}`,
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.Retry(ctx, "1", 7, &gitlabjobs.RetryOptions{
				Inputs: map[string]any{"name": "x", "count": 3, "debug": true, "hosts": []string{"a", "b"}},
			}))
		},
	},
	{
		name: "erase", method: "POST", route: "/projects/:id/jobs/:job_id/erase", status: 201,
		uri: "/api/v4/projects/1/jobs/7/erase",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.Erase(ctx, "1", 7))
		},
	},
	{
		name: "play", method: "POST", route: "/projects/:id/jobs/:job_id/play",
		uri: "/api/v4/projects/1/jobs/7/play",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Jobs.Play(ctx, "1", 7, &gitlabjobs.PlayOptions{}))
		},
	},
	{
		name: "play a bridge", method: "POST", route: "/projects/:id/jobs/:job_id/play",
		uri: "/api/v4/projects/1/jobs/7/play", body: `{"job_variables_attributes":[{"key":"A","value":"1"}]}`,
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.Bridges.Play(ctx, "1", 7, &gitlabjobs.PlayOptions{Variables: []gitlabjobs.JobVariable{{Key: "A", Value: "1"}}}))
		},
	},
	{
		name: "the job token's job", method: "GET", route: "/job", uri: "/api/v4/job",
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.JobToken.Job(ctx))
		},
	},
	{
		name: "the job token's agents", method: "GET", route: "/job/allowed_agents", uri: "/api/v4/job/allowed_agents",
		answer: `{"allowed_agents":[],"job":{"id":7}}`,
		call: func(ctx context.Context, c *gitlabjobs.Client) (any, error) {
			return nilable(c.JobToken.AllowedAgents(ctx))
		},
	},
}

// nilable turns a nil pointer into a nil interface, so that a test can compare it with nil.
func nilable[T any](v *T, err error) (any, error) {
	if v == nil {
		return nil, err
	}
	return v, err
}

func first[T any](seq func(func(*T, error) bool)) (any, error) {
	for v, err := range seq {
		return nilable(v, err)
	}
	return nil, errors.New("nothing was yielded")
}

func readAll(r io.ReadCloser, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestEachEndpointMakesItsRequest(t *testing.T) {
	t.Parallel()
	for _, e := range endpoints {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				requests++
				assert.Equal(t, e.method, req.Method)
				assert.Equal(t, "gitlab.example.com", req.URL.Host)
				assert.Equal(t, e.uri, req.URL.RequestURI())
				assert.Equal(t, testToken, req.Header.Get("PRIVATE-TOKEN"))
				assert.Equal(t, "gitlabjobs", req.Header.Get("User-Agent"))
				assert.Equal(t, e.route, gitlabjobs.RouteFromContext(req.Context()))
				var body []byte
				if req.Body != nil {
					body, _ = io.ReadAll(req.Body)
				}
				assert.Equal(t, e.body, string(body))
				contentType := ""
				if e.body != "" {
					contentType = "application/json"
				}
				assert.Equal(t, contentType, req.Header.Get("Content-Type"))
				assert.EqualValues(t, len(e.body), req.ContentLength)
				body2 := e.answer
				if body2 == "" {
					body2 = oneJob
				}
				return answer{status: e.status, body: body2}.to(req), nil
			})
			v, err := e.call(t.Context(), client)
			require.NoError(t, err)
			require.NotNil(t, v)
			assert.Equal(t, 1, requests)
			switch v := v.(type) {
			case *gitlabjobs.Job:
				assert.EqualValues(t, 7, v.ID)
				assert.Equal(t, "rspec", v.Name)
				assert.Equal(t, gitlabjobs.StatusSuccess, v.Status)
			case *gitlabjobs.Bridge:
				assert.EqualValues(t, 7, v.ID)
			case *gitlabjobs.Page[gitlabjobs.Job]:
				assert.EqualValues(t, 7, v.Items[0].ID)
			case *gitlabjobs.Page[gitlabjobs.Bridge]:
				assert.EqualValues(t, 7, v.Items[0].ID)
			case *gitlabjobs.AllowedAgents:
				assert.EqualValues(t, 7, v.Job.ID)
			case []byte:
				assert.Equal(t, e.answer, string(v))
			default:
				t.Fatalf("unexpected %T", v)
			}
		})
	}
}

func TestEachEndpointReportsAnErrorStatus(t *testing.T) {
	t.Parallel()
	for _, e := range endpoints {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			client := answering(t, answer{
				status: 403, body: `{"message":"403 Forbidden - Job is not erasable!"}`,
				header: map[string]string{"X-Request-Id": "01XYZ"},
			})
			v, err := e.call(t.Context(), client)
			assert.Nil(t, v)
			require.ErrorIs(t, err, gitlabjobs.ErrForbidden)
			require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
			var refusal *gitlabjobs.Error
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, e.method, refusal.Method)
			assert.Equal(t, e.route, refusal.Route)
			assert.Equal(t, e.path(), refusal.Path)
			assert.Equal(t, 403, refusal.StatusCode)
			assert.Equal(t, "403 Forbidden - Job is not erasable!", refusal.Message)
			assert.Equal(t, "01XYZ", refusal.RequestID)
			text := err.Error()
			if strings.HasPrefix(e.name, "all ") {
				text = strings.NewReplacer("first page: ", "", "page 1: ", "").Replace(text)
			}
			assert.Equal(t, text, "gitlabjobs: "+e.method+" "+e.path()+": 403 Forbidden - Job is not erasable! (request ID 01XYZ)")
		})
	}
}

// A success status with an unusable body must never become a nil value without an error.
func TestEachEndpointReportsAnUnusableSuccess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer
		want string
	}{
		"nothing":               {answer{}, "(application/json): the body is empty"},
		"no content":            {answer{status: 204}, "(application/json): the body is empty"},
		"white space":           {answer{body: " \n"}, "(application/json): the body is empty"},
		"null":                  {answer{body: "null"}, "(application/json): a JSON null where an"},
		"HTML":                  {answer{body: "<html><title>Sign in</title></html>", header: map[string]string{"Content-Type": "text/html; charset=utf-8"}}, "(text/html): "},
		"a string":              {answer{body: `"ok"`}, "a JSON string where an"},
		"a number":              {answer{body: `12`}, "a JSON number where an"},
		"a boolean":             {answer{body: `true`}, "a JSON boolean where an"},
		"a message":             {answer{body: `{"message":"hello"}`}, "a JSON object"},
		"a list of numbers":     {answer{body: `[1,2]`}, "JSON"},
		"a list of nulls":       {answer{body: `[null]`}, "JSON"},
		"cut":                   {answer{body: `{"id":7,"name":"rsp`}, "JSON"},
		"a cut list":            {answer{body: `[{"id":7},`}, "JSON"},
		"two values":            {answer{body: oneJob + oneJob}, "JSON"},
		"brackets that differ":  {answer{body: `[{"id":7}}`}, "JSON"},
		"without content type":  {answer{header: map[string]string{"Content-Type": ""}}, "(no content type): the body is empty"},
		"nested without bounds": {answer{body: `{"id":1,"x":` + nested(20_000) + `}`}, "JSON"},
	} {
		for _, e := range endpoints {
			if e.name == "trace" {
				continue // Any body is a valid log.
			}
			t.Run(name+"/"+e.name, func(t *testing.T) {
				t.Parallel()
				v, err := e.call(t.Context(), answering(t, tc.answer))
				assert.Nil(t, v)
				var unusable *gitlabjobs.Error
				require.ErrorAs(t, err, &unusable)
				assert.Contains(t, err.Error(), e.path())
				if tc.want != "JSON" && tc.want != "a JSON object" {
					assert.Contains(t, err.Error(), tc.want)
				}
				assert.Contains(t, err.Error(), "the response cannot be used (")
				assert.Equal(t, e.method == "POST", errors.Is(err, gitlabjobs.ErrOutcomeUnknown))
			})
		}
	}
}

func nested(depth int) string {
	b := make([]byte, 0, 2*depth)
	for range depth {
		b = append(b, '[')
	}
	for range depth {
		b = append(b, ']')
	}
	return string(b)
}

func TestInvalidOptionsAreErrorsBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, http.ErrServerClosed
	})
	jobs := func(o gitlabjobs.ListJobsOptions) error {
		_, err := client.Jobs.ListByProject(t.Context(), "1", &o)
		return err
	}
	play := func(o gitlabjobs.PlayOptions) error {
		_, err := client.Jobs.Play(t.Context(), "1", 2, &o)
		_, err2 := client.Bridges.Play(t.Context(), "1", 2, &o)
		assert.Error(t, err2)
		return err
	}
	trace := func(o gitlabjobs.TraceOptions) error {
		_, err := client.Jobs.Trace(t.Context(), "1", 2, &o)
		return err
	}
	pipeline := func(o gitlabjobs.ListPipelineJobsOptions) error {
		_, err := client.Jobs.ListByPipeline(t.Context(), "1", 2, &o)
		return err
	}
	bridges := func(o gitlabjobs.ListBridgesOptions) error {
		_, err := client.Bridges.List(t.Context(), "1", 2, &o)
		return err
	}
	for want, err := range map[string]error{
		"ListJobsOptions: Page is -1":         jobs(gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Page: -1}}),
		"PerPage is -5":                       jobs(gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: -5}}),
		"Prefetch is -1":                      jobs(gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Prefetch: -1}}),
		"ListJobsOptions: Scope has an empt":  jobs(gitlabjobs.ListJobsOptions{Scope: []gitlabjobs.Status{""}}),
		`Pagination is "offsets"`:             jobs(gitlabjobs.ListJobsOptions{Pagination: "offsets"}),
		"Pagination is OffsetPagination":      jobs(gitlabjobs.ListJobsOptions{Pagination: gitlabjobs.OffsetPagination, Cursor: "x"}),
		"Page is set with keyset pagination":  jobs(gitlabjobs.ListJobsOptions{ListOptions: gitlabjobs.ListOptions{Page: 2}, Cursor: "x"}),
		"Variables[1] has no Key":             play(gitlabjobs.PlayOptions{Variables: []gitlabjobs.JobVariable{{Key: "A"}, {Value: "b"}}}),
		"encoding the request body":           play(gitlabjobs.PlayOptions{Inputs: map[string]any{"a": make(chan int)}}),
		"Offset is -1":                        trace(gitlabjobs.TraceOptions{Offset: -1}),
		"Limit is -1":                         trace(gitlabjobs.TraceOptions{Limit: -1}),
		"ListPipelineJobsOptions: Scope has":  pipeline(gitlabjobs.ListPipelineJobsOptions{Scope: []gitlabjobs.Status{"failed", ""}}),
		"ListPipelineJobsOptions: PerPage is": pipeline(gitlabjobs.ListPipelineJobsOptions{ListOptions: gitlabjobs.ListOptions{PerPage: -2}}),
		"ListBridgesOptions: Scope has an e":  bridges(gitlabjobs.ListBridgesOptions{Scope: []gitlabjobs.Status{""}}),
		"ListBridgesOptions: Page is -2":      bridges(gitlabjobs.ListBridgesOptions{ListOptions: gitlabjobs.ListOptions{Page: -2}}),
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestOptionsAreNeverModified(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: "[" + oneJob + "]"})
	scope := []gitlabjobs.Status{"failed", "success"}
	opts := gitlabjobs.ListJobsOptions{Scope: scope}
	for _, err := range client.Jobs.AllByProject(t.Context(), "1", &opts) {
		require.NoError(t, err)
	}
	assert.Equal(t, gitlabjobs.ListJobsOptions{Scope: []gitlabjobs.Status{"failed", "success"}}, opts)
}
