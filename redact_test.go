package gitlabjobs_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// basicAuth, cookieAuth and queryAuth send a token in ways that the library does not
// provide.
type (
	basicAuth  struct{}
	cookieAuth struct{}
	queryAuth  struct{}
)

func (basicAuth) Authorize(req *http.Request) error { req.SetBasicAuth("ci", testToken); return nil }

func (cookieAuth) Authorize(req *http.Request) error {
	req.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	req.AddCookie(&http.Cookie{Name: "session", Value: testToken})
	return nil
}

func (queryAuth) Authorize(req *http.Request) error {
	query := req.URL.Query()
	query.Set("api_key", testToken)
	req.URL.RawQuery = query.Encode()
	return nil
}

// escapedTokens are encodings in which a server may repeat the token.
func escapedTokens() map[string]string {
	each := func(format string) string {
		var b strings.Builder
		for _, c := range []byte(testToken) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	return map[string]string{
		"unescaped":                   testToken,
		"in capitals":                 strings.ToUpper(testToken),
		"one JSON escape":             `\u0067` + testToken[1:],
		"JSON escapes":                each(`\u%04x`),
		"JSON escapes in capitals":    each(`\u%04X`),
		"JavaScript escapes":          each(`\x%02x`),
		"one character reference":     strings.ReplaceAll(testToken, "-", "&#45;"),
		"character references":        each("&#%d;"),
		"padded character references": each("&#%09d;"),
		"hexadecimal references":      each("&#x%X;"),
		"references, no semicolon":    strings.ReplaceAll(testToken, "s", "&#115"),
		"one percent escape":          "%67" + testToken[1:],
		"percent escapes":             each("%%%02x"),
		"percent escapes in capitals": each("%%%02X"),
		"a percent escape in JSON":    `\u002567` + testToken[1:],
		"an escaped percent escape":   "%2567" + testToken[1:],
		"an escaped reference":        "&amp;#103;" + testToken[1:],
		"an escaped JSON escape":      `\\u0067` + testToken[1:],
		"two kinds alternating":       "%67&#108;" + testToken[2:],
	}
}

var (
	percentEscape   = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	backslashEscape = regexp.MustCompile(`\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[\\/"]`)
)

// plainText resolves all escapes in a text.
func plainText(s string) string {
	for range 5 {
		s = html.UnescapeString(s)
		s = percentEscape.ReplaceAllStringFunc(s, func(e string) string {
			b, err := hex.DecodeString(e[1:])
			if err != nil {
				return e
			}
			return string(b)
		})
		s = backslashEscape.ReplaceAllStringFunc(s, func(e string) string {
			n, err := strconv.ParseUint(e[2:], 16, 16)
			if err != nil {
				return e[1:]
			}
			return string(rune(n))
		})
	}
	return strings.ToLower(s)
}

func TestAnEscapedTokenIsNotInErrors(t *testing.T) {
	t.Parallel()
	basic := base64.StdEncoding.EncodeToString([]byte("ci:" + testToken))
	for authName, auth := range map[string]gitlabjobs.Auth{
		"PrivateToken": gitlabjobs.PrivateToken(testToken), "BearerToken": gitlabjobs.BearerToken(testToken), "JobTokenParam": gitlabjobs.JobTokenParam(testToken),
		"basic authentication": basicAuth{}, "a cookie": cookieAuth{}, "a query": queryAuth{},
	} {
		escaped := escapedTokens()
		escaped["base64"] = basic
		escaped["base64 without padding"] = strings.TrimRight(basic, "=")
		for name, token := range escaped {
			if strings.HasPrefix(name, "base64") && authName != "basic authentication" {
				continue
			}
			for place, rt := range map[string]transport{
				"a message": func(req *http.Request) (*http.Response, error) {
					return answer{status: 400, body: `{"message":"not ` + token + `!"}`}.to(req), nil
				},
				"details": func(req *http.Request) (*http.Response, error) {
					return answer{status: 400, body: `{"message":{"` + token + `":["` + token + `"]}}`}.to(req), nil
				},
				"text": func(req *http.Request) (*http.Response, error) {
					return answer{status: 400, body: "not " + token + "!"}.to(req), nil
				},
				"a page": func(req *http.Request) (*http.Response, error) {
					return answer{status: 502, body: "<html><title>" + token + "</title>" + token}.to(req), nil
				},
				"headers": func(req *http.Request) (*http.Response, error) {
					return answer{status: 400, header: map[string]string{"X-Request-Id": token, "X-Url": "?a=" + token, "X-" + token: "x"}}.to(req), nil
				},
				"a name in a body": func(req *http.Request) (*http.Response, error) {
					return answer{body: `{"id":1,"` + token + `":}`}.to(req), nil
				},
				"a content type": func(req *http.Request) (*http.Response, error) {
					return answer{body: "x", header: map[string]string{"Content-Type": token + "/x"}}.to(req), nil
				},
				"a fault":        func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("a proxy: %w", errors.New(token)) },
				"a fault inside": func(*http.Request) (*http.Response, error) { return nil, &hidingError{errors.New(token)} },
				"a redirect's path": func(req *http.Request) (*http.Response, error) {
					return answer{status: 302, header: map[string]string{"Location": "ftp://elsewhere/" + token}}.to(req), nil
				},
				"a redirect's host": func(req *http.Request) (*http.Response, error) {
					return answer{status: 302, header: map[string]string{"Location": "ftp://" + token + ".example/x"}}.to(req), nil
				},
				"the other host": func(req *http.Request) (*http.Response, error) {
					if req.URL.Host == "gitlab.example.com" {
						return answer{status: 302, header: map[string]string{"Location": "https://" + token + ".example/x"}}.to(req), nil
					}
					return answer{status: 401}.to(req), nil
				},
			} {
				client := newClient(t, rt, oneAttempt())
				var resp gitlabjobs.Response
				_, err := client.Jobs.Get(t.Context(), "1", 2, gitlabjobs.WithResponse(&resp), gitlabjobs.WithAuth(auth))
				require.Error(t, err)
				shown := []string{fmt.Sprint(resp)}
				for inner := err; inner != nil; inner = errors.Unwrap(inner) {
					shown = append(shown, inner.Error())
				}
				if e, ok := errors.AsType[*gitlabjobs.Error](err); ok {
					shown = append(shown, e.Message, fmt.Sprint(e.Details), e.RequestID, string(e.Body))
				}
				for _, text := range shown {
					assert.NotContains(t, plainText(text), testToken, "%s, %s, in %s", authName, name, place)
					assert.NotContains(t, text, strings.TrimRight(basic, "="), "%s, %s, in %s", authName, name, place)
				}
			}
		}
	}
}

