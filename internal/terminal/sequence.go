package terminal

import "bytes"

const (
	escape = 0x1b
	bell   = '\a'
)

// parseSequence returns the length of the escape sequence at the beginning of text. If it is
// a control sequence, control is the part after ESC [. complete is false if more bytes could
// belong to the sequence.
func parseSequence(text []byte) (size int, control []byte, complete bool) {
	if len(text) < 2 {
		return len(text), nil, false
	}
	switch text[1] {
	case '[':
		return parseControl(text)
	case ']', 'P', 'X', '^', '_':
		return parseString(text)
	}
	i := 1
	for i < len(text) && 0x20 <= text[i] && text[i] <= 0x2f {
		i++
	}
	switch {
	case i == len(text):
		return i, nil, false
	case 0x30 <= text[i] && text[i] <= 0x7e:
		return i + 1, nil, true
	default:
		return i, nil, true
	}
}

// parseControl parses a sequence that begins with ESC [.
func parseControl(text []byte) (size int, control []byte, complete bool) {
	for i := 2; i < len(text); i++ {
		switch c := text[i]; {
		case 0x40 <= c && c <= 0x7e:
			return i + 1, text[2 : i+1], true
		case c < 0x20 || c > 0x3f:
			return i, nil, true // The sequence is invalid: a terminal drops the bytes up to here.
		}
	}
	return len(text), nil, false
}

// parseString parses a sequence that contains a string, such as a title or the URL of a
// link. The sequence ends with BEL or ESC \.
func parseString(text []byte) (size int, control []byte, complete bool) {
	length := bytes.IndexAny(text[2:], "\a\x1b")
	if length < 0 {
		return len(text), nil, false
	}
	end := 2 + length
	switch {
	case text[end] == bell:
		return end + 1, nil, true
	case end+1 == len(text):
		return len(text), nil, false
	case text[end+1] == '\\':
		return end + 2, nil, true
	default:
		return end, nil, true // Another sequence interrupts it.
	}
}

// parseNumber parses a parameter of a sequence. It returns 0 if the parameter is empty, and
// -1 if it is not a number or is very large.
func parseNumber(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' || n > 1e6 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
