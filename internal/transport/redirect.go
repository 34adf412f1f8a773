package transport

import (
	"net/http"
	"net/url"
	"slices"
)

const maxRedirects = 5

// redirectGuard returns a CheckRedirect function that applies the rules of this package,
// and then calls custom, which can refuse more redirects. If a redirect is not followed, it
// is the response of the call.
func redirectGuard(custom func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		c := callFrom(req.Context())
		if c.RedirectRefused = c.prepareRedirect(req, via); c.RedirectRefused != "" {
			return http.ErrUseLastResponse
		}
		if custom == nil {
			return nil
		}
		if err := custom(req, via); err != nil {
			c.RedirectRefused = "the CheckRedirect of the HTTP client refused it"
			return http.ErrUseLastResponse
		}
		// Check again, because custom may have changed the request.
		if c.RedirectRefused = c.prepareRedirect(req, via); c.RedirectRefused != "" {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

// prepareRedirect prepares a redirected request. It keeps the credentials only for the
// client's own server. If the request must not be sent, prepareRedirect returns the reason.
func (c *Call) prepareRedirect(req *http.Request, via []*http.Request) (refused string) {
	if reason := redirectRefusal(req, via); reason != "" {
		return reason
	}
	req.Header.Del("Referer") // net/http sets it to the last URL with its query.
	first := via[0].URL
	away := func(r *http.Request) bool { return !sameOrigin(r.URL, first) }
	if away(req) || slices.ContainsFunc(via, away) {
		c.dropCredentials(req) // Also after a redirect back, whose URL the other host has chosen.
		c.RedirectedTo = req.URL.Scheme + "://" + req.URL.Host
		if c.Secrets.inAddress(req.URL.String()) {
			return "its URL contains a credential"
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

// redirectRefusal returns the reason why a redirect is not followed, or "". It does not
// depend on the credentials of the request.
func redirectRefusal(req *http.Request, via []*http.Request) string {
	last := via[len(via)-1]
	switch {
	case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
		return "writes are not redirected: use the URL in the Location header, or the ID or the new path of the project"
	case len(via) > maxRedirects:
		return "too many redirects"
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return "its scheme is neither http nor https"
	case last.URL.Scheme == "https" && req.URL.Scheme == "http":
		return "it leads from https to http"
	case req.URL.Host == "":
		return "it has no host"
	}
	return ""
}

// dropCredentials removes all credentials from a request to another origin.
func (c *Call) dropCredentials(req *http.Request) {
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
		return added || slices.Contains(credentialParams, p.name) || c.Secrets.inAddress(p.raw)
	})
}

// sameOrigin reports whether two URLs have the same scheme, host and port. It ignores the
// case of ASCII letters only, because Unicode case folding makes different hosts equal.
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
