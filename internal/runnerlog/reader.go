// Package runnerlog parses the metadata that GitLab Runner adds to the log of a job.
//
// Newer runners write a [Prefix] with the time and the stream before each line. They also
// split lines into several records, each with its own prefix, at carriage returns and when
// their buffer is full. A [Reader] removes the prefixes, joins the records of a line, and
// maps each part of the text to the bytes of the log.
//
// All runners write a [Mark] at the start and at the end of each section of the log.
// GitLab's page folds sections.
package runnerlog

import (
	"bytes"
	"io"
)

// MaxLine is the maximum number of bytes of a line that a [Reader] returns at once. It
// returns longer lines in pieces.
const MaxLine = 64 << 10

// Reader reads a log line by line. A line is one record, or several records that a runner
// has split.
//
//	for r.Next() {
//		text := r.Text()
//		raw := r.Take(len(text))
//	}
//	return r.Err()
type Reader struct {
	source   io.Reader
	buffer   []byte
	from, to int // The part of the buffer that was not yet taken.
	err      error

	// The line that Next has read.
	raw   []byte // A part of buffer.
	whole bool
	text  []byte // A part of raw, or of joined.
	parts []part // At least one.

	// The offsets in raw and text up to which the line was taken.
	rawAt, textAt int
	part          *part // The part that contains textAt.
	inRecord      bool  // textAt is inside a record, not at its beginning.

	record Prefix     // If the line begins inside a record: the prefix of that record.
	check  splitCheck // The state for those earlier bytes.
	joined []byte
}

// part is one record of a line: the offsets of its text in the text and in the raw bytes of
// the line, and the prefix before it.
type part struct {
	text, raw int
	prefix    Prefix
}

// NewReader returns a Reader of the log in source.
func NewReader(source io.Reader) *Reader {
	return &Reader{source: source, buffer: make([]byte, MaxLine/4)}
}

// Next reads the next line and reports whether there is one. The line begins after the last
// byte that was taken. At the end of the log, or after a read error, Next first returns the
// remaining bytes as a line, and then false.
func (r *Reader) Next() bool {
	if r.inRecord {
		r.noteRecord()
	}
	r.from += r.rawAt
	r.rawAt, r.textAt = 0, 0
	var several bool
	r.raw, r.whole, several = r.read()
	r.setText(several)
	return len(r.raw) > 0
}

// Err returns the read error, or nil if the log has ended.
func (r *Reader) Err() error {
	if r.err == io.EOF { //nolint:errorlint // A wrapped io.EOF is a failure, not the end.
		return nil
	}
	return r.err
}

// Text returns the text of the line that was not yet taken. It has no prefixes, no line
// break at its end, and no line breaks between records. It is valid until Next is called.
func (r *Reader) Text() []byte { return r.text[r.textAt:] }

// Whole reports whether the text extends to the end of the line. If not, it is a piece that
// may end inside a character, and the next line continues it.
func (r *Reader) Whole() bool { return r.whole }

// Prefix returns the prefix of the record in which the text begins.
func (r *Reader) Prefix() Prefix { return r.part.prefix }

// Continues reports whether the line begins with a record that a runner has marked as a
// continuation, but that the Reader could not join to an earlier record.
func (r *Reader) Continues() bool { return r.textAt == 0 && !r.inRecord && r.part.prefix.appends }

// Take takes the first n bytes of the text. It returns the bytes of the log that contain
// them, with the prefixes before and between them. If n is the length of the text, these
// bytes include the line break. They are valid until Next is called.
func (r *Reader) Take(n int) (raw []byte) {
	begin := r.rawAt
	if r.textAt += n; r.textAt == len(r.text) {
		r.rawAt = len(r.raw)
		r.part = &r.parts[len(r.parts)-1]
		r.inRecord = !r.whole && r.raw[len(r.raw)-1] != '\n'
		return r.raw[begin:]
	}
	i := len(r.parts) - 1
	for i > 0 && r.parts[i].text > r.textAt {
		i--
	}
	r.part = &r.parts[i]
	if i > 0 && r.part.text == r.textAt {
		r.rawAt, r.inRecord = r.part.raw-r.part.prefix.size(), false
	} else {
		r.rawAt, r.inRecord = r.part.raw+r.textAt-r.part.text, true
	}
	return r.raw[begin:r.rawAt]
}

// noteRecord stores the prefix and the splitCheck of the record in which the taken bytes
// end. The next line begins with the rest of that record.
func (r *Reader) noteRecord() {
	if r.part.raw > 0 { // The record begins in this line, after its prefix.
		r.check = splitCheck{}
	}
	r.check = r.check.with(r.raw[max(0, r.part.raw-r.part.prefix.size()):r.rawAt])
	r.record = r.part.prefix
}

