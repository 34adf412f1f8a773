package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestNewClientFindsTheAPI(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"https://gitlab.example.com":                "https://gitlab.example.com/api/v4/job",
		"https://gitlab.example.com/":               "https://gitlab.example.com/api/v4/job",
		"https://gitlab.example.com/api/v4":         "https://gitlab.example.com/api/v4/job",
		"https://gitlab.example.com/api/v4/":        "https://gitlab.example.com/api/v4/job",
		"http://localhost:8080":                     "http://localhost:8080/api/v4/job",
		"https://host.example/gitlab":               "https://host.example/gitlab/api/v4/job",
		"https://host.example/gitlab/api/v4/":       "https://host.example/gitlab/api/v4/job",
		"https://host.example/a%20b":                "https://host.example/a%20b/api/v4/job",
		"https://[::1]:8443":                        "https://[::1]:8443/api/v4/job",
		"https://gitlab.example.com/api":            "https://gitlab.example.com/api/v4/job",
		"HTTPS://gitlab.example.com":                "https://gitlab.example.com/api/v4/job",
		"https://gitlab.example.com:443/gitlab////": "https://gitlab.example.com:443/gitlab/api/v4/job",
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			var got string
			rt := transport(func(req *http.Request) (*http.Response, error) {
				got = req.URL.String()
				return answer{body: `{"id":1}`}.to(req), nil
			})
			client, err := gitlabjobs.NewClient(base, gitlabjobs.NoAuth(), gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}))
			require.NoError(t, err)
			_, err = client.JobToken.Job(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestNewClientReportsInvalidArguments(t *testing.T) {
	t.Parallel()
	const good = "https://gitlab.example.com"
	token := gitlabjobs.PrivateToken(testToken)
	for name, tc := range map[string]struct {
		base string
		auth gitlabjobs.Auth
		opt  gitlabjobs.ClientOption
		want string
	}{
		"no URL":                 {"", token, nil, "it is empty"},
		"no scheme":              {"gitlab.example.com", token, nil, "it has no scheme"},
		"no scheme, with port":   {"localhost:8080", token, nil, "it has no scheme"},
		"another scheme":         {"ftp://gitlab.example.com", token, nil, "neither https nor http"},
		"user info":              {"https://me:hunter2hunter2@gitlab.example.com", token, nil, "use PrivateToken(token)"},
		"query":                  {good + "?private_token=hunter2hunter2", token, nil, "has a query"},
		"empty query":            {good + "/?", token, nil, "has a query"},
		"fragment":               {good + "#hunter2hunter2", token, nil, "has a fragment"},
		"no host":                {"https:///api/v4", token, nil, "has no host"},
		"not a URL":              {"https://hunter2hunter2 .example.com", token, nil, "is not a valid URL"},
		"an endpoint":            {good + "/api/v4/projects/1", token, nil, "continues after /api/v4"},
		"another version":        {good + "/api/v3", token, nil, "another API version"},
		"an empty segment":       {good + "//api/v4", token, nil, "an empty segment"},
		"dots":                   {good + "/../x", token, nil, "empty segment"},
		"a colon":                {good + ":", token, nil, "colon without a port"},
		"an IPv6 zone":           {"https://[fe80::1%25eth0]/gitlab", token, nil, "IPv6 zone"},
		"an unescaped zone":      {"https://[fe80::1%eth0]/gitlab", token, nil, "IPv6 zone"},
		"GraphQL of a version":   {good + "/api/graphql/v4", token, nil, "remove /api/graphql"},
		"GraphQL":                {good + "/gitlab/api/graphql", token, nil, "GraphQL API"},
		"GraphQL with a slash":   {good + "/api/graphql/", token, nil, "remove /api/graphql"},
		"no auth":                {good, nil, nil, "NoAuth()"},
		"empty token":            {good, gitlabjobs.PrivateToken(""), nil, "PrivateToken: the token is empty"},
		"empty bearer token":     {good, gitlabjobs.BearerToken(""), nil, "BearerToken: the token is empty"},
		"empty job token":        {good, gitlabjobs.JobToken(""), nil, "JobToken: the token is empty"},
		"empty job token param":  {good, gitlabjobs.JobTokenParam(""), nil, "JobTokenParam: the token is empty"},
		"token with a new line":  {good, gitlabjobs.PrivateToken("hunter2hunter2\n"), nil, "strings.TrimSpace"},
		"token with a zero byte": {good, gitlabjobs.JobToken("hunter2\x00hunter2"), nil, "control character"},
		"token with a line in":   {good, gitlabjobs.BearerToken("hunter2\r\nX-Evil: 1"), nil, "control character"},
		"nil HTTP client":        {good, token, gitlabjobs.WithHTTPClient(nil), "omit the option"},
		"negative retries":       {good, token, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: -1}), "MaxAttempts: 1 for no retries"},
		"odd user agent":         {good, token, gitlabjobs.WithUserAgent("a\nb"), "control character"},
		"no attempt timeout":     {good, token, gitlabjobs.WithAttemptTimeout(0), "use a positive duration"},
		"no body":                {good, token, gitlabjobs.WithMaxBody(-1), "use a positive number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := gitlabjobs.NewClient(tc.base, tc.auth, tc.opt)
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Nil(t, client)
		})
	}
}

