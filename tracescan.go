package gitlabjobs

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// traceScanner reads a log, and makes lines of it. A line is one record, or those
// of a runner that belong together.
type traceScanner struct {
	r        io.Reader
	buf      []byte
	from, to int // Of what is not yet in a line.
	err      error

	number    int64
	record    traceRecord // The record that from is in, if inRecord.
	inRecord  bool        // An earlier line has the beginning of the record.
	check     splitCheck  // Of that beginning.
	continued bool        // The next line goes on with that line's text.

	several  bool // There is more than one record in the line.
	joined   []byte
	parts    []tracePart
	screen   screen
	sections traceSections
}

// next returns the records of the next line, and whether that is all of them. If
// not, they are as many bytes as a line may have. At the end there are none.
func (s *traceScanner) next() (raw []byte, whole bool) {
	s.several = false
	record, scanned := 0, 0 // Where the line's last record begins, and up to where it has been looked at.
	for {
		window := s.buf[s.from:s.to]
		i := -1
		if limit := min(len(window), maxTraceLine); scanned < limit {
			i = bytes.IndexByte(window[scanned:limit], '\n')
		}
		switch {
		case i >= 0:
			end := scanned + i + 1
			if !s.joins(record, end) {
				return s.buf[s.from:][:end], true
			}
			record, scanned, s.several = end, end+prefixLen, true
		case record > 0 && record+prefixLen >= maxTraceLine:
			return window[:record], false // A cut in a prefix would spoil it.
		case len(window) >= maxTraceLine:
			return window[:maxTraceLine], false
		default:
			scanned = max(scanned, len(window))
			if !s.more() {
				return s.buf[s.from:s.to], true
			}
		}
	}
}

// joins reports whether the record at end continues the line of the record
// before it. It reads more if it has too little of it to tell.
func (s *traceScanner) joins(record, end int) bool {
	rest := s.buf[s.from:s.to][record:end]
	begun := record == 0 && s.inRecord
	var check splitCheck
	if begun {
		check = s.check
	}
	if !begun && !hasPrefix(rest) || !check.with(rest).possible() {
		return false
	}
	before := s.record
	if !begun {
		before = parseRecord(rest)
	}
	if before.stream == "" {
		return false
	}
	for {
		next := s.buf[s.from:s.to][end:]
		if len(next) >= prefixLen {
			after := parseRecord(next)
			return after.appends && after.stream == before.stream && after.id == before.id
		}
		if !beginsPrefix(next) || !s.more() {
			return false
		}
	}
}

// more reads on. It reports false at the end, and where reading failed.
func (s *traceScanner) more() bool {
	if s.to == len(s.buf) {
		window := s.buf[s.from:s.to]
		if len(window) > len(s.buf)*3/4 { // A line of maxTraceLine leaves room in twice that.
			s.buf = make([]byte, 2*len(s.buf))
		}
		s.from, s.to = 0, copy(s.buf, window)
	}
	for tries := 0; s.err == nil; tries++ {
		if tries == 100 {
			s.err = io.ErrNoProgress
			break
		}
		var n int
		n, s.err = s.r.Read(s.buf[s.to:])
		if s.to += n; n > 0 {
			return true
		}
	}
	return false
}

// tracePart is the text of one record: where it begins in that of its line, and in
// the line's raw bytes.
type tracePart struct {
	text, raw int
	record    traceRecord
}

// text is what records say, without prefixes, and without the line breaks that the
// runner put between them. It sets parts.
func (s *traceScanner) text(raw []byte) []byte {
	s.parts = append(s.parts[:0], tracePart{})
	begin := 0
	switch first := &s.parts[0]; {
	case s.inRecord:
		first.record = s.record
	case hasPrefix(raw):
		first.record = parseRecord(raw)
		begin = first.record.prefix
		first.raw = begin
	}
	all := bytes.TrimSuffix(raw, []byte("\n"))
	if !s.several {
		return all[begin:]
	}
	s.joined = s.joined[:0]
	for {
		i := bytes.IndexByte(all[begin:], '\n')
		if i < 0 {
			break
		}
		s.joined = append(s.joined, all[begin:begin+i]...)
		record := parseRecord(all[begin+i+1:])
		begin += i + 1 + record.prefix
		s.parts = append(s.parts, tracePart{len(s.joined), begin, record})
	}
	s.joined = append(s.joined, all[begin:]...)
	return s.joined
}

