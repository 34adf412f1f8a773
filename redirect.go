package gitlabjobs

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxRedirects = 5

// harmlessHeaders are the ones that go along to another host. A list of what
// may be sent, not of what may not: an Auth of the user's own can use any header.
var harmlessHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Content-Type": true, "If-None-Match": true, "If-Modified-Since": true,
	"Range": true, "User-Agent": true,
}

// credentialParams are GitLab's query parameters that hold a token.
var credentialParams = []string{jobTokenParam, "private_token", "access_token"}

// redirectGuard returns what decides about redirects: the rules of this package,
// and then the caller's own, which can only be stricter. A redirect that is not
// followed is left as the answer, which becomes an *Error.
func redirectGuard(own func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		c := callFrom(req.Context())
		if c.refused = c.redirect(req, via); c.refused != "" {
			return http.ErrUseLastResponse
		}
		if own == nil {
			return nil
		}
		if err := own(req, via); err != nil {
			c.refused = "the HTTP client's own CheckRedirect refused it"
			return http.ErrUseLastResponse
		}
		// Once more: it may have changed the request.
		if c.refused = c.redirect(req, via); c.refused != "" {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

// redirect gives a redirected request the credentials that it may have, or returns why
// it must not be sent.
func (c *call) redirect(req *http.Request, via []*http.Request) (refused string) {
	if reason := refusal(req, via); reason != "" {
		return reason
	}
	req.Header.Del("Referer") // net/http puts the last URL there, its query included.
	first := via[0].URL
	away := func(r *http.Request) bool { return !sameOrigin(r.URL, first) }
	if away(req) || slices.ContainsFunc(via, away) {
		c.dropCredentials(req) // For good: another host chose the way back.
		c.left = req.URL.Scheme + "://" + req.URL.Host
		if c.secrets.inAddress(req.URL.String()) {
			return "its address repeats a credential"
		}
		return ""
	}
	for _, p := range c.added {
		if !slices.ContainsFunc(params(req.URL.RawQuery), func(q param) bool { return q.name == p.name }) {
			req.URL.RawQuery = appendQuery(req.URL.RawQuery, p.raw)
		}
	}
	return ""
}

func refusal(req *http.Request, via []*http.Request) string {
	last := via[len(via)-1]
	switch {
	case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
		return "a write is not sent on: use the address that the server names, or the project's id or new path"
	case len(via) > maxRedirects:
		return "too many redirects"
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return "it leads to a scheme other than http and https"
	case last.URL.Scheme == "https" && req.URL.Scheme == "http":
		return "it leads from https to http"
	case req.URL.Host == "":
		return "it names no host"
	}
	return ""
}

func (c *call) dropCredentials(req *http.Request) {
	for key := range req.Header {
		if !harmlessHeaders[key] {
			delete(req.Header, key)
		}
	}
	req.URL.User = nil
	req.URL.RawQuery = withoutParams(req.URL.RawQuery, func(p param) bool {
		added := slices.ContainsFunc(c.added, func(a param) bool {
			return a.value == p.value && (a.name == p.name || len(a.value) >= minSecret)
		})
		return added || slices.Contains(credentialParams, p.name) || c.secrets.inAddress(p.raw)
	})
}

// sameOrigin reports whether two URLs have scheme, host and port in common. Only the
// case of ASCII letters is ignored: other folding makes different hosts equal.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && lowerASCII(a.Hostname()) == lowerASCII(b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// A query is changed parameter by parameter, never encoded anew: the address of an
// object storage may be signed as it is.

// param is a parameter of a query, as it is and unescaped.
type param struct{ raw, name, value string }

func params(query string) []param {
	if query == "" {
		return nil
	}
	var list []param
	for raw := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(raw, "=")
		list = append(list, param{raw, unescapeQuery(name), unescapeQuery(value)})
	}
	return list
}

// unescapeQuery is url.QueryUnescape, and the text itself if that is not possible.
func unescapeQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// addedParams returns the parameters of a query that were not in it before.
func addedParams(before, after string) []param {
	if before == after {
		return nil
	}
	was := params(before)
	return slices.DeleteFunc(params(after), func(p param) bool {
		return slices.ContainsFunc(was, func(q param) bool { return p.name == q.name && p.value == q.value })
	})
}

// withoutParams removes parameters from a query, and leaves the others as they are.
func withoutParams(query string, drop func(param) bool) string {
	var kept []string
	all := params(query)
	for _, p := range all {
		if !drop(p) {
			kept = append(kept, p.raw)
		}
	}
	if len(kept) == len(all) {
		return query
	}
	return strings.Join(kept, "&")
}

func appendQuery(query, part string) string {
	if query == "" {
		return part
	}
	return query + "&" + part
}
