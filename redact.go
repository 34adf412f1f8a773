package gitlabjobs

import (
	"encoding/base64"
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// credentialHeaders are the headers of GitLab and of HTTP that hold a credential.
var credentialHeaders = []string{"Private-Token", "Job-Token", "Authorization", "Proxy-Authorization", "Cookie"}

// secrets are the credentials of a request, in lower case: they are found in any.
type secrets []string

// minSecret keeps texts readable: shorter values are words, not credentials.
const minSecret = 8

// isCredential reports whether a header is known to hold a credential.
func isCredential(key, _ string) bool { return slices.Contains(credentialHeaders, key) }

func (s *secrets) add(value string) {
	if value = lowerASCII(value); len(value) < minSecret || slices.Contains(*s, value) {
		return
	}
	*s = append(*s, value)
	if strings.Contains(value, " ") {
		s.add(strings.ReplaceAll(value, " ", "+")) // As a query escapes it.
	}
}

// addHeaders adds the values of the headers that secret selects, and the parts of
// those values that are secrets by themselves.
func (s *secrets) addHeaders(header http.Header, secret func(key, value string) bool) {
	for key, values := range header {
		for _, value := range values {
			if !secret(key, value) {
				continue
			}
			s.add(value)
			if key == "Cookie" {
				for cookie := range strings.SplitSeq(value, ";") {
					_, value, _ := strings.Cut(cookie, "=")
					s.add(strings.Trim(value, ` "`))
				}
			}
			scheme, credential, _ := strings.Cut(value, " ")
			s.add(credential)
			if strings.EqualFold(scheme, "Basic") {
				s.addBasic(credential)
			}
		}
	}
}

// addBasic adds the password of HTTP's basic authentication, or the user name if
// there is no password.
func (s *secrets) addBasic(credential string) {
	credential = strings.TrimRight(credential, "=")
	s.add(credential)
	text, err := base64.RawStdEncoding.DecodeString(credential)
	if err != nil {
		return
	}
	s.add(string(text))
	user, password, _ := strings.Cut(string(text), ":")
	if password == "" {
		password = user
	}
	s.add(password)
}

const redacted = "[REDACTED]"

// redact removes the secrets from a text that came from elsewhere, such as a
// response that repeats the request. It finds them as they are, and escaped for JSON,
// HTML and URLs.
func (s secrets) redact(text string) string {
	found, _ := s.find(text, false)
	return without(text, found)
}

// redactCut is redact for the beginning of a text: if the cut went through a secret,
// it removes the beginning of that secret too.
func (s secrets) redactCut(text string) string {
	found, end := s.find(text, true)
	if i := lastEscape(text); i >= 0 { // A reference of HTML that was cut is another one.
		if _, without := s.find(text[:i], true); without < i {
			end = min(end, without)
		}
	}
	return without(text[:end], found)
}

// in reports whether a text holds a secret.
func (s secrets) in(text string) bool {
	found, _ := s.find(text, false)
	return len(found) > 0
}

// inAddress reports whether the address of another host holds a secret. Short ones do
// not count: a header of an Auth may hold a word that is in the address by chance.
func (s secrets) inAddress(text string) bool {
	const shortest = 16
	return slices.DeleteFunc(slices.Clone(s), func(secret string) bool { return len(secret) < shortest }).in(text)
}

// match is a part of a text: its first byte, and the one after its last.
type match struct{ from, to int }

// maxUnescapes is how often a text is unescaped: escapes may be nested.
const maxUnescapes = 4

// find returns where in a text the secrets are. If the text was cut, end is where it
// ends without the beginning of a secret.
func (s secrets) find(text string, cut bool) (found []match, end int) {
	end = len(text)
	if len(s) == 0 {
		return nil, end
	}
	v := view{text: lowerASCII(text)}
	for level := 0; ; level++ {
		for _, secret := range s {
			for at := 0; ; {
				i := strings.Index(v.text[at:], secret)
				if i < 0 {
					break
				}
				found = append(found, match{v.origin(at + i), v.origin(at + i + len(secret))})
				at += i + len(secret)
			}
			if cut {
				end = min(end, v.origin(v.endWithout(secret)))
			}
		}
		next, changed := v.unescape()
		if level == maxUnescapes || !changed {
			slices.SortFunc(found, func(a, b match) int { return a.from - b.from })
			return found, end
		}
		v = next
	}
}

// without returns a text without the parts found in it, which are in order.
func without(text string, found []match) string {
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, part := range found {
		if part.from >= at && part.from < len(text) {
			b.WriteString(text[at:part.from] + redacted)
		}
		at = max(at, min(part.to, len(text)))
	}
	b.WriteString(text[at:])
	return b.String()
}

// view is a text in lower case, after some of its escapes were resolved.
type view struct {
	text    string
	offsets []int // Of each byte, and of the end, in the original text. Nil if they are the same.
}

func (v view) origin(i int) int {
	if v.offsets == nil {
		return i
	}
	return v.offsets[i]
}

const escapeBytes = `\%&`

// unescape resolves each escape once. It reports whether there was one.
func (v view) unescape() (view, bool) {
	if !strings.ContainsAny(v.text, escapeBytes) {
		return v, false
	}
	var text strings.Builder
	offsets := make([]int, 0, len(v.text)+1)
	changed := false
	for i := 0; i < len(v.text); {
		plain, n := unescaped(v.text[i:])
		if n == 0 {
			plain, n = v.text[i:i+1], 1
		} else {
			changed = true
		}
		text.WriteString(plain)
		for range len(plain) {
			offsets = append(offsets, v.origin(i))
		}
		i += n
	}
	offsets = append(offsets, v.origin(len(v.text)))
	return view{lowerASCII(text.String()), offsets}, changed
}

// endWithout returns where the text ends without the beginning of a secret, and
// without an escape that was cut, at its end.
func (v view) endWithout(secret string) int {
	for _, end := range []int{len(v.text), lastEscape(v.text)} {
		for n := min(len(secret)-1, end); n >= minSecret/2; n-- {
			if strings.HasSuffix(v.text[:end], secret[:n]) {
				return end - n
			}
		}
	}
	return len(v.text)
}

// lastEscape returns where the last escape of a text begins, if it may have been cut,
// or else -1.
func lastEscape(text string) int {
	const longest = 40
	tail := max(0, len(text)-longest)
	if i := strings.LastIndexAny(text[tail:], escapeBytes); i >= 0 {
		return tail + i
	}
	return -1
}

// unescaped returns what the escape at the beginning of a text stands for, and the
// escape's length, or 0 if there is none. The text is in lower case.
func unescaped(s string) (plain string, n int) {
	switch {
	case s[0] == '%':
		return codePoint(s, 1, 3, 16, true)
	case s[0] == '\\' && len(s) > 1:
		switch s[1] {
		case 'u':
			return codePoint(s, 2, 6, 16, false)
		case 'x':
			return codePoint(s, 2, 4, 16, true)
		case '/', '\\', '"', '\'':
			return s[1:2], 2
		}
	case strings.HasPrefix(s, "&#x"):
		return reference(s, 3, 16)
	case strings.HasPrefix(s, "&#"):
		return reference(s, 2, 10)
	case s[0] == '&':
		const longest = 34 // Of the names that HTML has.
		end := strings.IndexAny(s[1:min(len(s), longest)], ";&") + 1
		if end <= 1 || s[end] == '&' {
			return "", 0
		}
		if plain := html.UnescapeString(s[:end+1]); plain != s[:end+1] {
			return plain, end + 1
		}
	}
	return "", 0
}

// reference resolves a character reference of HTML, of which the number begins at
// from. The semicolon after it may be missing.
func reference(s string, from, base int) (plain string, n int) {
	to := from
	for to < len(s) && (isDigit(s[to]) || base == 16 && 'a' <= s[to] && s[to] <= 'f') {
		to++
	}
	digits := strings.TrimLeft(s[from:to], "0")
	if plain, n = codePoint(digits, 0, len(digits), base, false); n == 0 {
		return "", 0
	}
	if to < len(s) && s[to] == ';' {
		to++
	}
	return plain, to
}

// codePoint returns the character, or the byte, whose number is in s[from:to], and to.
func codePoint(s string, from, to, base int, isByte bool) (plain string, n int) {
	if to > len(s) {
		return "", 0
	}
	code, err := strconv.ParseUint(s[from:to], base, 31)
	switch {
	case err != nil || code > utf8.MaxRune:
		return "", 0
	case isByte:
		return string([]byte{byte(code & 0xff)}), to
	default:
		return string(rune(code)), to
	}
}

// lowerASCII is strings.ToLower for ASCII letters alone: every byte keeps its place.
func lowerASCII(s string) string {
	if strings.IndexFunc(s, isUpperASCII) < 0 {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if isUpperASCII(rune(c)) {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func isUpperASCII(r rune) bool { return 'A' <= r && r <= 'Z' }

// redactHeader copies a header without the secrets: GitLab's Link repeats the query.
func (s secrets) redactHeader(h http.Header) http.Header {
	h = h.Clone()
	for key, values := range h {
		if s.in(key) {
			delete(h, key)
			continue
		}
		for i := range values {
			values[i] = s.redact(values[i])
		}
	}
	return h
}

// redactDetails copies the details of an error without the secrets.
func (s secrets) redactDetails(details map[string][]string) map[string][]string {
	if details == nil {
		return nil
	}
	clean := make(map[string][]string, len(details))
	for field, said := range details {
		field = s.redact(field)
		for _, text := range said {
			clean[field] = append(clean[field], s.redact(text))
		}
	}
	return clean
}

// redactError makes an error that can be shown to anybody. If its text, or that of an
// error that it wraps, holds a secret, or net/http put the URL into it, the errors that
// it wraps can no longer be reached, only compared with.
func (s secrets) redactError(err error) error {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			break
		}
		err = u.Err
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if s.in(inner.Error()) {
			return &opaqueError{text: s.redact(err.Error()), is: func(target error) bool { return errors.Is(err, target) }}
		}
	}
	return err
}

// opaqueError keeps the error that it stands for in a closure, out of fmt's reach.
type opaqueError struct {
	text string
	is   func(error) bool
}

func (e *opaqueError) Error() string        { return e.text }
func (e *opaqueError) Is(target error) bool { return e.is(target) }

// redactArguments redacts the error of a call that was not sent: an argument that is
// given in the wrong place may be a token. Only the tokens that are known without
// calling an Auth of the caller's are found.
func (c *Client) redactArguments(err error, ro []RequestOption) error {
	rc := validOptions(ro)
	var known secrets
	for _, auth := range []Auth{c.tokenAuth, rc.auth} {
		if static, ok := auth.(tokenAuth); ok && static.apply != nil {
			req := &http.Request{Header: make(http.Header), URL: new(url.URL)}
			_ = static.Authorize(req)
			known.addHeaders(req.Header, func(string, string) bool { return true })
			for _, p := range addedParams("", req.URL.RawQuery) {
				known.add(p.value)
			}
		}
	}
	known.addHeaders(rc.header, isCredential)
	if text := known.redact(err.Error()); text != err.Error() {
		return &opaqueError{text: text, is: func(target error) bool { return errors.Is(err, target) }}
	}
	return err
}
