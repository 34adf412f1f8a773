package gitlabjobs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
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
		req.URL.RawQuery = appendQuery(withoutQuery(req.URL.RawQuery, jobTokenParam), jobTokenParam+"="+url.QueryEscape(token))
	})
}

// NoAuth sends no credentials. Public projects answer some calls without:
// the lists of a pipeline's jobs and bridges.
func NoAuth() Auth { return tokenAuth{apply: func(*http.Request) {}} }

const jobTokenParam = "job_token"

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

// credentialHeaders are GitLab's headers, and HTTP's, that hold a credential.
var credentialHeaders = []string{"Private-Token", "Job-Token", "Authorization", "Cookie"}

// secrets are the credentials of a request, in each form in which they could turn
// up in a text.
type secrets []string

// minSecret keeps texts readable: what is shorter is no credential, but a word.
const minSecret = 8

// isCredential reports whether a header is known to hold one.
func isCredential(key, _ string) bool { return slices.Contains(credentialHeaders, key) }

// secretsOf collects the values of a request's headers that are secret, and what was
// added to its query, which was another before.
func secretsOf(req *http.Request, query string, secret func(key, value string) bool) secrets {
	var found secrets
	add := func(value string) {
		if len(value) < minSecret {
			return
		}
		found = append(found, value)
		if escaped := url.QueryEscape(value); escaped != value {
			found = append(found, escaped)
		}
	}
	for key, values := range req.Header {
		for _, value := range values {
			if !secret(key, value) {
				continue
			}
			add(value)
			if _, token, ok := strings.Cut(value, " "); ok {
				add(token)
			}
		}
	}
	if req.URL.RawQuery != query {
		was, _ := url.ParseQuery(query)
		for key, values := range req.URL.Query() {
			if !slices.Equal(was[key], values) {
				for _, value := range values {
					add(value)
				}
			}
		}
	}
	return found
}

const redacted = "[REDACTED]"

// redact takes the secrets out of a text that came from elsewhere, such as an
// answer that repeats the request.
func (s secrets) redact(text string) string {
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return text
}

// redactCut is redact for the beginning of a text: where the cut goes through a
// secret, what is left of that goes too.
func (s secrets) redactCut(text string) string {
	text = s.redact(text)
	for _, secret := range s {
		for n := len(secret) - 1; n >= minSecret/2; n-- {
			if rest, ok := strings.CutSuffix(text, secret[:n]); ok {
				return rest
			}
		}
	}
	return text
}

// redactHeader copies a header without the secrets: GitLab's Link repeats the
// query.
func (s secrets) redactHeader(h http.Header) http.Header {
	h = h.Clone()
	for _, values := range h {
		for i := range values {
			values[i] = s.redact(values[i])
		}
	}
	return h
}

// redactError makes an error that can be shown to anybody. Where its text holds a
// secret, or net/http put the URL into it, what it wraps can no longer be reached,
// only compared with.
func (s secrets) redactError(err error) error {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			break
		}
		err = u.Err
	}
	if text := s.redact(err.Error()); text != err.Error() {
		return &opaqueError{text: text, is: func(target error) bool { return errors.Is(err, target) }}
	}
	return err
}

// opaqueError keeps what it stands for in a closure, out of fmt's reach.
type opaqueError struct {
	text string
	is   func(error) bool
}

func (e *opaqueError) Error() string        { return e.text }
func (e *opaqueError) Is(target error) bool { return e.is(target) }
