package transport_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

// escapedTokens returns the token in the forms in which a server may repeat it.
func escapedTokens() map[string]string {
	each := func(format string) string {
		var b strings.Builder
		for _, c := range []byte(token) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	return map[string]string{
		"as it is":                    token,
		"in capitals":                 strings.ToUpper(token),
		"one JSON escape":             `\u0067` + token[1:],
		"JSON escapes":                each(`\u%04x`),
		"JSON escapes in capitals":    each(`\u%04X`),
		"JavaScript escapes":          each(`\x%02x`),
		"one character reference":     strings.ReplaceAll(token, "-", "&#45;"),
		"character references":        each("&#%d;"),
		"padded character references": each("&#%09d;"),
		"hexadecimal references":      each("&#x%X;"),
		"references, no semicolon":    strings.ReplaceAll(token, "s", "&#115"),
		"one percent escape":          "%67" + token[1:],
		"percent escapes":             each("%%%02x"),
		"percent escapes in capitals": each("%%%02X"),
		"a percent escape in JSON":    `\u002567` + token[1:],
		"an escaped percent escape":   "%2567" + token[1:],
		"four escapes in each other":  "%25252567" + token[1:],
		"an escaped reference":        "&amp;#103;" + token[1:],
		"an escaped JSON escape":      `\\u0067` + token[1:],
		"two kinds by turns":          "%67&#108;" + token[2:],
		"a reference by name":         "glpat&dash;" + token[6:],
		"another by name":             "glpat&hyphen;" + token[6:],
	}
}

// plainText resolves all escapes in a text.
func plainText(s string) string {
	percent := regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	backslash := regexp.MustCompile(`\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[\\/"]`)
	for range 5 {
		s = html.UnescapeString(s)
		s = percent.ReplaceAllStringFunc(s, func(e string) string {
			b, err := hex.DecodeString(e[1:])
			if err != nil {
				return e
			}
			return string(b)
		})
		s = backslash.ReplaceAllStringFunc(s, func(e string) string {
			n, err := strconv.ParseUint(e[2:], 16, 16)
			if err != nil {
				return e[1:]
			}
			return string(rune(n))
		})
	}
	return strings.ToLower(s)
}

func secretsOf(values ...string) (s transport.Secrets) {
	for _, value := range values {
		s.Add(value)
	}
	return s
}

func TestASecretIsFoundHoweverItIsEscaped(t *testing.T) {
	t.Parallel()
	s := secretsOf(token)
	for name, escaped := range escapedTokens() {
		if strings.Contains(name, "by name") {
			continue // It stands for another character.
		}
		for before, after := range map[string]string{"": "", "not ": "!", "%20": "%20", "é&amp;": `\n`, "100% ": "&"} {
			text := before + escaped + after
			redacted := s.Redact(text)
			assert.Equal(t, before+"[REDACTED]"+after, redacted, name)
			assert.NotContains(t, plainText(redacted), token, name)
		}
	}
	dashed := secretsOf("secret\u2010value")
	assert.Equal(t, "[REDACTED]", dashed.Redact("secret&hyphen;value"))
	assert.Equal(t, "[REDACTED]", dashed.Redact("secret&dash;value"))
	assert.Equal(t, "[REDACTED]", secretsOf("jjjjoooo").Redact("&#x6a;jjj&#x6f;ooo"))
	assert.Equal(t, "[REDACTED]", secretsOf("secret\U0010ffffvalue").Redact("secret&#x10FFFF;value"))
	assert.Equal(t, "[REDACTED].", secretsOf(`secret"/'\value`).Redact(`secret\"\/\'\\value.`))
}

func TestRedactionKeepsTheRestOfAText(t *testing.T) {
	t.Parallel()
	const said = "caf\u00e9 100% of a\\b & c &amp; %zz \\ud83d \u212a &#; &#x; &#xg; &#1114112; &;& \\u12 \\x1 % \\ "
	s := secretsOf(token)
	for text, want := range map[string]string{
		said: said, said + token + said: said + "[REDACTED]" + said,
		token + token:                           "[REDACTED][REDACTED]",
		"%67" + token[1:] + "%20" + token:       "[REDACTED]%20[REDACTED]",
		`{"message":"\u0067` + token[1:] + `"}`: `{"message":"[REDACTED]"}`,
		token[:len(token)-1]:                    token[:len(token)-1],
		"%25252525252567" + token[1:]:           "%25252525252567" + token[1:], // Escaped more often than anybody does.
		"%2525252567" + token[1:]:               "%2525252567" + token[1:],
		"":                                      "",
		"&" + token + ";":                       "&[REDACTED];",
		"&#" + strings.Repeat("1", 40) + ";" + token: "&#" + strings.Repeat("1", 40) + ";[REDACTED]",
	} {
		assert.Equal(t, want, s.Redact(text))
	}
	assert.Equal(t, "as it is", transport.Secrets(nil).Redact("as it is"))
}

func TestSecretsThatOverlap(t *testing.T) {
	t.Parallel()
	s := secretsOf("aaaaaaaabbbb", "bbbbcccccccc", "aaaaaaaa")
	assert.Equal(t, "<[REDACTED]>", s.Redact("<aaaaaaaabbbb>"))
	assert.NotContains(t, s.Redact("<aaaaaaaabbbbcccccccc>"), "aaaa")
	assert.NotContains(t, s.Redact("<aaaaaaaabbbbcccccccc>"), "bbbb")
	assert.Equal(t, "<[REDACTED][REDACTED]>", s.Redact("<aaaaaaaaaaaaaaaa>"))
}

// The beginning of a secret is removed too if a text is cut.
func TestASecretThatIsCut(t *testing.T) {
	t.Parallel()
	s := secretsOf(token)
	for name, escaped := range escapedTokens() {
		for kept := range len(escaped) {
			text := "not " + escaped[:kept]
			redacted := s.RedactCut(text)
			assert.NotContains(t, plainText(redacted), token[:4], "%d bytes of the secret, %s", kept, name)
			assert.True(t, strings.HasPrefix(redacted, "not "), "%d bytes of the secret, %s: %s", kept, name, redacted)
		}
	}
	for text, want := range map[string]string{
		"a " + token[:4]:          "a ",
		"a " + token[:3]:          "a " + token[:3],
		"a " + token[:4] + "x":    "a " + token[:4] + "x",
		"a " + token:              "a [REDACTED]",
		"a " + token + token[:9]:  "a [REDACTED]",
		"a " + token[:9] + "&#4":  "a ",
		"a " + token[:9] + `\u00`: "a ",
		"a &amp; b":               "a &amp; b",
		"a & b":                   "a & b",
		"100%":                    "100%",
		token[:5]:                 "",
		"not " + strings.TrimSuffix(escapedTokens()["character references"], ";"): "not ",
		"a " + token[:9] + "&#" + strings.Repeat("0", 38):                         "a ",
		"a " + token + " & so on":                                                 "a [REDACTED] & so on",
	} {
		assert.Equal(t, want, s.RedactCut(text))
	}
}

func TestShortValuesAreNoSecrets(t *testing.T) {
	t.Parallel()
	assert.Empty(t, secretsOf("1234567"))
	s := secretsOf("12345678")
	assert.Equal(t, "[REDACTED]", s.Redact("12345678"))
	assert.False(t, s.InAddress("https://x/12345678"))
	assert.False(t, secretsOf("123456789012345").InAddress("https://x/123456789012345"))
	assert.True(t, secretsOf("1234567890123456").InAddress("https://x/1234567890123456"))
	assert.Len(t, secretsOf(token, strings.ToUpper(token)), 1)
	assert.Equal(t, "?a=[REDACTED]&b=[REDACTED]", secretsOf("a token of words").Redact("?a=a+token+of+words&b=a%20token%20of%20words"))
}

func TestTheSecretsOfARequest(t *testing.T) {
	t.Parallel()
	basic := base64.StdEncoding.EncodeToString([]byte("ci:" + token))
	userOnly := base64.StdEncoding.EncodeToString([]byte(token + ":"))
	for name, tc := range map[string]struct {
		change func(*transport.Request)
		secret []string
		plain  []string
	}{
		"a header":                  {func(*transport.Request) {}, []string{token}, []string{"application/json", "tests"}},
		"Bearer":                    {byHeader("Authorization", "Bearer "+token), []string{token, "Bearer " + token}, []string{"Bearer"}},
		"Basic":                     {byHeader("Authorization", "Basic "+basic), []string{basic, strings.TrimRight(basic, "="), token, "ci:" + token}, []string{"ci"}},
		"basic, without a password": {byHeader("Authorization", "basic "+userOnly), []string{userOnly, token}, nil},
		"Basic, broken":             {byHeader("Authorization", "Basic "+token), []string{token}, nil},
		"another header":            {byHeader("X-Company-Key", token), []string{token}, nil},
		"the user agent":            {byHeader("X-Agent", "an-agent-with-name"), nil, []string{"an-agent-with-name"}},
		"the default header":        {byHeader("X-Default", "a-default-value"), nil, []string{"a-default-value"}},
		"the type":                  {byHeader("X-Type", "application/json"), nil, []string{"application/json"}},
		"a given credential":        {func(r *transport.Request) { r.Header["Private-Token"] = []string{"glpat-a-default-token"} }, []string{token}, nil},
		"cookies":                   {byHeader("Cookie", `theme=dark; session="`+token+`"; other=another-secret`), []string{token, "another-secret"}, []string{"dark"}},
		"a parameter":               {func(r *transport.Request) { r.Authorize = jobTokenParam }, []string{token}, []string{"page"}},
		"a token of the call":       {func(r *transport.Request) { r.CallHeader = http.Header{"Private-Token": {"glpat-of-the-call"}} }, []string{"glpat-of-the-call", token}, nil},
		"a cookie of the call":      {func(r *transport.Request) { r.CallHeader = http.Header{"Cookie": {"a=glpat-of-the-call"}} }, []string{"glpat-of-the-call"}, nil},
		"a header of the call":      {func(r *transport.Request) { r.CallHeader = http.Header{"X-Trace": {"a-trace-of-the-call"}} }, nil, []string{"a-trace-of-the-call"}},
	} {
		r := get()
		r.Header = http.Header{"X-Default": {"a-default-value"}}
		tc.change(&r)
		c := newClient(always(200, ""), func(c *transport.Config) { c.UserAgent = "an-agent-with-name" }).NewCall(r)
		require.NoError(t, c.Prepare(t.Context()), name)
		for _, secret := range tc.secret {
			assert.Equal(t, "<[REDACTED]>", c.Secrets.Redact("<"+secret+">"), name)
		}
		for _, plain := range tc.plain {
			assert.Equal(t, plain, c.Secrets.Redact(plain), name)
		}
	}
	var s transport.Secrets
	s.AddRequest(&http.Request{Header: http.Header{"X-Key": {"a secret value"}}, URL: &url.URL{RawQuery: "a=b&k=another+value"}})
	s.AddHeader(http.Header{"X-Key": {"a plain value"}, "Job-Token": {"a job's token"}})
	assert.Equal(t, "[REDACTED], [REDACTED], a plain value, [REDACTED]", s.Redact("a secret value, another value, a plain value, a job's token"))
}

func byHeader(key, value string) func(*transport.Request) {
	return func(r *transport.Request) {
		r.Authorize = func(req *http.Request) error {
			req.Header.Set(key, value)
			return nil
		}
	}
}

func TestHeadersWithoutSecrets(t *testing.T) {
	t.Parallel()
	header := http.Header{"Link": {"<x?job_token=" + token + ">", "y"}, "X-" + token: {"z"}, "X": {"x"}}
	assert.Equal(t, http.Header{"Link": {"<x?job_token=[REDACTED]>", "y"}, "X": {"x"}}, secretsOf(token).RedactHeader(header))
	assert.Contains(t, header.Get("Link"), token, "the original stays")
}

// hidingError is an error whose text does not include the text of the wrapped error.
type hidingError struct{ error }

func (*hidingError) Error() string   { return "a proxy failed" }
func (e *hidingError) Unwrap() error { return e.error }

func TestErrorsWithoutSecrets(t *testing.T) {
	t.Parallel()
	s := secretsOf(token)
	plain := fmt.Errorf("plain: %w", io.ErrUnexpectedEOF)
	assert.Equal(t, plain, s.RedactError(plain))
	assert.Equal(t, plain, s.RedactError(&url.Error{Op: "Get", URL: token, Err: &url.Error{Op: "Get", URL: token, Err: plain}}))
	for _, err := range []error{
		fmt.Errorf("with %s: %w", token, io.ErrUnexpectedEOF), fmt.Errorf("a proxy: %w", fmt.Errorf("%w: %s", io.ErrUnexpectedEOF, token)),
		&hidingError{fmt.Errorf("%w: %s", io.ErrUnexpectedEOF, token)},
	} {
		redacted := s.RedactError(err)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", redacted, redacted, redacted), token)
		require.ErrorIs(t, redacted, io.ErrUnexpectedEOF)
		require.NotErrorIs(t, redacted, io.EOF)
		require.NoError(t, errors.Unwrap(redacted))
	}
	assert.Equal(t, plain, s.RedactText(plain))
	redacted := s.RedactText(fmt.Errorf("%s: %w", token, io.ErrUnexpectedEOF))
	require.EqualError(t, redacted, "[REDACTED]: unexpected EOF")
	require.ErrorIs(t, redacted, io.ErrUnexpectedEOF)
}