// hidingError does not show the text of the error that it wraps.
type hidingError struct{ error }

func (*hidingError) Error() string   { return "a proxy failed" }
func (e *hidingError) Unwrap() error { return e.error }

// If a body is cut, the beginning of a token is redacted too.
func TestACutEscapedTokenIsNotInErrors(t *testing.T) {
	t.Parallel()
	for name, token := range escapedTokens() {
		for kept := range len(token) {
			body := "not " + token[:kept] // The connection was lost in the token.
			_, err := answering(t, answer{status: 400, body: body}, oneAttempt()).Jobs.Get(t.Context(), "1", 2)
			var e *gitlabjobs.Error
			require.ErrorAs(t, err, &e)
			assert.NotContains(t, plainText(string(e.Body)), testToken[:5], "%d bytes of the token, %s", kept, name)
		}
	}
}

// The text around the token is kept.
func TestRedactionKeepsTheRestOfAText(t *testing.T) {
	t.Parallel()
	const said = "caf\u00e9 100% of a\\b & c &amp; %zz \\ud83d \u212a &#; &#x; "
	for body, want := range map[string]string{
		said: said, said + testToken + said: said + "[REDACTED]" + said,
		testToken + testToken:                       "[REDACTED][REDACTED]",
		"%67" + testToken[1:] + "%20" + testToken:   "[REDACTED]%20[REDACTED]",
		`{"message":"\u0067` + testToken[1:] + `"}`: `{"message":"[REDACTED]"}`,
	} {
		_, err := answering(t, answer{status: 400, body: body}, oneAttempt()).Jobs.Get(t.Context(), "1", 2)
		var e *gitlabjobs.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, want, string(e.Body))
	}
}

// An error of the connection of a log may contain the request.
func TestABrokenLogDoesNotShowTheToken(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		resp := answer{}.to(req)
		resp.Body, resp.ContentLength = io.NopCloser(iotest.ErrReader(errors.New("reset: "+testToken))), -1
		return resp, nil
	}, oneAttempt())
	_, err := readAll(client.Jobs.Trace(t.Context(), "1", 2, nil))
	require.ErrorContains(t, err, "reset: [REDACTED]")
}
