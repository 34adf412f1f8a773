package jsonobject

import (
	"encoding/binary"
	"math/bits"
)

// scanner reads JSON and checks its syntax. It accepts invalid UTF-8 and duplicate names.
// After a syntax error, it behaves as at the end of the body.
type scanner struct {
	body    []byte
	pos     int
	depth   int
	invalid bool
}

// maxDepth is the same limit as in encoding/json.
const maxDepth = 10_000

func (s *scanner) fail() { s.pos, s.invalid = len(s.body), true }

// peek skips white space and returns the next byte without reading it, or 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.body) && s.body[s.pos] > ' ' {
		return s.body[s.pos]
	}
	return s.peekPastSpace()
}

func (s *scanner) peekPastSpace() byte {
	for ; s.pos < len(s.body); s.pos++ {
		switch c := s.body[s.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// enter reads the opening bracket of an object or an array, and reports whether it has
// members or elements. end is the closing bracket.
func (s *scanner) enter(end byte) bool {
	if s.invalid {
		return false
	}
	s.pos++
	if s.depth++; s.depth > maxDepth {
		s.fail()
	}
	if s.peek() == end {
		s.leave()
		return false
	}
	return !s.invalid
}

// more reads the comma before the next member or element, or the closing bracket end. It
// reports whether there is another member or element.
func (s *scanner) more(end byte) bool {
	switch s.peek() {
	case ',':
		s.pos++
		return true
	case end:
		s.leave()
	default:
		s.fail()
	}
	return false
}

func (s *scanner) leave() { s.pos, s.depth = s.pos+1, s.depth-1 }

// skipPrefix skips text and returns true if it comes next.
func (s *scanner) skipPrefix(text string) bool {
	end := s.pos + len(text)
	if end > len(s.body) || string(s.body[s.pos:end]) != text {
		return false
	}
	s.pos = end
	return true
}

// name reads the name of an object's member and the colon after it.
func (s *scanner) name() (raw []byte, plain bool) {
	raw, plain = s.text()
	if s.peek() != ':' {
		s.fail()
		return nil, false
	}
	s.pos++
	return raw, plain
}

// text reads a string. It returns the bytes between the quotes. They are plain if they are
// ASCII without escapes, which needs no decoding.
func (s *scanner) text() (raw []byte, plain bool) {
	if s.peek() != '"' {
		s.fail()
		return nil, false
	}
	start := s.pos + 1
	plain = true
	for i := start; ; i++ {
		i += plainPrefix(s.body[i:])
		if i == len(s.body) {
			break
		}
		switch c := s.body[i]; {
		case c == '"':
			s.pos = i + 1
			return s.body[start:i], plain
		case c < ' ':
			s.fail()
			return nil, false
		case c == '\\':
			plain = false
			n := escape(s.body[i:])
			if n == 0 {
				s.fail()
				return nil, false
			}
			i += n - 1
		case c >= 0x80:
			plain = false
		}
	}
	s.fail()
	return nil, false
}

// plainPrefix returns the number of bytes of b before the first byte that is a quote, a
// backslash, a control character or not ASCII. It checks eight bytes at a time, and may
// stop up to seven bytes before the end of b.
func plainPrefix(b []byte) int {
	const (
		each = 0x0101_0101_0101_0101 // each*c has the byte c in all eight positions.
		high = each * 0x80
	)
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		chunk := binary.LittleEndian.Uint64(b[n:])
		// Each subtraction sets the high bit of a byte that is less than the subtrahend. Its
		// borrow can change the bytes above that one, but never the bytes below.
		special := chunk | (chunk - each*' ') | ((chunk ^ each*'"') - each) | ((chunk ^ each*'\\') - each)
		if special &= high; special != 0 {
			return n + bits.TrailingZeros64(special)/8
		}
	}
	return n
}

// escape returns the length of the escape sequence at the beginning of b, or 0 if it is
// invalid.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

// skip reads a value of any type, and returns its JSON.
func (s *scanner) skip() []byte {
	c := s.peek()
	start := s.pos
	switch c {
	case '{':
		for more := s.enter('}'); more; more = s.more('}') {
			s.name()
			s.skip()
		}
	case '[':
		for more := s.enter(']'); more; more = s.more(']') {
			s.skip()
		}
	case '"':
		s.text()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.numeral()
	}
	if s.invalid {
		return nil
	}
	return s.body[start:s.pos]
}

func (s *scanner) literal(text string) {
	if !s.skipPrefix(text) {
		s.fail()
	}
}

func (s *scanner) numeral() {
	s.accept('-', '-')
	if !s.accept('0', '0') {
		s.digits()
	}
	if s.accept('.', '.') {
		s.digits()
	}
	if s.accept('e', 'E') {
		if !s.accept('+', '+') {
			s.accept('-', '-')
		}
		s.digits()
	}
}

// accept reads the next byte if it is a or b.
func (s *scanner) accept(a, b byte) bool {
	if s.pos < len(s.body) && (s.body[s.pos] == a || s.body[s.pos] == b) {
		s.pos++
		return true
	}
	return false
}

// digits reads one or more digits.
func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.body) && isDigit(s.body[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		s.fail()
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNumber(c byte) bool { return c == '-' || isDigit(c) }

// kindName returns the name of the type of a JSON value that begins with c, or "" if no
// value does.
func kindName(c byte) string {
	switch {
	case c == '{':
		return "object"
	case c == '[':
		return "array"
	case c == '"':
		return "string"
	case isNumber(c):
		return "number"
	case c == 'n':
		return "null"
	case c == 't', c == 'f':
		return "boolean"
	default:
		return ""
	}
}
