package gitlabjobs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"example.com/gitlabjobs/internal/transport"
)

// Auth puts credentials on a request. A client calls it once a call, before
// anything is sent, and never for a host other than its own. An implementation
// of your own may fetch or renew a token; the request's context bounds it. It
// must be safe for concurrent use.
type Auth interface {
	Authorize(req *http.Request) error
}

// PrivateToken authenticates with a personal, project or group access token, in
// the PRIVATE-TOKEN header.
func PrivateToken(token string) Auth {
	return newTokenAuth("PrivateToken", token, func(req *http.Request) { req.Header.Set("PRIVATE-TOKEN", token) })
}

// BearerToken authenticates with an OAuth 2.0, access or job token, in the
// Authorization header.
func BearerToken(token string) Auth {
	return newTokenAuth("BearerToken", token, func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+token) })
}

// JobToken authenticates with a CI job's token ($CI_JOB_TOKEN), in the JOB-TOKEN
// header. GitLab accepts it for the job token's own job and agents, and for lists
// of jobs; elsewhere it answers 401.
func JobToken(token string) Auth {
	return newTokenAuth("JobToken", token, func(req *http.Request) { req.Header.Set("JOB-TOKEN", token) })
}

// JobTokenParam authenticates as [JobToken] does, by the query parameter
// job_token. Prefer [JobToken]: a query ends up in the logs of every proxy.
func JobTokenParam(token string) Auth {
	return newTokenAuth("JobTokenParam", token, func(req *http.Request) {
		transport.SetParam(req.URL, "job_token", token)
	})
}

// NoAuth sends no credentials. Public projects answer some calls without:
// the lists of a pipeline's jobs and bridges.
func NoAuth() Auth { return tokenAuth{apply: func(*http.Request) {}} }

// tokenAuth keeps its token in a closure: fmt prints unexported fields, but of
// a function only its address.
type tokenAuth struct {
	apply func(*http.Request)
	err   error // Why the token can't be used.
}

func newTokenAuth(name, token string, apply func(*http.Request)) tokenAuth {
	return tokenAuth{apply: apply, err: checkToken(name, token)}
}

func checkToken(name, token string) error {
	switch {
	case token == "":
		return fmt.Errorf("gitlabjobs: %s: the token is empty: give one, or use NoAuth()", name)
	case strings.TrimSpace(token) != token:
		return fmt.Errorf("gitlabjobs: %s: the token has white space around it: give strings.TrimSpace of it", name)
	case strings.ContainsFunc(token, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }):
		return fmt.Errorf("gitlabjobs: %s: the token holds a space, a control character or one that is not ASCII: give it as GitLab shows it", name)
	}
	return nil
}

func (a tokenAuth) Authorize(req *http.Request) error {
	if a.err == nil {
		a.apply(req)
	}
	return a.err
}

// checkAuth refuses, before anything is sent, what can't authorize a request.
func checkAuth(auth Auth) error {
	if auth == nil {
		return errors.New("gitlabjobs: auth is nil: give PrivateToken(token), or NoAuth() for none")
	}
	if t, ok := auth.(tokenAuth); ok {
		return t.err
	}
	return nil
}

// redactArguments redacts the error of a call that was not sent: an argument that is given
// in the wrong place may be a token. Only the tokens that are known without calling an Auth
// of the caller's are found.
func (c *Client) redactArguments(err error, ro []RequestOption) error {
	rc := validOptions(ro)
	var known transport.Secrets
	for _, auth := range []Auth{c.tokenAuth, rc.auth} {
		if static, ok := auth.(tokenAuth); ok && static.apply != nil {
			req := &http.Request{Header: make(http.Header), URL: new(url.URL)}
			_ = static.Authorize(req)
			known.AddRequest(req)
		}
	}
	known.AddHeader(rc.header)
	return known.RedactText(err)
}
