package transport_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

// hop is a request that a server in a chain of redirects received.
type hop struct {
	url    string
	header http.Header
}

// chain redirects the first request to the first URL, and so on.
func chain(hops *[]hop, urls ...string) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		*hops = append(*hops, hop{req.URL.String(), req.Header.Clone()})
		if n := len(*hops); n <= len(urls) {
			return respond(req, 307, "", "Location", urls[n-1])
		}
		return respond(req, 200, "")
	}
}

func authorizedBy(authorize func(*http.Request) error) transport.Request {
	r := get()
	r.Authorize = authorize
	return r
}

// ownHeaders is an Authorize with headers that this package does not know.
func ownHeaders(req *http.Request) error {
	req.Header.Set("X-Company-Key", token)
	req.AddCookie(&http.Cookie{Name: "session", Value: token})
	return nil
}

func TestNoCredentialLeavesItsServer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, to string }{
		"another host":               {origin, "https://evil.example/x"},
		"a subdomain":                {origin, "https://sub.gitlab.example.com/x"},
		"the parent domain":          {origin, "https://example.com/x"},
		"another port":               {origin, "https://gitlab.example.com:8443/x"},
		"the port of another scheme": {origin, "https://gitlab.example.com:80/x"},
		"another scheme":             {"http://gitlab.example.com", "https://gitlab.example.com/x"},
		"another scheme, same port":  {"http://gitlab.example.com:443", "https://gitlab.example.com/x"},
		"a user in the URL":          {origin, "https://user:password@evil.example/x"},
		"without a scheme":           {origin, "//evil.example/x"},
		"the token repeated":         {origin, "https://evil.example/x?a=1&job_token=" + token + "&b=2"},
		"the name in disguise":       {origin, "https://evil.example/x?job%5Ftoken=" + token},
		"a Kelvin sign":              {"https://kitlab.example.com", "https://\u212Aitlab.example.com/x"},
		"a long s":                   {"https://sitlab.example.com", "https://\u017Fitlab.example.com/x"},
	} {
		for authName, authorize := range map[string]func(*http.Request) error{
			"a header": privateToken, "a parameter": jobTokenParam, "headers of its own": ownHeaders,
		} {
			var hops []hop
			r := authorizedBy(authorize)
			r.URL = tc.from + "/x?page=2"
			r.CallHeader = http.Header{"Cookie": {"a=" + token}, "X-Other": {token}, "Range": {"bytes=1-"}}
			assert.Equal(t, 200, status(t, newClient(chain(&hops, tc.to)), r))
			require.Len(t, hops, 2)
			assert.Contains(t, fmt.Sprint(hops[0]), token)
			assert.NotContains(t, fmt.Sprint(hops[1]), token, name+", "+authName)
			assert.NotContains(t, fmt.Sprint(hops[1]), "password")
			assert.Equal(t, http.Header{"User-Agent": {"tests"}, "Accept": {"application/json"}, "Range": {"bytes=1-"}}, hops[1].header)
		}
	}
}

