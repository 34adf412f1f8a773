package transport

import (
	"errors"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// redacted replaces a secret in a text.
const redacted = "[REDACTED]"

// Redact removes the secrets from a text, such as a response that repeats the request. It
// finds secrets that are unescaped, or escaped for JSON, HTML or URLs.
func (s Secrets) Redact(text string) string {
	found, _ := s.find(text, false)
	return replaceMatches(text, found)
}

// RedactCut is like [Secrets.Redact], for a text that may have been truncated. If the text
// ends with the beginning of a secret, RedactCut removes that too.
func (s Secrets) RedactCut(text string) string {
	found, end := s.find(text, true)
	// A truncated HTML reference may be a valid reference to another character.
	if i := lastEscape(text); i >= 0 {
		if _, shorterEnd := s.find(text[:i], true); shorterEnd < i {
			end = min(end, shorterEnd)
		}
	}
	return replaceMatches(text[:end], found)
}

// in reports whether a text contains a secret.
func (s Secrets) in(text string) bool {
	found, _ := s.find(text, false)
	return len(found) > 0
}

// inAddress reports whether the URL of another origin contains a secret. It ignores short
// secrets, because a header of an Auth may contain a word that is also in the URL.
func (s Secrets) inAddress(text string) bool {
	const shortest = 16
	return slices.DeleteFunc(slices.Clone(s), func(secret string) bool { return len(secret) < shortest }).in(text)
}

// match is a part of a text, from the byte at from up to the byte before to.
type match struct{ from, to int }

// maxUnescapes is the maximum depth of nested escapes that are resolved.
const maxUnescapes = 4

// find returns the positions of the secrets in a text. If cut is true and the text ends
// with the beginning of a secret, end is the offset of that beginning. Otherwise end is the
// length of the text.
func (s Secrets) find(text string, cut bool) (found []match, end int) {
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

// replaceMatches returns a text in which the matches are redacted. The matches must be
// sorted.
func replaceMatches(text string, found []match) string {
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, part := range found {
		if part.from >= len(text) { // The match is in the truncated part.
			break
		}
		if part.from >= at {
			b.WriteString(text[at:part.from] + redacted)
		}
		at = max(at, min(part.to, len(text)))
	}
	b.WriteString(text[at:])
	return b.String()
}

// view is a text in lower case in which some escapes are resolved.
type view struct {
	text    string
	offsets []int // The offsets of each byte, and of the end, in the original text. Nil if they are unchanged.
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

// If the text ends with the beginning of the secret, endWithout returns the offset of that
// beginning, which a truncated escape may follow. Otherwise it returns the length of the
// text.
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

// lastEscape returns the offset of the last escape of a text if it may be truncated, or -1.
func lastEscape(text string) int {
	const longest = 40
	tail := max(0, len(text)-longest)
	if i := strings.LastIndexAny(text[tail:], escapeBytes); i >= 0 {
		return tail + i
	}
	return -1
}

// unescaped resolves the escape at the beginning of s, which must be in lower case. It
// returns the unescaped text and the length of the escape, or 0 if there is no escape.
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
		const longest = 34 // The length of the longest character name in HTML.
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

// reference resolves a numeric character reference of HTML. The number begins at from. The
// semicolon after it is optional.
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

// codePoint returns the character, or the byte, with the number s[begin:end]. n is end, or
// 0 if the number is invalid.
func codePoint(s string, begin, end, base int, isByte bool) (plain string, n int) {
	if end > len(s) {
		return "", 0
	}
	code, err := strconv.ParseUint(s[begin:end], base, 31)
	switch {
	case err != nil || code > utf8.MaxRune:
		return "", 0
	case isByte:
		return string([]byte{byte(code & 0xff)}), end
	default:
		return string(rune(code)), end
	}
}

// lowerASCII is like strings.ToLower, but for ASCII letters only, so that offsets stay the
// same.
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

// RedactHeader returns a copy of a header without the secrets. For example, a Link header
// may repeat the query.
func (s Secrets) RedactHeader(h http.Header) http.Header {
	h = h.Clone()
	for key, values := range h {
		if s.in(key) {
			delete(h, key)
			continue
		}
		for i := range values {
			values[i] = s.Redact(values[i])
		}
	}
	return h
}

// RedactError returns an error whose text has no secret. It removes the *url.Error of
// net/http, which contains the URL. If the text of err or of an error that it wraps has a
// secret, the result works with errors.Is but not with errors.As.
func (s Secrets) RedactError(err error) error {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			break
		}
		err = u.Err
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if s.in(inner.Error()) {
			return s.opaque(err)
		}
	}
	return err
}

// opaqueError stores the original error in a closure, because fmt would print it if it were
// a field.
type opaqueError struct {
	text string
	is   func(error) bool
}

func (e *opaqueError) Error() string        { return e.text }
func (e *opaqueError) Is(target error) bool { return e.is(target) }

func (s Secrets) opaque(err error) error {
	return &opaqueError{text: s.Redact(err.Error()), is: func(target error) bool { return errors.Is(err, target) }}
}

// RedactText is like RedactError, but does not check the errors that err wraps. If the text
// of err has no secret, it returns err.
func (s Secrets) RedactText(err error) error {
	if s.in(err.Error()) {
		return s.opaque(err)
	}
	return err
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