func TestNewClientFromCIReadsTheJobsEnvironment(t *testing.T) {
	t.Setenv("CI_API_V4_URL", "https://ci.example.com/gitlab/api/v4")
	t.Setenv("CI_JOB_TOKEN", "job-token-in-ci")
	var seen *http.Request
	rt := transport(func(req *http.Request) (*http.Response, error) {
		seen = req
		return answer{body: `{"id":5}`}.to(req), nil
	})
	client, err := gitlabjobs.NewClientFromCI(gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}))
	require.NoError(t, err)
	job, err := client.JobToken.Job(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 5, job.ID)
	assert.Equal(t, "https://ci.example.com/gitlab/api/v4/job", seen.URL.String())
	assert.Equal(t, "job-token-in-ci", seen.Header.Get("JOB-TOKEN"))

	t.Setenv("CI_JOB_TOKEN", "")
	_, err = gitlabjobs.NewClientFromCI()
	assert.ErrorContains(t, err, "use NewClient")
}

func TestCredentialsAreSentAsGitLabExpects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		auth          gitlabjobs.Auth
		header, value string
		query         string
	}{
		"PrivateToken":  {gitlabjobs.PrivateToken("tok-en"), "Private-Token", "tok-en", ""},
		"BearerToken":   {gitlabjobs.BearerToken("tok-en"), "Authorization", "Bearer tok-en", ""},
		"JobToken":      {gitlabjobs.JobToken("tok-en"), "Job-Token", "tok-en", ""},
		"JobTokenParam": {gitlabjobs.JobTokenParam("t&k+n"), "", "", "job_token=t%26k%2Bn"},
		"NoAuth":        {gitlabjobs.NoAuth(), "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen *http.Request
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				seen = req
				return answer{body: `{"id":1}`}.to(req), nil
			})
			_, err := client.JobToken.Job(t.Context(), gitlabjobs.WithAuth(tc.auth))
			require.NoError(t, err)
			assert.Equal(t, tc.query, seen.URL.RawQuery)
			for _, h := range []string{"Private-Token", "Authorization", "Job-Token"} {
				want := ""
				if h == tc.header {
					want = tc.value
				}
				assert.Equal(t, want, seen.Header.Get(h), h)
			}
		})
	}
}

type failingAuth struct{}

func (failingAuth) Authorize(*http.Request) error { return errors.New("the vault is sealed") }

func TestAFailingAuthSendsNothing(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, errors.New("no")
	})
	_, err := client.Jobs.Get(t.Context(), "1", 2, gitlabjobs.WithAuth(failingAuth{}))
	assert.EqualError(t, err, "gitlabjobs: GET /projects/1/jobs/2: authorize: the vault is sealed")
}