func TestTheParametersOfAnotherServer(t *testing.T) {
	t.Parallel()
	authorize := func(req *http.Request) error {
		transport.SetParam(req.URL, "api_key", token)
		transport.SetParam(req.URL, "pin", "1234")
		return nil
	}
	for name, tc := range map[string]struct{ to, want string }{
		"signed":                     {"https://storage.example/log?X-Sig=a%2Fb%3D%3d&response=x+y&empty=&flag", "https://storage.example/log?X-Sig=a%2Fb%3D%3d&response=x+y&empty=&flag"},
		"a token of GitLab's":        {"https://evil.example/x?a=1&private_token=other&b=2", "https://evil.example/x?a=1&b=2"},
		"one of OAuth":               {"https://evil.example/x?access_token=other", "https://evil.example/x"},
		"one of a job":               {"https://evil.example/x?job_token=other", "https://evil.example/x"},
		"the server repeats them":    {"https://evil.example/x?a=1&api_key=" + token + "&pin=1234&b=%3d", "https://evil.example/x?a=1&b=%3d"},
		"under another name":         {"https://evil.example/x?k=" + token + "&b=2", "https://evil.example/x?b=2"},
		"escaped":                    {"https://evil.example/x?k=%67" + token[1:] + "&b=2", "https://evil.example/x?b=2"},
		"as a part of another value": {"https://evil.example/x?next=%2Fy%3Fapi_key%3D" + token + "&b=2", "https://evil.example/x?b=2"},
		"in a name":                  {"https://evil.example/x?" + token + "&b=2", "https://evil.example/x?b=2"},
		"others of the same names":   {"https://evil.example/x?api_key=other&pin=12345&1234", "https://evil.example/x?api_key=other&pin=12345&1234"},
		"a word that is short":       {"https://evil.example/x?size=1234", "https://evil.example/x?size=1234"},
		"an invalid escape":          {"https://evil.example/x?a=%zz&pin=1234", "https://evil.example/x?a=%zz"},
		"the same server":            {"/x?a=1", origin + "/x?a=1&api_key=" + token + "&pin=1234"},
		"the same, no query":         {"/x", origin + "/x?api_key=" + token + "&pin=1234"},
		"the same server, repeated":  {"/x?pin=1234&api_key=" + token, origin + "/x?pin=1234&api_key=" + token},
	} {
		var hops []hop
		assert.Equal(t, 200, status(t, newClient(chain(&hops, tc.to)), authorizedBy(authorize)))
		require.Len(t, hops, 2)
		assert.Equal(t, tc.want, hops[1].url, name)
	}
}

// The value of a parameter is removed under any name if it is long enough for a secret.
func TestAShortParameterUnderAnotherName(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"12345678": "https://evil.example/x?b=2", "1234567": "https://evil.example/x?k=1234567&b=2"} {
		var hops []hop
		authorize := func(req *http.Request) error {
			transport.SetParam(req.URL, "pin", value)
			return nil
		}
		status(t, newClient(chain(&hops, "https://evil.example/x?k="+value+"&b=2")), authorizedBy(authorize))
		assert.Equal(t, want, hops[1].url)
	}
}

// A parameter can be left out of an address, a host and a path can't.
func TestARedirectThatRepeatsTheTokenIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"https://evil.example/x/" + token, "https://" + token + ".evil.example/x", "https://evil.example/%67" + token[1:]} {
		var hops []hop
		c, resp, err := send(t.Context(), t, newClient(chain(&hops, to)), get())
		require.NoError(t, err)
		assert.Equal(t, 307, resp.StatusCode)
		assert.Equal(t, "its URL contains a credential", c.RedirectRefused)
		assert.Len(t, hops, 1)
	}
	// A word that Authorize sets may be in an address by chance.
	for word, followed := range map[string]bool{"production": true, "productions-word": false} {
		var hops []hop
		to := "https://storage.example/" + word + "/log?bucket=production"
		r := authorizedBy(func(req *http.Request) error {
			req.Header.Set("X-Environment", word)
			return nil
		})
		status(t, newClient(chain(&hops, to)), r)
		assert.Equal(t, followed, len(hops) == 2, word)
	}
}

func TestWithinItsServerTheCredentialIsKept(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, to string }{
		"a path":                        {origin, "/api/v4/projects/7"},
		"the default port":              {origin, "https://gitlab.example.com:443/x"},
		"the default port, left out":    {"https://gitlab.example.com:443", "https://gitlab.example.com/x"},
		"the default port of http":      {"http://gitlab.example.com", "http://gitlab.example.com:80/x"},
		"the host in capitals":          {origin, "https://GITLAB.example.com/x"},
		"the last capital of the ASCII": {"https://gitlaz.example.com", "https://GITLAZ.example.com/x"},
	} {
		for _, authorize := range []func(*http.Request) error{privateToken, jobTokenParam, ownHeaders} {
			var hops []hop
			r := authorizedBy(authorize)
			r.URL = tc.from + "/x"
			c, _, err := send(t.Context(), t, newClient(chain(&hops, tc.to)), r)
			require.NoError(t, err)
			require.Len(t, hops, 2, name)
			assert.Contains(t, fmt.Sprint(hops[1]), token, name)
			assert.Empty(t, hops[1].header.Get("Referer"))
			assert.Empty(t, c.RedirectedTo)
		}
	}
}

