package jsonobject

import (
	"encoding/binary"
	"math/bits"
)

// scanner goes through JSON, and checks its syntax. Bytes that are not UTF-8 and
// names that repeat are let pass. Once something is broken, there is nothing more.
type scanner struct {
	body   []byte
	pos    int
	depth  int
	broken bool
}

// maxDepth is that of encoding/json.
const maxDepth = 10_000

func (s *scanner) fail() { s.pos, s.broken = len(s.body), true }

// peek returns the first byte of what comes next, or 0 at the end.
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

// enter goes into an object or an array, and reports whether there is anything in
// it. end is the bracket that closes it.
func (s *scanner) enter(end byte) bool {
	if s.broken {
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
	return !s.broken
}

// more goes on to the next member or element, if there is one, or else out of the
// object or array.
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

// follows goes past text, if it comes next.
func (s *scanner) follows(text string) bool {
	end := s.pos + len(text)
	if end > len(s.body) || string(s.body[s.pos:end]) != text {
		return false
	}
	s.pos = end
	return true
}

// name reads the name of an object's member, and what is between it and the value.
func (s *scanner) name() (raw []byte, plain bool) {
	raw, plain = s.text()
	if s.peek() != ':' {
		s.fail()
		return nil, false
	}
	s.pos++
	return raw, plain
}

// text reads a string. It returns what is between the quotes, and whether that is
// what the string says: ASCII without escapes.
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

// plainPrefix returns how many bytes at the beginning of b stand for themselves in a
// string: all before the first that is a quote, a backslash, a control character or
// not ASCII. It looks at eight bytes at a time, each in its place in a word; it may
// stop short of eight bytes before the end.
func plainPrefix(b []byte) int {
	const (
		each = 0x0101_0101_0101_0101 // Times a byte: that byte in every place.
		high = each * 0x80
	)
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		word := binary.LittleEndian.Uint64(b[n:])
		// A subtraction sets the high bit of a byte that is less than what is taken from
		// it, and may disturb the bytes above it, but none below.
		special := word | (word - each*' ') | ((word ^ each*'"') - each) | ((word ^ each*'\\') - each)
		if special &= high; special != 0 {
			return n + bits.TrailingZeros64(special)/8
		}
	}
	return n
}

// escape returns the length of the escape sequence that b begins with, 0 for none.
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

// skip goes past any value, and returns it.
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
	if s.broken {
		return nil
	}
	return s.body[start:s.pos]
}

func (s *scanner) literal(text string) {
	if !s.follows(text) {
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

// accept goes past one of two bytes, if it comes next.
func (s *scanner) accept(a, b byte) bool {
	if s.pos < len(s.body) && (s.body[s.pos] == a || s.body[s.pos] == b) {
		s.pos++
		return true
	}
	return false
}

// digits goes past one digit or more.
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

// kindName names the kind of value that a byte begins, if there is one.
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