func TestNoValuePrintsTheToken(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for name, auth := range map[string]gitlabjobs.Auth{
		"PrivateToken":  gitlabjobs.PrivateToken(testToken),
		"BearerToken":   gitlabjobs.BearerToken(testToken),
		"JobToken":      gitlabjobs.JobToken(testToken),
		"JobTokenParam": gitlabjobs.JobTokenParam(testToken),
	} {
		// A server that echoes the request, and a server that can't be reached.
		for _, rt := range []transport{
			func(req *http.Request) (*http.Response, error) {
				return answer{
					status: 400, body: `{"message":{"token":["` + testToken + `"]}}`,
					header: map[string]string{"X-Request-Id": "7"},
				}.to(req), nil
			},
			func(req *http.Request) (*http.Response, error) {
				return answer{body: "<html>" + testToken, header: map[string]string{"Content-Type": "text/html"}}.to(req), nil
			},
			func(req *http.Request) (*http.Response, error) {
				return answer{body: `{"id":1} {"` + testToken + `":1}`, header: map[string]string{"X-Request-Id": testToken}}.to(req), nil
			},
			func(req *http.Request) (*http.Response, error) {
				return answer{body: `{"id":2,"` + testToken + `"}`}.to(req), nil
			},
			func(req *http.Request) (*http.Response, error) {
				return answer{status: 401, body: strings.Repeat(" ", 64<<10-9) + testToken}.to(req), nil
			},
			func(req *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("a proxy: %w", &url.Error{Op: "Get", URL: req.URL.String(), Err: io.ErrUnexpectedEOF})
			},
			func(req *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("can't reach %v with %v", req.URL, req.Header)
			},
			func(req *http.Request) (*http.Response, error) {
				return answer{status: 302, header: map[string]string{"Location": "ftp://host/" + testToken + "?" + testToken}}.to(req), nil
			},
			func(req *http.Request) (*http.Response, error) {
				return answer{status: 302, header: map[string]string{"Location": "https://host/%zz?" + testToken}}.to(req), nil
			},
		} {
			client, err := gitlabjobs.NewClient("https://gitlab.example.com", auth, gitlabjobs.WithLogger(logger),
				gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}), gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 1}))
			require.NoError(t, err)
			var resp gitlabjobs.Response
			_, err = client.Jobs.Get(t.Context(), "1", 2, gitlabjobs.WithResponse(&resp))
			require.Error(t, err)
			var e *gitlabjobs.Error
			errors.As(err, &e)
			var u *url.Error
			assert.NotErrorAs(t, err, &u)
			for _, v := range []any{
				resp, errors.Unwrap(err), auth, client, *client, client.Jobs, *client.Jobs, err, e,
				gitlabjobs.WithHeader("PRIVATE-TOKEN", testToken), gitlabjobs.WithAuth(auth),
			} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
					text := fmt.Sprintf(verb, v)
					assert.NotContains(t, text, testToken, "%s of %T with %s", verb, v, name)
					assert.NotContains(t, text, fmt.Sprintf("%x", testToken), "%s of %T with %s", verb, v, name)
				}
			}
			if e != nil {
				assert.NotContains(t, string(e.Body), testToken[:6])
				assert.NotContains(t, fmt.Sprint(e.Details), testToken)
			}
		}
	}
	assert.Contains(t, log.String(), "route=/projects/:id/jobs/:job_id")
	assert.NotContains(t, log.String(), testToken)
}

func TestTheLoggerGetsALinePerAttempt(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	client := answering(t, answer{status: 404, body: `{"message":"404 Not found"}`, header: map[string]string{"X-Request-Id": "01ABC"}},
		gitlabjobs.WithLogger(logger))
	_, err := client.Jobs.Get(t.Context(), "group/app", 2)
	require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
	assert.Equal(t, "level=DEBUG msg=\"gitlab request\" method=GET route=/projects/:id/jobs/:job_id path=/projects/group%2Fapp/jobs/2 attempt=1 status=404 request_id=01ABC\n", log.String())
}

func TestTheCallersHTTPClientIsCopiedNeverChanged(t *testing.T) {
	t.Parallel()
	rt := transport(func(req *http.Request) (*http.Response, error) { return answer{body: `{"id":1}`}.to(req), nil })
	hc := &http.Client{Transport: rt, Timeout: 5}
	before := *hc
	client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.NoAuth(),
		gitlabjobs.WithHTTPClient(hc), gitlabjobs.WithAttemptTimeout(1e9))
	require.NoError(t, err)
	_, err = client.JobToken.Job(t.Context())
	require.NoError(t, err)
	assert.Equal(t, before.Timeout, hc.Timeout)
	assert.Nil(t, hc.CheckRedirect)
	assert.IsType(t, rt, hc.Transport)
	client.CloseIdleConnections()
}

func TestRequestOptions(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		seen = req
		return answer{body: `{"id":1}`, header: map[string]string{"X-Request-Id": "01ABC", "X-Custom": "c"}}.to(req), nil
	}, gitlabjobs.WithUserAgent("my-app/1.0"))

	var resp gitlabjobs.Response
	_, err := client.Jobs.Get(t.Context(), "1", 2, gitlabjobs.WithHeader("x-trace", "abc"), nil,
		gitlabjobs.WithHeader("Private-Token", "another-token"), gitlabjobs.WithResponse(&resp))
	require.NoError(t, err)
	assert.Equal(t, "abc", seen.Header.Get("X-Trace"))
	assert.Equal(t, []string{"another-token"}, seen.Header.Values("PRIVATE-TOKEN"))
	assert.Equal(t, "my-app/1.0", seen.Header.Get("User-Agent"))
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, "01ABC", resp.RequestID)
	assert.Equal(t, "c", resp.Header.Get("X-Custom"))
	assert.Equal(t, 1, resp.Attempts)

	_, err = client.Jobs.Get(t.Context(), "1", 2)
	require.NoError(t, err)
	assert.Empty(t, seen.Header.Get("X-Trace"), "an option of one call reached another")
	assert.Equal(t, testToken, seen.Header.Get("PRIVATE-TOKEN"))

	_, err = client.Jobs.Get(t.Context(), "1", 2, gitlabjobs.WithHeader("Host", "virtual.example"))
	require.NoError(t, err)
	assert.Equal(t, "virtual.example", seen.Host)

	_, err = client.Jobs.Get(t.Context(), "", 2, gitlabjobs.WithResponse(&resp))
	require.Error(t, err)
	assert.Equal(t, gitlabjobs.Response{}, resp, "nothing is left of the call before")

	seen = nil
	for want, option := range map[string]gitlabjobs.RequestOption{
		"set by net/http":             gitlabjobs.WithHeader("content-length", "5"),
		"make net/http repeat writes": gitlabjobs.WithHeader("idempotency-key", "5"),
		"not a valid header name":     gitlabjobs.WithHeader("a b", "c"),
		"name is empty":               gitlabjobs.WithHeader("", "c"),
		"control character":           gitlabjobs.WithHeader("a", "c\r\nd"),
		"response is nil":             gitlabjobs.WithResponse(nil),
		"NoAuth()":                    gitlabjobs.WithAuth(nil),
		"token is empty":              gitlabjobs.WithAuth(gitlabjobs.PrivateToken("")),
	} {
		_, err := client.Jobs.Get(t.Context(), "1", 2, option)
		require.ErrorContains(t, err, want)
		assert.Nil(t, seen, "a request was sent")
	}
}