func TestTheWayBackFromAnotherServerIsWithoutCredentials(t *testing.T) {
	t.Parallel()
	for _, authorize := range []func(*http.Request) error{privateToken, jobTokenParam} {
		var hops []hop
		c, _, err := send(t.Context(), t, newClient(chain(&hops, "/x", "https://evil.example/y", origin+"/chosen-by-evil")), authorizedBy(authorize))
		require.NoError(t, err)
		require.Len(t, hops, 4)
		assert.Contains(t, fmt.Sprint(hops[1]), token)
		assert.NotContains(t, fmt.Sprint(hops[2:]), token)
		assert.Equal(t, origin, c.RedirectedTo)
	}
}

func TestTheNextAttemptBeginsAtTheOwnServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c, _, err := send(t.Context(), t, newClient(roundTripper(func(req *http.Request) (*http.Response, error) {
			switch n++; n {
			case 1:
				return respond(req, 307, "", "Location", "https://evil.example/x")
			case 2:
				return respond(req, 503, "")
			}
			assert.Equal(t, token, req.Header.Get("PRIVATE-TOKEN"))
			return respond(req, 200, "")
		})), get())
		require.NoError(t, err)
		assert.Equal(t, 2, c.Attempts)
		assert.Empty(t, c.RedirectedTo)
	})
}

func TestWhichRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var manyHops []string
	for i := range 6 {
		manyHops = append(manyHops, fmt.Sprint("/hop/", i))
	}
	put := get()
	put.Method = http.MethodPut
	head := get()
	head.Method = http.MethodHead
	plain := get()
	plain.URL = "http://gitlab.example.com/x"
	for name, tc := range map[string]struct {
		r       transport.Request
		to      []string
		refused string
		sent    int
	}{
		"five":                {get(), manyHops[:5], "", 6},
		"six":                 {get(), manyHops, "too many redirects", 6},
		"of a HEAD":           {head, []string{"/x"}, "", 2},
		"of a write":          {post(), []string{"/x"}, "writes are not redirected", 1},
		"of another write":    {put, []string{"/x"}, "writes are not redirected", 1},
		"to plain http":       {get(), []string{"http://gitlab.example.com/x"}, "it leads from https to http", 1},
		"to plain http later": {plain, []string{"https://gitlab.example.com/x", "http://gitlab.example.com/x"}, "it leads from https to http", 2},
		"to https":            {plain, []string{"https://gitlab.example.com/x"}, "", 2},
		"to ftp":              {get(), []string{"ftp://gitlab.example.com/x"}, "its scheme is neither http nor https", 1},
		"nowhere":             {get(), []string{"https:x"}, "it has no host", 1},
	} {
		var hops []hop
		c, resp, err := send(t.Context(), t, newClient(chain(&hops, tc.to...)), tc.r)
		require.NoError(t, err)
		assert.Equal(t, tc.refused == "", resp.StatusCode == 200, name)
		assert.True(t, strings.HasPrefix(c.RedirectRefused, tc.refused) && (tc.refused != "" || c.RedirectRefused == ""), "%s: %s", name, c.RedirectRefused)
		assert.Len(t, hops, tc.sent, name)
	}
}

