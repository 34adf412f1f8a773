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
		if reason := refusal(req, via); reason != "" {
			callFrom(req.Context()).refused = reason
			return http.ErrUseLastResponse
		}
		req.Header.Del("Referer") // net/http puts the last URL there, its query included.
		first := via[0].URL
		away := func(r *http.Request) bool { return !sameOrigin(r.URL, first) }
		if away(req) || slices.ContainsFunc(via, away) {
			dropCredentials(req) // For good: the way back was chosen by another host.
			callFrom(req.Context()).left = req.URL.Scheme + "://" + req.URL.Host
		} else if token := rawQueryPart(first.RawQuery, jobTokenParam); token != "" && rawQueryPart(req.URL.RawQuery, jobTokenParam) == "" {
			req.URL.RawQuery = appendQuery(req.URL.RawQuery, token)
		}
		if own == nil {
			return nil
		}
		if err := own(req, via); err != nil {
			callFrom(req.Context()).refused = "the HTTP client's own CheckRedirect refused it"
			return http.ErrUseLastResponse
		}
		return nil
	}
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

func dropCredentials(req *http.Request) {
	for key := range req.Header {
		if !harmlessHeaders[key] {
			delete(req.Header, key)
		}
	}
	req.URL.User = nil
	for _, key := range credentialParams {
		req.URL.RawQuery = withoutQuery(req.URL.RawQuery, key)
	}
}

// sameOrigin reports whether two URLs have scheme, host and port in common.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
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

// A query is changed part by part, never encoded anew: the address of an object
// storage may be signed as it stands.

func rawQueryPart(query, key string) string {
	for part := range strings.SplitSeq(query, "&") {
		if isParam(part, key) {
			return part
		}
	}
	return ""
}

func withoutQuery(query, key string) string {
	if rawQueryPart(query, key) == "" {
		return query
	}
	parts := strings.Split(query, "&")
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return isParam(part, key) }), "&")
}

func isParam(part, key string) bool {
	name, _, _ := strings.Cut(part, "=")
	unescaped, err := url.QueryUnescape(name)
	return err == nil && unescaped == key
}

func appendQuery(query, part string) string {
	if query == "" {
		return part
	}
	return query + "&" + part
}