// setText sets the text and the parts of the line. several reports whether the line has more
// than one record.
func (r *Reader) setText(several bool) {
	first := part{prefix: r.record}
	if !r.inRecord {
		first.prefix = parsePrefix(r.raw)
		first.raw = first.prefix.size()
	}
	r.parts = append(r.parts[:0], first)
	begin := first.raw
	all := bytes.TrimSuffix(r.raw, []byte("\n"))
	if !several {
		r.text, r.part = all[begin:], &r.parts[0]
		return
	}
	r.joined = r.joined[:0]
	for {
		i := bytes.IndexByte(all[begin:], '\n')
		if i < 0 {
			break
		}
		r.joined = append(r.joined, all[begin:begin+i]...)
		begin += i + 1
		prefix := parsePrefix(all[begin:])
		begin += prefix.size()
		r.parts = append(r.parts, part{len(r.joined), begin, prefix})
	}
	r.joined = append(r.joined, all[begin:]...)
	r.text, r.part = r.joined, &r.parts[0]
}

// read returns the records of the next line, whether they are the whole line, and whether
// there are several. If the line is longer than MaxLine, read returns a piece of it. At the
// end it returns no bytes.
func (r *Reader) read() (raw []byte, whole, several bool) {
	last, scanned := 0, 0 // The beginning of the last record, and the offset up to which its end was searched for.
	for {
		window := r.buffer[r.from:r.to]
		i := -1
		if limit := min(len(window), MaxLine); scanned < limit {
			i = bytes.IndexByte(window[scanned:limit], '\n')
		}
		switch {
		case i >= 0:
			end := scanned + i + 1
			if !r.isContinued(last, end) {
				return r.buffer[r.from:][:end], true, several
			}
			last, scanned, several = end, end+prefixLen, true
		case last > 0 && last+prefixLen >= MaxLine:
			return window[:last], false, several // The limit is inside a prefix, which must stay whole.
		case len(window) >= MaxLine:
			return window[:MaxLine], false, several
		default:
			scanned = max(scanned, len(window))
			if !r.more() {
				return r.buffer[r.from:r.to], true, several
			}
		}
	}
}

// isContinued reports whether the record in [begin, end) is continued by the record after
// it. It reads more bytes if necessary.
func (r *Reader) isContinued(begin, end int) bool {
	record := r.buffer[r.from:r.to][begin:end]
	begun := begin == 0 && r.inRecord
	var check splitCheck
	if begun {
		check = r.check
	}
	if !check.with(record).isPossible() {
		return false
	}
	prefix := r.record
	if !begun {
		prefix = parsePrefix(record)
	}
	if prefix.Stream == "" {
		return false
	}
	for {
		next := r.buffer[r.from:r.to][end:]
		if len(next) >= prefixLen {
			after := parsePrefix(next)
			return after.appends && after.Stream == prefix.Stream && after.StreamID == prefix.StreamID
		}
		if !isPartialPrefix(next) || !r.more() {
			return false
		}
	}
}

// minSplit is the minimum length, including the line break, of a record that a runner has
// split because its buffer was full. Runners buffer 8 KiB of a line, with its prefix,
// before they split it. Secrets can't make it shorter: they are masked before the prefix is
// written.
const minSplit = 8<<10 + 2

// splitCheck determines from the first bytes of a record whether another record can continue
// it. Runners split a line only if a write contains a carriage return and no line break, or
// if their buffer is full. Up to version 19.0 the record then ends after the last carriage
// return. Since version 19.1 it ends at the end of the write.
type splitCheck struct {
	size    int
	returns bool // There is a carriage return.
}

func (c splitCheck) with(b []byte) splitCheck {
	return splitCheck{c.size + len(b), c.returns || bytes.IndexByte(b, '\r') >= 0}
}

func (c splitCheck) isPossible() bool { return c.returns || c.size >= minSplit }

// maxEmptyReads is the maximum number of consecutive reads without bytes and without an
// error.
const maxEmptyReads = 100

// more reads more bytes into the buffer. It returns false at the end and after a read error.
func (r *Reader) more() bool {
	if r.to == len(r.buffer) {
		window := r.buffer[r.from:r.to]
		if len(window) > len(r.buffer)*3/4 { // The buffer grows to at most twice MaxLine, because a line has at most MaxLine bytes.
			r.buffer = make([]byte, 2*len(r.buffer))
		}
		r.from, r.to = 0, copy(r.buffer, window)
	}
	for tries := 0; r.err == nil; tries++ {
		if tries == maxEmptyReads {
			r.err = io.ErrNoProgress
			break
		}
		var n int
		n, r.err = r.source.Read(r.buffer[r.to:])
		if r.to += n; n > 0 {
			return true
		}
	}
	return false
}
