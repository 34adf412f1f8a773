package runnerlog

import (
	"bytes"
	"strconv"
	"time"
)

// Mark is the start or the end of a section of a log:
//
//	section_start:1560896352:name[collapsed=true]\r\x1b[0K
type Mark struct {
	Start   bool // The mark is a start. If false, it is an end.
	Time    time.Time
	Name    string
	Options map[string]string // Nil for none.
}

const (
	maxMarkTime    = 15 // Digits. Some runners write milliseconds, which are parsed as seconds.
	maxMarkName    = 255
	maxMarkOptions = 1024
	markEnd        = "\r\x1b[0K"
)

// ParseMark returns the mark at the beginning of text and its length, which is 0 if there is
// no mark. complete is false if more bytes could complete a mark.
func ParseMark(text []byte) (m Mark, size int, complete bool) {
	rest, begins, complete := cutPrefix(text, "section_")
	if !begins {
		return m, 0, complete
	}
	kind := rest
	if rest, begins, complete = cutPrefix(kind, "start:"); begins {
		m.Start = true
	} else if complete {
		rest, begins, complete = cutPrefix(kind, "end:")
	}
	if !begins {
		return m, 0, complete
	}
	seconds, rest := span(rest, maxMarkTime, isDigit)
	if len(rest) > 0 && len(seconds) == 0 {
		return m, 0, true
	}
	if rest, begins, complete = cutPrefix(rest, ":"); !begins {
		return m, 0, complete
	}
	name, rest := span(rest, maxMarkName, isNameByte)
	if len(rest) == 0 || len(name) == 0 {
		return m, 0, len(rest) > 0
	}
	if rest[0] == '[' {
		var options []byte
		options, rest = span(rest[1:], maxMarkOptions, isOptionByte)
		var ok bool
		if m.Options, ok = parseOptions(options); !ok && len(rest) > 0 {
			return m, 0, true
		}
		if rest, begins, complete = cutPrefix(rest, "]"); !begins {
			return m, 0, complete
		}
	}
	if rest, begins, complete = cutPrefix(rest, markEnd); !begins {
		return m, 0, complete
	}
	n, _ := strconv.ParseInt(string(seconds), 10, 64) // 15 digits always fit.
	m.Time, m.Name = time.Unix(n, 0).UTC(), string(name)
	return m, len(text) - len(rest), true
}

// cutPrefix returns b without the prefix. If b is shorter than the prefix and may be the
// beginning of it, complete is false.
func cutPrefix(b []byte, prefix string) (rest []byte, begins, complete bool) {
	n := min(len(b), len(prefix))
	if string(b[:n]) != prefix[:n] {
		return nil, false, true
	}
	return b[n:], n == len(prefix), n == len(prefix)
}

// span splits b after the first bytes for which isOfKind returns true, at most limit of
// them.
func span(b []byte, limit int, isOfKind func(byte) bool) (before, after []byte) {
	i := 0
	for i < min(len(b), limit) && isOfKind(b[i]) {
		i++
	}
	return b[:i], b[i:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameByte(c byte) bool { return isWordByte(c) || c == '.' || c == '-' }

func isWordByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

func isOptionByte(c byte) bool { return isWordByte(c) || c == '=' || c == ',' || c == ' ' }

// parseOptions parses options as strictly as GitLab does. Each option is key=value, where
// both consist of letters, digits and underscores. At most one space can follow a comma.
func parseOptions(b []byte) (map[string]string, bool) {
	options := map[string]string{}
	for option := range bytes.SplitSeq(b, []byte(",")) {
		if len(options) > 0 {
			option = bytes.TrimPrefix(option, []byte(" "))
		}
		key, value, _ := bytes.Cut(option, []byte("="))
		if !isWord(key) || !isWord(value) {
			return nil, false
		}
		options[string(key)] = string(value)
	}
	return options, true
}

func isWord(b []byte) bool {
	word, rest := span(b, len(b), isWordByte)
	return len(word) > 0 && len(rest) == 0
}