func TestTheRouteIsInTheRequestsContext(t *testing.T) {
	t.Parallel()
	var route string
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		route = gitlabjobs.RouteFromContext(req.Context())
		return answer{body: `{"id":1}`}.to(req), nil
	})
	_, err := client.Jobs.Get(t.Context(), "group/app", 2)
	require.NoError(t, err)
	assert.Equal(t, "/projects/:id/jobs/:job_id", route)
	assert.Empty(t, gitlabjobs.RouteFromContext(context.Background()))
}

func TestALinkThatRepeatsTheTokenDoesNotShowIt(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		return answer{body: `[]`, header: map[string]string{"Link": "<" + req.URL.String() + `&page=2>; rel="next"`}}.to(req), nil
	})
	var resp gitlabjobs.Response
	page, err := client.Jobs.ListByProject(t.Context(), "1", nil, gitlabjobs.WithResponse(&resp), gitlabjobs.WithAuth(gitlabjobs.JobTokenParam(testToken)))
	require.NoError(t, err)
	assert.Equal(t, 2, page.NextPage)
	assert.Contains(t, resp.Header.Get("Link"), "job_token=[REDACTED]&page=2")
}

// headerAuth sets a header to any value, even an invalid one.
type headerAuth [2]string

func (a headerAuth) Authorize(req *http.Request) error {
	req.Header[a[0]] = []string{a[1]}
	return nil
}

func TestAnAuthThatSetsABadHeaderSendsNothing(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	})
	for want, auth := range map[string]headerAuth{
		"the value of Private-Token contains a control character": {"Private-Token", testToken + "\n"},
		"would make net/http repeat writes":                       {"X-Idempotency-Key", "1"},
	} {
		_, err := client.Jobs.Retry(t.Context(), "1", 2, nil, gitlabjobs.WithAuth(auth))
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
		assert.NotContains(t, err.Error(), testToken)
	}
}

func TestRetriesDoNotAccumulateCookies(t *testing.T) {
	t.Parallel()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var seen []string
	rt := transport(func(req *http.Request) (*http.Response, error) {
		seen = append(seen, req.Header.Get("Cookie"))
		if len(seen) < 4 {
			return answer{status: 503, header: map[string]string{"Set-Cookie": fmt.Sprintf("s=v%d; Path=/", len(seen))}}.to(req), nil
		}
		return answer{body: oneJob}.to(req), nil
	})
	client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.NoAuth(), gitlabjobs.WithHTTPClient(&http.Client{Transport: rt, Jar: jar}),
		gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: 1, MaxWait: 1}))
	require.NoError(t, err)
	_, err = client.Jobs.Get(t.Context(), "1", 7)
	require.NoError(t, err)
	assert.Equal(t, []string{"", "s=v1", "s=v2", "s=v3"}, seen)
}

// expiringAuth is an Auth that takes longer than the context's timeout.
type expiringAuth func()

func (a expiringAuth) Authorize(*http.Request) error { a(); return nil }

func TestAContextThatEndsWhileAuthorizingSendsNothing(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Jobs.Retry(ctx, "1", 2, nil, gitlabjobs.WithAuth(expiringAuth(cancel)))
	require.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
}

func TestACanceledContextIsTheError(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Jobs.Get(ctx, "1", 2)
	require.ErrorIs(t, err, context.Canceled)
	require.EqualError(t, err, "gitlabjobs: GET /projects/1/jobs/2: context canceled")

	_, err = client.Jobs.Get(nil, "1", 2) //nolint:staticcheck // What happens if someone does.
	require.ErrorContains(t, err, "the context is nil")

	_, err = new(gitlabjobs.JobsService).Get(t.Context(), "1", 2)
	assert.ErrorContains(t, err, "create it with NewClient")
}
