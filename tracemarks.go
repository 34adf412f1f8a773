package gitlabjobs

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// traceRecord describes a line that a runner wrote, by its prefix of 32 bytes: the
// time, the stream's number in hex, O or E, and + if it continues another record.
//
//	2024-05-22T12:43:46.962646Z 00O+
//
// The zero value is for a line without a prefix.
type traceRecord struct {
	prefix  int // The length of the prefix.
	time    time.Time
	stream  TraceStream
	id      int
	appends bool
}

// minSplit is the length, line break included, of the shortest record without a
// carriage return that can be continued. Runners buffer 8 KiB of a line, with its
// prefix, before they split it. Secrets can't make it shorter: they are masked
// before the prefix is written.
const minSplit = 8<<10 + 2

// splitCheck tells whether another record can continue a record, of which it has
// seen the first bytes. Runners split a line only in a write that contains a
// carriage return and no line break, or when their buffer is full. Up to 19.0 a
// record then ends behind the last carriage return, and from 19.1 on with the write.
type splitCheck struct {
	size    int
	returns bool // There is a carriage return.
}

func (c splitCheck) with(b []byte) splitCheck {
	return splitCheck{c.size + len(b), c.returns || bytes.IndexByte(b, '\r') >= 0}
}

func (c splitCheck) possible() bool { return c.returns || c.size >= minSplit }

const (
	prefixShape = "0000-00-00T00:00:00.000000Z hhS+"
	prefixLen   = len(prefixShape)
	prefixTime  = prefixLen - len(" hhS+")
	fraction    = len("0000-00-00T00:00:00")
)

// beginsPrefix reports whether bytes may be the first ones of a prefix.
func beginsPrefix(b []byte) bool { return beginsWith(b, prefixShape) }

// beginsWith reports whether bytes, as far as they go, have a shape.
func beginsWith(b []byte, shape string) bool {
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

// hasPrefix reports whether bytes may begin with a whole prefix. It looks at one
// byte of it, so that most text without a prefix costs nothing.
func hasPrefix(b []byte) bool { return len(b) >= prefixLen && b[prefixTime-1] == 'Z' }

func parseRecord(b []byte) (r traceRecord) {
	// The time is parsed strictly. With a fraction of six digits it has its whole shape.
	if !hasPrefix(b) || b[fraction] != '.' || !beginsWith(b[prefixTime:], prefixShape[prefixTime:]) ||
		r.time.UnmarshalText(b[:prefixTime]) != nil {
		return traceRecord{}
	}
	id, stream := b[prefixTime+1:prefixTime+3], b[prefixTime+3]
	r.prefix, r.stream = prefixLen, StreamStdout
	if stream == 'E' {
		r.stream = StreamStderr
	}
	r.id = hexDigit(id[0])<<4 | hexDigit(id[1])
	r.appends = b[prefixLen-1] == '+'
	return r
}

func hexDigit(c byte) int {
	if c >= 'a' {
		return int(c-'a') + 10
	}
	return int(c - '0')
}

// sectionMark is where a section starts or ends:
//
//	section_start:1560896352:name[collapsed=true]\r\x1b[0K
type sectionMark struct {
	start   bool
	time    time.Time
	name    string
	options map[string]string
}

const (
	maxMarkTime    = 15 // Digits: some write milliseconds.
	maxMarkName    = 255
	maxMarkOptions = 1024
	markEnd        = "\r\x1b[0K"
)

// parseMark returns the mark that bytes begin with, and its size, which is 0 if
// there is none. It is not complete if more bytes might make it one.
func parseMark(b []byte) (m sectionMark, size int, complete bool) {
	rest, begins, complete := afterText(b, "section_")
	if !begins {
		return m, 0, complete
	}
	kind := rest
	if rest, begins, complete = afterText(kind, "start:"); begins {
		m.start = true
	} else if complete {
		rest, begins, complete = afterText(kind, "end:")
	}
	if !begins {
		return m, 0, complete
	}
	seconds, rest := span(rest, maxMarkTime, isDigit)
	if len(seconds) > 0 || len(rest) == 0 {
		rest, begins, complete = afterText(rest, ":")
	} else {
		begins, complete = false, true
	}
	if !begins {
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
		if m.options, ok = parseOptions(options); !ok && len(rest) > 0 {
			return m, 0, true
		}
		if rest, begins, complete = afterText(rest, "]"); !begins {
			return m, 0, complete
		}
	}
	if rest, begins, complete = afterText(rest, markEnd); !begins {
		return m, 0, complete
	}
	n, _ := strconv.ParseInt(string(seconds), 10, 64)
	m.time, m.name = time.Unix(n, 0).UTC(), string(name)
	return m, len(b) - len(rest), true
}

// afterText returns what follows on text that bytes begin with. Whether they do is
// not certain, and complete is false, where they are too few to tell.
func afterText(b []byte, text string) (rest []byte, begins, complete bool) {
	n := min(len(b), len(text))
	if string(b[:n]) != text[:n] {
		return nil, false, true
	}
	return b[n:], n == len(text), n == len(text)
}

// span cuts bytes after the first ones that are of a kind.
func span(b []byte, limit int, of func(byte) bool) (before, after []byte) {
	i := 0
	for i < min(len(b), limit) && of(b[i]) {
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

// parseOptions parses options as strictly as GitLab does: words, with at most one
// blank after a comma.
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

// traceSections are the sections that a log is in.
type traceSections struct {
	open           []*TraceSection // Lines have it, so it is replaced, never changed.
	started, ended []*TraceSection // By the marks of the line that is being made.
}

// maxOpenSections is how deep sections nest, for the memory that they take.
const maxOpenSections = 64

// find returns the index of the innermost open section of a name, or -1.
func (s *traceSections) find(name string) int {
	for i, section := range slices.Backward(s.open) {
		if section.Name == name {
			return i
		}
	}
	return -1
}

// knows reports whether a mark is that of a section: an end needs an open one.
func (s *traceSections) knows(m sectionMark) bool { return m.start || s.find(m.name) >= 0 }

// take opens or closes a section. An end closes the innermost section of its name,
// if there is one.
func (s *traceSections) take(m sectionMark) {
	if m.start {
		if len(s.open) < maxOpenSections {
			section := &TraceSection{Name: m.name, Options: m.options, Start: m.time}
			s.open = append(slices.Clip(s.open), section)
			s.started = append(s.started, section)
		}
		return
	}
	if i := s.find(m.name); i >= 0 {
		section := s.open[i]
		section.End = m.time
		s.open = slices.Concat(s.open[:i], s.open[i+1:])
		s.ended = append(s.ended, section)
	}
}

// giveTo tells a line of its sections.
func (s *traceSections) giveTo(line *TraceLine) {
	line.Sections, line.Started, line.Ended = s.open, s.started, s.ended
	if n := len(s.started); n > 0 && slices.Contains(s.open, s.started[n-1]) {
		s.started[n-1].Header = line.Text
	}
	s.started, s.ended = nil, nil
}
