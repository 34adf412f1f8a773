package runnerlog

import "time"

// Prefix is the prefix that newer runners write before each record of a log. It has 32
// bytes: the time, the number of the stream in hex, O for stdout or E for stderr, and + if
// the record continues another one.
//
//	2024-05-22T12:43:46.962646Z 00O+
//
// The zero value is for a record without a prefix.
type Prefix struct {
	Time     time.Time
	Stream   Stream
	StreamID int // 0 for the runner itself, 1 for the scripts, 15 and more for services.

	appends bool // The record continues an earlier one of its stream.
}

// Stream is the stream that a record was written to.
type Stream string

// The streams.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
)

const (
	// In prefixShape, 0 is a digit, h a hex digit, S is O or E, and + is + or a space.
	prefixShape = "0000-00-00T00:00:00.000000Z hhS+"
	prefixLen   = len(prefixShape)
	timeLen     = prefixLen - len(" hhS+")
	secondsLen  = len("0000-00-00T00:00:00")
)

// size returns the length of the prefix in the log.
func (p Prefix) size() int {
	if p.Stream == "" {
		return 0
	}
	return prefixLen
}

// isPartialPrefix reports whether b has the shape of a prefix, up to the length of b.
func isPartialPrefix(b []byte) bool { return hasShape(b, prefixShape) }

// hasShape reports whether b matches shape, up to the length of the shorter one.
func hasShape(b []byte, shape string) bool {
	for i := range min(len(b), len(shape)) {
		c := b[i]
		ok := false
		switch want := shape[i]; want {
		case '0':
			ok = '0' <= c && c <= '9'
		case 'h':
			ok = '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
		case 'S':
			ok = c == 'O' || c == 'E'
		case '+':
			ok = c == '+' || c == ' '
		default:
			ok = c == want
		}
		if !ok {
			return false
		}
	}
	return true
}

// looksPrefixed reports whether b may begin with a whole prefix. It checks only one byte, so
// that it is fast for text without prefixes.
func looksPrefixed(b []byte) bool { return len(b) >= prefixLen && b[timeLen-1] == 'Z' }

// parsePrefix returns the prefix at the beginning of b, or the zero value if there is none.
func parsePrefix(b []byte) (p Prefix) {
	// UnmarshalText accepts only RFC 3339. Because the length is fixed, a point after the
	// seconds means that six digits follow.
	if !looksPrefixed(b) || b[secondsLen] != '.' || !hasShape(b[timeLen:], prefixShape[timeLen:]) ||
		p.Time.UnmarshalText(b[:timeLen]) != nil {
		return Prefix{}
	}
	id, stream := b[timeLen+1:timeLen+3], b[timeLen+3]
	p.Stream = Stdout
	if stream == 'E' {
		p.Stream = Stderr
	}
	p.StreamID = hexDigit(id[0])<<4 | hexDigit(id[1])
	p.appends = b[prefixLen-1] == '+'
	return p
}

func hexDigit(c byte) int {
	if c >= 'a' {
		return int(c-'a') + 10
	}
	return int(c - '0')
}
