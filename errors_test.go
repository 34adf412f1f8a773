package gitlabjobs_test

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func oneAttempt() gitlabjobs.ClientOption {
	return gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1})
}

func TestErrorsHaveTheMessageOfTheServer(t *testing.T) {
	t.Parallel()
	const route = "gitlabjobs: GET /projects/1/jobs/2: "
	for name, tc := range map[string]struct {
		status  int
		body    string
		message string
		details map[string][]string
		text    string // The text of the whole error after the route.
	}{
		"message as a string": {404, `{"message":"404 Project Not Found"}`, "404 Project Not Found", nil, "404 Project Not Found"},
		"error as a string":   {400, `{"error":"scope does not have a valid value"}`, "scope does not have a valid value", nil, "400 Bad Request: scope does not have a valid value"},
		"message as an array": {400, `{"message":["one","two"]}`, "one; two", nil, "400 Bad Request: one; two"},
		"message as an object of arrays": {
			422, `{"message":{"name":["is too long","has a space"],"base":["no"]}}`, "name: is too long, has a space; no",
			map[string][]string{"name": {"is too long", "has a space"}, "base": {"no"}},
			"422 Unprocessable Entity: name: is too long, has a space; no",
		},
		"message as an object of strings": {
			429, `{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`,
			"This endpoint has been requested too many times. Try again later.",
			map[string][]string{"error": {"This endpoint has been requested too many times. Try again later."}},
			"429 Too Many Requests: This endpoint has been requested too many times. Try again later.",
		},
		"message as an object of objects": {400, `{"message":{"a":{"b":["c","d"]},"n":3,"x":null}}`, "a: b: c, d; n: 3", map[string][]string{"a": {"b: c, d"}, "n": {"3"}}, "400 Bad Request: a: b: c, d; n: 3"},
		"error with a description": {
			401, `{"error":"invalid_token","error_description":"Token is expired."}`, "invalid_token: Token is expired.", nil,
			"401 Unauthorized: invalid_token: Token is expired.",
		},
		"insufficient scope": {
			403, `{"error":"insufficient_scope","error_description":"The request requires higher privileges.","scope":"api read_api"}`,
			"insufficient_scope: The request requires higher privileges.",
			map[string][]string{"scope": {"api read_api"}},
			"403 Forbidden: insufficient_scope: The request requires higher privileges.",
		},
		"plain text":                     {429, "Retry later\n", "Retry later", nil, "429 Too Many Requests: Retry later"},
		"a proxy's page":                 {502, "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>x</h1></body></html>", "502 Bad Gateway", nil, "502 Bad Gateway"},
		"a page without a title":         {503, "<!DOCTYPE html><style>b{}</style><script>var a='<b>';</script><!-- no --><p>GitLab is&nbsp;<b>down</b> &amp; out</p>", "GitLab is down & out", nil, "503 Service Unavailable: GitLab is down & out"},
		"a page that is cut":             {502, "<html><title>Bad", "Bad", nil, "502 Bad Gateway: Bad"},
		"nothing":                        {500, "", "500 Internal Server Error", nil, "500 Internal Server Error"},
		"an empty body of a rare status": {599, "", "599", nil, "599"},
		"an empty object":                {400, "{}", "400 Bad Request", nil, "400 Bad Request"},
		"null":                           {400, "null", "400 Bad Request", nil, "400 Bad Request"},
		"other keys":                     {400, `{"reason":"because"}`, `{"reason":"because"}`, nil, `400 Bad Request: {"reason":"because"}`},
		"a list":                         {400, `["a"]`, `["a"]`, nil, `400 Bad Request: ["a"]`},
		"control character":              {400, "{\"message\":\"a\\u0000\\u001b[31m\\nb\"}", "a [31m b", nil, "400 Bad Request: a [31m b"},
		"not UTF-8":                      {400, "caf\xe9", "caf\uFFFD", nil, "400 Bad Request: caf\uFFFD"},
		"not modified":                   {304, "", "304 Not Modified", nil, "304 Not Modified"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := answering(t, answer{status: tc.status, body: tc.body}, oneAttempt())
			_, err := client.Jobs.Get(t.Context(), "1", 2)
			var e *gitlabjobs.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tc.status, e.StatusCode)
			assert.Equal(t, tc.message, e.Message)
			assert.Equal(t, tc.details, e.Details)
			assert.Equal(t, tc.body, string(e.Body))
			assert.Equal(t, route+tc.text, err.Error())
		})
	}
}

func TestSentinelsMatchTheirStatus(t *testing.T) {
	t.Parallel()
	sentinels := map[error][]int{
		gitlabjobs.ErrBadRequest: {400, 422}, gitlabjobs.ErrUnauthorized: {401}, gitlabjobs.ErrForbidden: {403},
		gitlabjobs.ErrNotFound: {404}, gitlabjobs.ErrMethodNotAllowed: {405}, gitlabjobs.ErrConflict: {409},
		gitlabjobs.ErrRateLimited: {429}, gitlabjobs.ErrServer: {500, 502, 503, 504, 599},
	}
	for _, status := range []int{304, 400, 401, 403, 404, 405, 409, 418, 422, 429, 500, 502, 503, 504, 599} {
		_, err := answering(t, answer{status: status}, oneAttempt()).Jobs.Get(t.Context(), "1", 2)
		for sentinel, statuses := range sentinels {
			want := false
			for _, s := range statuses {
				want = want || s == status
			}
			assert.Equal(t, want, errors.Is(err, sentinel), "%d is %v", status, sentinel)
		}
	}
}

