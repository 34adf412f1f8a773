package gitlabjobs_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// hop is a request that a server in a chain of redirects received.
type hop struct {
	url    string
	header http.Header
}

// chain redirects each URL to the next, and responds to the last with a job.
func chain(hops *[]hop, urls ...string) transport {
	return func(req *http.Request) (*http.Response, error) {
		*hops = append(*hops, hop{req.URL.String(), req.Header.Clone()})
		if n := len(*hops); n <= len(urls) {
			return answer{status: 307, header: map[string]string{"Location": urls[n-1]}}.to(req), nil
		}
		return answer{body: oneJob}.to(req), nil
	}
}

// keyAuth is a custom Auth with a header that the library does not know.
type keyAuth struct{ asked *[]string }

func (a keyAuth) Authorize(req *http.Request) error {
	*a.asked = append(*a.asked, req.URL.Host)
	req.Header.Set("X-Company-Key", testToken)
	req.AddCookie(&http.Cookie{Name: "session", Value: testToken})
	return nil
}

func TestNoCredentialLeavesItsHost(t *testing.T) {
	t.Parallel()
	const origin = "https://gitlab.example.com"
	for name, to := range map[string]string{
		"another host":         "https://evil.example/x",
		"a subdomain":          "https://sub.gitlab.example.com/x",
		"the parent domain":    "https://example.com/x",
		"another port":         "https://gitlab.example.com:8443/x",
		"a user in the URL":    "https://user:password@evil.example/x",
		"without a scheme":     "//evil.example/x",
		"the token repeated":   "https://evil.example/x?a=1&job_token=" + testToken + "&b=2",
		"the name in disguise": "https://evil.example/x?job%5Ftoken=" + testToken,
	} {
		for authName, auth := range map[string]gitlabjobs.Auth{
			"PrivateToken": gitlabjobs.PrivateToken(testToken), "BearerToken": gitlabjobs.BearerToken(testToken),
			"JobToken": gitlabjobs.JobToken(testToken), "JobTokenParam": gitlabjobs.JobTokenParam(testToken),
			"a custom Auth": keyAuth{new([]string)},
		} {
			t.Run(name+"/"+authName, func(t *testing.T) {
				t.Parallel()
				var hops []hop
				client, err := gitlabjobs.NewClient(origin, auth, gitlabjobs.WithHTTPClient(&http.Client{Transport: chain(&hops, to)}))
				require.NoError(t, err)
				_, err = client.Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithHeader("Cookie", "a="+testToken), gitlabjobs.WithHeader("X-Other", testToken))
				require.NoError(t, err)
				require.Len(t, hops, 2)
				assert.NotContains(t, fmt.Sprint(hops[1]), testToken)
				assert.NotContains(t, fmt.Sprint(hops[1]), "password")
				assert.Empty(t, hops[1].header.Get("Authorization"))
				assert.Empty(t, hops[1].header.Get("Referer"))
				assert.Equal(t, "gitlabjobs", hops[1].header.Get("User-Agent"))
				if custom, ok := auth.(keyAuth); ok {
					assert.Equal(t, []string{"gitlab.example.com"}, *custom.asked)
				}
			})
		}
	}
}

// Unicode has a K and an s outside ASCII. A comparison that ignores case by Unicode's rules
// takes them for the ASCII letters.
func TestHostsAreComparedIgnoringOnlyASCIICase(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{
		"a Kelvin sign": "https://\u212Aitlabs.example.com/x",
		"a long s":      "https://kitlab\u017F.example.com/x",
		"escaped":       "https://%E2%84%AAitlabs.example.com/x",
	} {
		for _, auth := range []gitlabjobs.Auth{gitlabjobs.PrivateToken(testToken), gitlabjobs.JobTokenParam(testToken)} {
			var hops []hop
			client, err := gitlabjobs.NewClient("https://kitlabs.example.com", auth, gitlabjobs.WithHTTPClient(&http.Client{Transport: chain(&hops, to)}))
			require.NoError(t, err)
			_, err = client.Jobs.Get(t.Context(), "1", 7)
			require.NoError(t, err, name)
			require.Len(t, hops, 2)
			assert.Contains(t, fmt.Sprint(hops[0]), testToken)
			assert.NotContains(t, fmt.Sprint(hops[1]), testToken, name)
		}
	}
}

// paramAuth adds parameters to the query.
type paramAuth [][2]string

func (a paramAuth) Authorize(req *http.Request) error {
	query := req.URL.Query()
	for _, p := range a {
		query.Add(p[0], p[1])
	}
	req.URL.RawQuery = query.Encode()
	return nil
}

