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

// Auth adds credentials to a request. A client calls Authorize once for each call, before
// it sends the first attempt, and only for requests to its own server. An implementation
// can fetch or renew a token: it should stop when the context of the request ends. It must
// be safe for concurrent use.
type Auth interface {
	Authorize(req *http.Request) error
}

// PrivateToken authenticates with a personal, project or group access token, in
// the PRIVATE-TOKEN header.
func PrivateToken(token string) Auth {
	return newTokenAuth("PrivateToken", token, func(req *http.Request) { req.Header.Set("Private-Token", token) })
}

// BearerToken authenticates with an OAuth 2.0, access or job token, in the
// Authorization header.
func BearerToken(token string) Auth {
	return newTokenAuth("BearerToken", token, func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+token) })
}

// JobToken authenticates with the token of a CI job ($CI_JOB_TOKEN), in the JOB-TOKEN
// header. GitLab accepts it for the methods of [JobTokenService] and for lists of jobs and
// bridges, and responds with 401 to other calls.
func JobToken(token string) Auth {
	return newTokenAuth("JobToken", token, func(req *http.Request) { req.Header.Set("Job-Token", token) })
}

// JobTokenParam authenticates with the token of a CI job, in the query parameter
// job_token. Prefer [JobToken], because proxies log queries.
func JobTokenParam(token string) Auth {
	return newTokenAuth("JobTokenParam", token, func(req *http.Request) {
		transport.SetParam(req.URL, "job_token", token)
	})
}

// NoAuth sends no credentials. In public projects, this is enough to list the jobs and
// bridges of a pipeline.
func NoAuth() Auth { return tokenAuth{apply: func(*http.Request) {}} }

// tokenAuth stores its token in a closure, because fmt would print it if it were a field.
type tokenAuth struct {
	apply func(*http.Request)
	err   error // The reason why the token is invalid, or nil.
}

func newTokenAuth(name, token string, apply func(*http.Request)) tokenAuth {
	return tokenAuth{apply: apply, err: checkToken(name, token)}
}

func checkToken(name, token string) error {
	switch {
	case token == "":
		return fmt.Errorf("gitlabjobs: %s: the token is empty: pass a token, or use NoAuth()", name)
	case strings.TrimSpace(token) != token:
		return fmt.Errorf("gitlabjobs: %s: the token begins or ends with white space: use strings.TrimSpace", name)
	case strings.ContainsFunc(token, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }):
		return fmt.Errorf("gitlabjobs: %s: the token contains a space, a control character or a non-ASCII character: use it as GitLab shows it", name)
	}
	return nil
}

func (a tokenAuth) Authorize(req *http.Request) error {
	if a.err == nil {
		a.apply(req)
	}
	return a.err
}

// checkAuth returns an error if auth is nil or has an invalid token.
func checkAuth(auth Auth) error {
	if auth == nil {
		return errors.New("gitlabjobs: auth is nil: use PrivateToken(token), or NoAuth() for no credentials")
	}
	if t, ok := auth.(tokenAuth); ok {
		return t.err
	}
	return nil
}

// redactArguments removes tokens from the error of a call that was not sent, because the
// caller may have passed a token as another argument. It does not call an Auth of the
// caller, and so cannot remove its tokens.
func (c *Client) redactArguments(err error, ro []RequestOption) error {
	rc := validOptions(ro)
	var secrets transport.Secrets
	for _, auth := range []Auth{c.tokenAuth, rc.auth} {
		if static, ok := auth.(tokenAuth); ok && static.apply != nil {
			req := &http.Request{Header: make(http.Header), URL: new(url.URL)}
			_ = static.Authorize(req)
			secrets.AddRequest(req)
		}
	}
	secrets.AddHeader(rc.header)
	return secrets.RedactText(err)
}