func TestErrorsKeepAtMost64KiBOfTheBody(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{status: 500, body: strings.Repeat("x ", 1<<20)}, oneAttempt())
	_, err := client.Jobs.Get(t.Context(), "1", 2)
	var e *gitlabjobs.Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Body, 64<<10)
	assert.Less(t, len(e.Message), 1000)
	assert.Less(t, len(err.Error()), 1000)

	client = answering(t, answer{body: `"` + strings.Repeat("x ", 1<<20) + `"`})
	_, err = client.Jobs.Get(t.Context(), "1", 2)
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Body, 64<<10)
	assert.Less(t, len(err.Error()), 1000)
}

func TestErrorsHaveTheTimeToWait(t *testing.T) {
	t.Parallel()
	const date = "Tue, 05 Mar 2024 09:00:00 GMT" // 1709629200
	for name, tc := range map[string]struct {
		status int
		header map[string]string
		want   time.Duration
	}{
		"seconds":                      {429, map[string]string{"Retry-After": "30"}, 30 * time.Second},
		"a date, relative to Date":     {503, map[string]string{"Retry-After": "Tue, 05 Mar 2024 09:01:30 GMT", "Date": date}, 90 * time.Second},
		"a date in the past":           {503, map[string]string{"Retry-After": "Tue, 05 Mar 2024 08:00:00 GMT", "Date": date}, 0},
		"the rate limit's reset":       {429, map[string]string{"RateLimit-Reset": "1709629245", "Date": date}, 45 * time.Second},
		"Retry-After before the reset": {429, map[string]string{"RateLimit-Reset": "1709629245", "Date": date, "Retry-After": "7"}, 7 * time.Second},
		"a reset in the past":          {429, map[string]string{"RateLimit-Reset": "1709629000", "Date": date}, 0},
		"a reset with a success's":     {403, map[string]string{"RateLimit-Reset": "1709629245", "Date": date}, 0},
		"negative":                     {429, map[string]string{"Retry-After": "-5"}, 0},
		"no number":                    {429, map[string]string{"Retry-After": "soon", "RateLimit-Reset": "soon"}, 0},
		"zero":                         {429, map[string]string{"Retry-After": "0"}, 0},
		"huge":                         {429, map[string]string{"Retry-After": "99999999999999999999999"}, time.Duration(math.MaxInt64).Truncate(time.Second)},
		"nothing":                      {429, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := answering(t, answer{status: tc.status, header: tc.header}, oneAttempt()).Jobs.Get(t.Context(), "1", 2)
			var e *gitlabjobs.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tc.want, e.RetryAfter)
			if tc.want > 0 {
				assert.Contains(t, err.Error(), "(retry after ")
			}
		})
	}
}

func TestAWriteWithoutAUsableResponseHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	_, err := answering(t, answer{status: 502, body: "<html>"}).Jobs.Retry(t.Context(), "1", 2, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	require.ErrorIs(t, err, gitlabjobs.ErrServer)
	require.ErrorContains(t, err, "for a job, get it")

	client := newClient(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") })
	_, err = client.Jobs.Erase(t.Context(), "1", 2)
	require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	assert.ErrorContains(t, err, "POST /projects/1/jobs/2/erase: connection reset by peer; the write may have happened")
}

// The status of an error response is reported even if its body is lost.
func TestAnErrorStatusWithABrokenBodyIsStillThatError(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		resp := answer{status: 403}.to(req)
		resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("begin"), iotest.ErrReader(io.ErrUnexpectedEOF))), 500
		return resp, nil
	})
	_, err := client.Jobs.Retry(t.Context(), "1", 2, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrForbidden)
	require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	assert.ErrorContains(t, err, "403 Forbidden: begin")
}

func TestErrorsAfterACrossHostRedirectSaySo(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "gitlab.example.com" {
			return answer{status: 301, header: map[string]string{"Location": "https://new.example.com" + req.URL.Path}}.to(req), nil
		}
		return answer{status: 401, body: `{"message":"401 Unauthorized"}`}.to(req), nil
	})
	_, err := client.Jobs.Get(t.Context(), "1", 2)
	require.ErrorIs(t, err, gitlabjobs.ErrUnauthorized)
	assert.ErrorContains(t, err, "after a redirect to https://new.example.com, which receives no credentials: if it is the same GitLab server, use it as the base URL of the client")
}

func TestARedirectThatIsNotFollowedIsAnError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		location string
		want     string
	}{
		"to another scheme": {"ftp://elsewhere.example/x?sig=abc", "302 redirect to ftp://elsewhere.example/x, not followed: its scheme is neither http nor https"},
		"to plain http":     {"http://gitlab.example.com/x", "302 redirect to http://gitlab.example.com/x, not followed: it leads from https to http"},
		"to an invalid URL": {"https://%zz/", "302 redirect, not followed"},
		"no Location":       {"", "302 redirect, not followed"},
		"in a loop":         {"https://gitlab.example.com/api/v4/projects/1/jobs/2", "302 redirect to https://gitlab.example.com/api/v4/projects/1/jobs/2, not followed: too many redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := answering(t, answer{status: 302, header: map[string]string{"Location": tc.location}})
			_, err := client.Jobs.Get(t.Context(), "1", 2)
			require.EqualError(t, err, "gitlabjobs: GET /projects/1/jobs/2: "+tc.want)
		})
	}
	requests := 0
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		requests++
		return answer{status: 301, header: map[string]string{"Location": "https://gitlab.example.com/new"}}.to(req), nil
	})
	_, err := client.Jobs.Play(t.Context(), "1", 2, nil)
	require.ErrorContains(t, err, "writes are not redirected")
	require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	assert.Equal(t, 1, requests)
}