func TestAQueryParameterOfAnAuthStaysWithItsHost(t *testing.T) {
	t.Parallel()
	auth := paramAuth{{"api_key", testToken}, {"pin", "1234"}}
	for name, tc := range map[string]struct{ to, want string }{
		"the server repeats them":    {"https://evil.example/x?a=1&api_key=" + testToken + "&pin=1234&b=%3d", "https://evil.example/x?a=1&b=%3d"},
		"under another name":         {"https://evil.example/x?k=" + testToken + "&b=2", "https://evil.example/x?b=2"},
		"escaped":                    {"https://evil.example/x?k=%67" + testToken[1:] + "&b=2", "https://evil.example/x?b=2"},
		"as a part of another value": {"https://evil.example/x?next=%2Fy%3Fapi_key%3D" + testToken + "&b=2", "https://evil.example/x?b=2"},
		"in a name":                  {"https://evil.example/x?" + testToken + "&b=2", "https://evil.example/x?b=2"},
		"others of the same names":   {"https://evil.example/x?api_key=other&pin=12345&1234", "https://evil.example/x?api_key=other&pin=12345&1234"},
		"a word that is short":       {"https://evil.example/x?size=1234", "https://evil.example/x?size=1234"},
		"the same host":              {"/x?a=1", "https://gitlab.example.com/x?a=1&api_key=" + testToken + "&pin=1234"},
		"the same host, repeated":    {"/x?pin=1234&api_key=" + testToken, "https://gitlab.example.com/x?pin=1234&api_key=" + testToken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hops []hop
			client := newClient(t, chain(&hops, tc.to))
			_, err := client.Jobs.ListByProject(t.Context(), "1", nil, gitlabjobs.WithAuth(auth))
			require.Error(t, err) // One job is not a list.
			require.Len(t, hops, 2)
			assert.Equal(t, tc.want, hops[1].url)
		})
	}
}

// A short credential may occur in the URL of object storage by chance.
func TestAShortCredentialDoesNotStopARedirect(t *testing.T) {
	t.Parallel()
	const signed = "https://storage.example/production/log?bucket=production&X-Sig=a%2Fb"
	var hops []hop
	_, err := newClient(t, chain(&hops, signed)).Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithAuth(headerAuth{"X-Environment", "production"}))
	require.NoError(t, err)
	require.Len(t, hops, 2)
	assert.Equal(t, signed, hops[1].url)
	assert.Empty(t, hops[1].header.Get("X-Environment"))
}

// A query parameter can be removed from a URL. Its host and path can't.
func TestARedirectThatRepeatsTheTokenInItsPathIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"https://evil.example/x/" + testToken, "https://" + testToken + ".evil.example/x", "https://evil.example/%67" + testToken[1:]} {
		var hops []hop
		client := newClient(t, chain(&hops, to))
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.ErrorContains(t, err, "not followed: its URL contains a credential")
		assert.NotContains(t, err.Error(), testToken)
		assert.Len(t, hops, 1)
	}
}

func TestTheCallersCheckRedirectCannotSendTheToken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		own     func(*http.Request, []*http.Request) error
		to      string
		refused string
	}{
		"it copies the headers": {
			func(req *http.Request, via []*http.Request) error {
				req.Header = via[0].Header.Clone()
				return nil
			}, "https://evil.example/x", "",
		},
		"it copies the query": {
			func(req *http.Request, via []*http.Request) error {
				req.URL.RawQuery = via[0].URL.RawQuery
				return nil
			}, "https://evil.example/x", "",
		},
		"it sets a user": {
			func(req *http.Request, _ []*http.Request) error {
				req.URL.User = url.UserPassword("me", testToken)
				return nil
			}, "https://evil.example/x", "",
		},
		"it goes elsewhere": {
			func(req *http.Request, _ []*http.Request) error {
				req.URL.Host = "evil.example"
				return nil
			}, "/x", "",
		},
		"it goes to plain http": {
			func(req *http.Request, _ []*http.Request) error {
				req.URL.Scheme = "http"
				return nil
			}, "/x", "it leads from https to http",
		},
	} {
		for _, auth := range []gitlabjobs.Auth{gitlabjobs.PrivateToken(testToken), gitlabjobs.JobTokenParam(testToken)} {
			var hops []hop
			hc := &http.Client{Transport: chain(&hops, tc.to), CheckRedirect: tc.own}
			client, err := gitlabjobs.NewClient("https://gitlab.example.com", auth, gitlabjobs.WithHTTPClient(hc))
			require.NoError(t, err)
			_, err = client.Jobs.Get(t.Context(), "1", 7)
			if tc.refused != "" {
				require.ErrorContains(t, err, tc.refused, name)
				assert.Len(t, hops, 1)
				continue
			}
			require.NoError(t, err, name)
			require.Len(t, hops, 2)
			assert.NotContains(t, fmt.Sprint(hops[1]), testToken, name)
		}
	}
}

func TestARedirectKeepsASignedQuery(t *testing.T) {
	t.Parallel()
	const signed = "https://storage.example/log?X-Sig=a%2Fb%3D%3d&response=x+y&empty=&flag"
	var hops []hop
	client := newClient(t, chain(&hops, signed))
	_, err := client.Jobs.Get(t.Context(), "1", 7)
	require.NoError(t, err)
	assert.Equal(t, signed, hops[1].url)
}