// rawEnd returns where the raw bytes of the first bytes of the text end, the
// part that the next piece of text begins in, and whether it begins inside it.
func (s *traceScanner) rawEnd(text int) (end int, part *tracePart, inside bool) {
	i := len(s.parts) - 1
	for i > 0 && s.parts[i].text > text {
		i--
	}
	part = &s.parts[i]
	if i > 0 && part.text == text {
		return part.raw - part.record.prefix, part, false
	}
	return part.raw + text - part.text, part, true
}

// leaveIn notes the record that raw ends in, for the rest of it.
func (s *traceScanner) leaveIn(part *tracePart, raw []byte) {
	if part.raw > 0 { // It begins in raw.
		s.check = splitCheck{}
	}
	s.check = s.check.with(raw[max(0, part.raw-part.record.prefix):])
	s.record = part.record
}

// lines makes of records the lines that they are: one, or more where there are
// marks. It returns how many bytes are in them.
func (s *traceScanner) lines(raw []byte, whole bool, yield func(*TraceLine) bool) (n int, goOn bool) {
	text := s.text(raw)
	part := &s.parts[0]
	s.continued = s.continued || !s.inRecord && part.record.appends
	for at, begin := 0, 0; ; {
		line := &TraceLine{Time: part.record.time, Stream: part.record.stream, StreamID: part.record.id}
		first := at
		plain := whole && plainText(bytes.TrimSuffix(text[at:], []byte("\r")))
		stop := atEnd
		if plain {
			at = len(text)
		} else {
			s.screen.clear()
			at, stop = s.play(text, at, whole)
		}
		end := len(raw)
		if s.inRecord = !whole && raw[end-1] != '\n'; stop != atEnd {
			end, part, s.inRecord = s.rawEnd(at)
		} else {
			part = &s.parts[len(s.parts)-1]
		}
		if end > begin {
			line.Raw, line.Continued = string(raw[begin:end]), s.continued
			switch {
			case !plain:
				line.Text, line.Styled = s.screen.text()
			case len(s.parts) == 1:
				line.Text = strings.TrimSuffix(line.Raw[s.parts[0].raw+first-begin:][:at-first], "\r")
			default:
				line.Text = strings.TrimSuffix(string(text[first:]), "\r")
			}
			if plain {
				line.Styled = s.screen.style.around(line.Text)
			}
			if !line.Continued || s.number == 0 {
				s.number++
			}
			line.Number = s.number
			s.sections.giveTo(line)
			s.continued = stop != atMark && !whole
			if !yield(line) {
				return 0, false
			}
		}
		if begin = end; stop != atMark {
			if s.inRecord {
				s.leaveIn(part, raw[:end])
			}
			return end, true
		}
	}
}

// stop is why play stops.
type stop int

const (
	atEnd  stop = iota
	atMark      // What follows is another line.
	atPart      // What follows is a part of something.
)

// play shows text on the screen. Text that is not whole may end in a part of a
// character, a sequence or a mark, for which the rest is yet to come.
func (s *traceScanner) play(text []byte, i int, whole bool) (int, stop) {
	for i < len(text) {
		// Where most of the text is one sequence, it is not worth waiting for.
		waits := !whole && i > len(text)/2
		switch c := text[i]; {
		case c == 0x1b:
			size, control, complete := escapeSequence(text[i:])
			if !complete && waits {
				return i, atPart
			}
			if control != nil {
				s.screen.do(control)
			}
			i += size
		case c == 's' && (i+1 == len(text) || text[i+1] == 'e'):
			mark, size, complete := parseMark(text[i:])
			switch {
			case !complete && waits:
				return i, atPart
			case size == 0:
				s.screen.put('s')
				i++
			case !s.sections.knows(mark):
				i += size
			case !s.screen.empty():
				return i, atMark
			default:
				s.sections.take(mark)
				s.continued = false
				s.screen.clear()
				i += size
			}
		case c < utf8.RuneSelf:
			s.screen.put(rune(c))
			i++
		default:
			r, size := utf8.DecodeRune(text[i:])
			if waits && !utf8.FullRune(text[i:]) {
				return i, atPart
			}
			s.screen.put(r)
			i += size
		}
	}
	return i, atEnd
}