func TestTheCheckRedirectOfTheCallerCanOnlyBeStricter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		own     func(*http.Request, []*http.Request) error
		to      string
		refused string
	}{
		"it allows":             {func(*http.Request, []*http.Request) error { return nil }, "https://evil.example/x", ""},
		"it refuses":            {func(*http.Request, []*http.Request) error { return errors.New("no") }, "/x", "the CheckRedirect of the HTTP client refused it"},
		"it copies the headers": {func(req *http.Request, via []*http.Request) error { req.Header = via[0].Header.Clone(); return nil }, "https://evil.example/x", ""},
		"it copies the query": {
			func(req *http.Request, via []*http.Request) error { req.URL.RawQuery = via[0].URL.RawQuery; return nil },
			"https://evil.example/x", "",
		},
		"it sets a user": {
			func(req *http.Request, _ []*http.Request) error {
				req.URL.User = url.UserPassword("me", token)
				return nil
			},
			"https://evil.example/x", "",
		},
		"it goes elsewhere":     {func(req *http.Request, _ []*http.Request) error { req.URL.Host = "evil.example"; return nil }, "/x", ""},
		"it goes to plain http": {func(req *http.Request, _ []*http.Request) error { req.URL.Scheme = "http"; return nil }, "/x", "it leads from https to http"},
	} {
		for _, authorize := range []func(*http.Request) error{privateToken, jobTokenParam} {
			var hops []hop
			client := newClient(chain(&hops, tc.to), func(c *transport.Config) { c.HTTPClient.CheckRedirect = tc.own })
			c, _, err := send(t.Context(), t, client, authorizedBy(authorize))
			require.NoError(t, err)
			assert.Equal(t, tc.refused, c.RedirectRefused, name)
			if tc.refused != "" {
				assert.Len(t, hops, 1)
				continue
			}
			require.Len(t, hops, 2)
			assert.NotContains(t, fmt.Sprint(hops[1]), token, name)
		}
	}
}

// Accept and Content-Type are not secrets, even if Authorize sets one of them.
func TestARedirectMayNameTheTypeOfAResponse(t *testing.T) {
	t.Parallel()
	const storage = "https://storage.example/log?response-content-type=application%2Fjson&sig=1"
	var hops []hop
	r := authorizedBy(func(req *http.Request) error {
		req.Header.Set("Accept", "application/json")
		return privateToken(req)
	})
	r.Stream = true
	assert.Equal(t, 200, status(t, newClient(chain(&hops, storage)), r))
	assert.Equal(t, storage, hops[1].url)
}

// FuzzRedirect checks that no redirect sends the token to another server, and that the state
// of the call does not contain it.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{
		"https://evil.example/", "/x", "//evil.example", "http://gitlab.example.com", "https://gitlab.example.com.evil.example", "ftp://x", "?job_token=" + token,
		"https://gitlab.example.com@evil.example", "https://evil.example\\@gitlab.example.com", "https://[::1%25eth0]/", "javascript:alert(1)", "https:evil", "\x00", "%zz", "https://evil.example/?job_token=" + token,
		"https://evil.example/?x=%2567" + token[1:], "https://" + token + ".example", "//evil.example/%67" + token[1:] + "?" + token, "https://GITLAB.EXAMPLE.COM:443/x",
	} {
		f.Add(302, s)
	}
	f.Fuzz(func(t *testing.T, code int, location string) {
		if code < 300 || code > 399 {
			code = 302
		}
		for _, authorize := range []func(*http.Request) error{privateToken, jobTokenParam} {
			n := 0
			client := newClient(roundTripper(func(req *http.Request) (*http.Response, error) {
				n++
				home := req.URL.Scheme == "https" && strings.EqualFold(req.URL.Hostname(), "gitlab.example.com") && (req.URL.Port() == "" || req.URL.Port() == "443")
				if !home && strings.Contains(fmt.Sprint(req.URL, req.URL.Path, req.URL.Query(), req.URL.User, req.Header), token) {
					t.Fatalf("%v got the token: %v", req.URL, req.Header)
				}
				if req.URL.Scheme != "https" {
					t.Fatalf("from https to %s", req.URL.Scheme)
				}
				if n > 6 {
					t.Fatal("more than five redirects")
				}
				return respond(req, code, "", "Location", location)
			}), attempts(1))
			c, resp, err := send(t.Context(), t, client, authorizedBy(authorize))
			text := fmt.Sprint(err, c.RedirectRefused, c.Secrets.Redact(c.RedirectedTo))
			if resp != nil {
				text += fmt.Sprint(c.Secrets.RedactHeader(resp.Header))
			}
			if strings.Contains(text, token) {
				t.Fatal("the token is in it")
			}
		}
	})
}