func TestARedirectWithinTheHostKeepsTheCredentials(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ to, want string }{
		"a path":               {"/api/v4/projects/7/jobs/7", "https://gitlab.example.com/api/v4/projects/7/jobs/7"},
		"the default port":     {"https://gitlab.example.com:443/x", "https://gitlab.example.com:443/x"},
		"the host in capitals": {"https://GITLAB.example.com/x?a=1", "https://GITLAB.example.com/x?a=1"},
	} {
		for authName, auth := range map[string]gitlabjobs.Auth{
			"PrivateToken": gitlabjobs.PrivateToken(testToken), "JobTokenParam": gitlabjobs.JobTokenParam(testToken),
		} {
			var hops []hop
			client := newClient(t, chain(&hops, tc.to))
			_, err := client.Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithAuth(auth))
			require.NoError(t, err, name)
			assert.Contains(t, fmt.Sprint(hops[1]), testToken, name+authName)
			if authName == "PrivateToken" {
				assert.Equal(t, tc.want, hops[1].url)
			}
		}
	}
}

func TestARedirectBackFromAnotherHostHasNoCredentials(t *testing.T) {
	t.Parallel()
	var hops []hop
	client := newClient(t, chain(&hops, "/x", "https://evil.example/y", "https://gitlab.example.com/chosen-by-evil"))
	_, err := client.Jobs.Get(t.Context(), "1", 7)
	require.NoError(t, err)
	require.Len(t, hops, 4)
	assert.Equal(t, testToken, hops[1].header.Get("PRIVATE-TOKEN"))
	assert.NotContains(t, fmt.Sprint(hops[2:]), testToken)
}

func TestAtMostFiveRedirects(t *testing.T) {
	t.Parallel()
	for n, works := range map[int]bool{5: true, 6: false} {
		var hops []hop
		urls := make([]string, n)
		for i := range urls {
			urls[i] = fmt.Sprint("/hop/", i)
		}
		client := newClient(t, chain(&hops, urls...))
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		assert.Equal(t, works, err == nil)
		if !works {
			require.ErrorContains(t, err, "307 redirect to")
			require.ErrorContains(t, err, "too many redirects")
			assert.Len(t, hops, 6)
		}
	}
}

func TestTheCallersCheckRedirectMayBeStricter(t *testing.T) {
	t.Parallel()
	var hops []hop
	hc := &http.Client{Transport: chain(&hops, "/x"), CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("not here") }}
	client, err := gitlabjobs.NewClient("https://gitlab.example.com", gitlabjobs.NoAuth(), gitlabjobs.WithHTTPClient(hc))
	require.NoError(t, err)
	_, err = client.Jobs.Get(t.Context(), "1", 7)
	require.ErrorContains(t, err, "the CheckRedirect of the HTTP client refused it")
	assert.Len(t, hops, 1)
}

func TestALogInObjectStorageIsRequestedWithoutTheToken(t *testing.T) {
	t.Parallel()
	var seen http.Header
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if req.URL.Host == "storage.example" {
			seen = req.Header
			return answer{body: "the log\n", header: map[string]string{"Content-Type": "binary/octet-stream"}}.to(req), nil
		}
		return answer{status: 302, header: map[string]string{"Location": "https://storage.example/log?X-Signature=abc"}}.to(req), nil
	})
	log, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, nil))
	require.NoError(t, err)
	assert.Equal(t, "the log\n", string(log.([]byte)))
	assert.NotContains(t, fmt.Sprint(seen), testToken)
}

func TestARedirectToAMovedProjectIsFollowed(t *testing.T) {
	t.Parallel()
	srv := gitlabjobstest.NewServer(t)
	pipeline := srv.AddProject("new/app", gitlabjobstest.ProjectSpec{MovedFrom: []string{"old/app"}}).AddPipeline(gitlabjobstest.PipelineSpec{})
	job := pipeline.AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusRunning})
	client := srv.Client(srv.Tokens.Developer)
	got, err := client.Jobs.Get(t.Context(), "old/app", job.ID())
	require.NoError(t, err)
	assert.Equal(t, job.ID(), got.ID)

	page, err := srv.ClientWithAuth(gitlabjobs.JobTokenParam(job.Token())).Jobs.ListByProject(t.Context(), "old/app", nil)
	require.NoError(t, err)
	assert.Len(t, page.Items, 1)

	_, err = client.Jobs.Cancel(t.Context(), "old/app", job.ID(), nil)
	require.ErrorIs(t, err, gitlabjobs.ErrMethodNotAllowed)
	require.ErrorContains(t, err, "moved projects")
	assert.Zero(t, job.Count(gitlabjobstest.ActionCancel))
}
