package gitlabjobs

import (
	"bytes"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"example.com/gitlabjobs/internal/runnerlog"
	"example.com/gitlabjobs/internal/terminal"
)

// TraceLine is a line of a job's log.
type TraceLine struct {
	// Number counts the lines, from 1. All pieces of a line have the same number.
	Number int64

	// Text is the final text of the line, without escape sequences, section marks and the
	// runner's prefix. If a line returns to the first column, the text after the return
	// replaces the text before it, even if it is shorter, as on GitLab's page. A progress
	// bar therefore has its last state. Backspaces and erase sequences apply as in a
	// terminal. Text is valid UTF-8, and its only control characters are tabs.
	Text string

	// Styled is Text with its colors, for a terminal. It sets the colors that are
	// still on from earlier lines and resets them at its end, so that it can be
	// printed without the other lines.
	Styled string

	// Raw is the line as it is in the log, including its line ending. The Raw values of all
	// lines, concatenated, are the log, byte for byte.
	Raw string

	// Time is the time at which the runner received the line, in UTC. Time is zero and
	// Stream is empty if the runner does not write them to the log.
	Time   time.Time
	Stream TraceStream

	// StreamID is the runner's number for the stream: 0 for messages of the runner, 1 for
	// the scripts of the job, 15 and more for services.
	StreamID int

	// Continued reports whether the line continues the text of an earlier line. The line is
	// then a later piece of a line of more than 64 KiB, or the runner marked it as a
	// continuation but TraceLines could not join it.
	Continued bool

	// Sections are the sections that contain the line, the innermost last. Lines share
	// them: do not modify them.
	Sections []*TraceSection

	// Started are the sections that begin with this line. Ended are the sections that end
	// with this line. Sections does not contain them.
	Started, Ended []*TraceSection
}

// TraceStream is the stream that a line was written to: stdout or stderr. It is empty if the
// log does not contain it.
type TraceStream string

// The streams of a log.
const (
	StreamStdout TraceStream = "stdout"
	StreamStderr TraceStream = "stderr"
)

// TraceSection is a part of a log that GitLab's page folds.
type TraceSection struct {
	Name    string
	Header  string            // The text next to the section mark, which GitLab's page shows as the title. It may be empty.
	Options map[string]string // Such as collapsed and hide_duration. Nil for none.
	Start   time.Time
	End     time.Time // Zero until TraceLines has read the end of the section. A log may lack the end.
}

// Duration returns the time from the section's start to its end, in whole seconds. It is
// zero if the section has no end, or if its end is before its start.
func (s *TraceSection) Duration() time.Duration {
	if s.End.IsZero() {
		return 0
	}
	return max(0, s.End.Sub(s.Start))
}

// TraceLines returns the lines of a log, each as soon as its end is read. r can also be the
// log of a running job. TraceLines uses at most a few MiB of memory for any log.
//
//	for line, err := range gitlabjobs.TraceLines(log) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(line.Text)
//	}
//
// If reading r fails, the iterator yields the last, incomplete line. It then yields the
// error once, with a nil line, and ends. TraceLines reads ahead: if the loop ends early,
// bytes of r after the last line may already have been read. A second loop does not return
// these bytes, because it begins with the unread bytes of r.
//
// A section mark starts a new line, as on GitLab's page, even in the middle of text. Marks
// that GitLab does not accept are text. If the section of an end mark is not open, the mark
// is removed and does not start a line. When TraceLines reads the end of a section, it sets
// End in the TraceSection that earlier lines share. Nothing else in a line changes after
// TraceLines has returned it. While the loop runs, other goroutines must not read End.
//
// Newer runners write a prefix with the time and the stream before each line. They also
// split lines, at carriage returns and after 8 KiB. TraceLines joins the parts to one line,
// with the time of the first part. If a line of such a runner contains a carriage return or
// is longer than 8 KiB, TraceLines returns it when the next line begins, because only the
// next line shows whether it is complete. TraceLines joins a continuation only to such a
// line, and only if the continuation is of the same stream. It returns any other
// continuation as a separate line with Continued set.
//
// Lines of more than 64 KiB are returned in pieces. Continued is set in all but
// the first.
func TraceLines(r io.Reader) iter.Seq2[*TraceLine, error] {
	return func(yield func(*TraceLine, error) bool) {
		s := &traceScanner{log: runnerlog.NewReader(r)}
		for s.log.Next() {
			if !s.yieldLines(func(line *TraceLine) bool { return yield(line, nil) }) {
				return
			}
		}
		if err := s.log.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// traceScanner splits a log into lines.
type traceScanner struct {
	log       *runnerlog.Reader
	line      terminal.Line
	sections  traceSections
	number    int64
	continued bool // The next line continues the text of the one before.
}

// yieldLines yields the current line of the log, as several lines if it has section marks.
// It reports whether to continue.
func (s *traceScanner) yieldLines(yield func(*TraceLine) bool) bool {
	s.continued = s.continued || s.log.Continues()
	// If most of the text is one sequence, its rest is not worth waiting for.
	for half := len(s.log.Text()) / 2; ; {
		text, whole, prefix := s.log.Text(), s.log.Whole(), s.log.Prefix()
		line := &TraceLine{Time: prefix.Time, Stream: TraceStream(prefix.Stream), StreamID: prefix.StreamID}
		shown := bytes.TrimSuffix(text, []byte("\r"))
		plain := whole && terminal.IsPlain(shown)
		n, reason := len(text), atEnd
		if !plain {
			s.line.Clear()
			n, reason = s.show(text, whole, half)
		}
		half -= n
		line.Raw, line.Continued = string(s.log.Take(n)), s.continued
		if plain {
			line.Text = textIn(line.Raw, shown)
			line.Styled = s.line.Styled(line.Text)
		} else {
			line.Text, line.Styled = s.line.Text()
		}
		if !line.Continued || s.number == 0 {
			s.number++
		}
		line.Number = s.number
		s.sections.giveTo(line)
		s.continued = reason != atMark && !whole
		if !yield(line) {
			return false
		}
		if reason != atMark {
			return true
		}
	}
}

// textIn returns text as a string, as a part of raw if raw ends with it.
func textIn(raw string, text []byte) string {
	all := strings.TrimRight(raw, "\r\n")
	if begin := len(all) - len(text); begin >= 0 && all[begin:] == string(text) {
		return all[begin:]
	}
	return string(text)
}

// stopReason is the reason why show stops.
type stopReason int

const (
	atEnd  stopReason = iota
	atMark            // A mark starts another line.
	atPart            // The text ends in a part of a character, a sequence or a mark.
)

// show writes text to the terminal line, and returns the number of bytes written. If text is
// not whole, it may end within a character, a sequence or a mark. If that begins after the
// offset half, show stops there.
func (s *traceScanner) show(text []byte, whole bool, half int) (n int, reason stopReason) {
	for n < len(text) {
		waits := !whole && n > half
		if text[n] == 's' {
			mark, size, complete := runnerlog.ParseMark(text[n:])
			switch {
			case !complete && waits:
				return n, atPart
			case size > 0 && !s.sections.has(mark):
				n += size
				continue
			case size > 0 && !s.line.IsEmpty():
				return n, atMark
			case size > 0:
				s.sections.take(mark)
				s.continued = false
				s.line.Clear()
				n += size
				continue
			}
		}
		size := s.line.Write(text[n:], waits)
		if size == 0 {
			return n, atPart
		}
		n += size
	}
	return n, atEnd
}

// traceSections are the sections at the current position of a log.
type traceSections struct {
	open           []*TraceSection // Lines share it, so it is replaced, never changed.
	started, ended []*TraceSection // By the marks of the line that is being made.
}

// maxOpenSections is the maximum depth of nested sections, which limits their memory.
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

// has reports whether a mark is that of a section: an end needs an open one.
func (s *traceSections) has(m runnerlog.Mark) bool { return m.Start || s.find(m.Name) >= 0 }

// take opens or closes a section. An end closes the innermost section of its name.
func (s *traceSections) take(m runnerlog.Mark) {
	if m.Start {
		if len(s.open) < maxOpenSections {
			section := &TraceSection{Name: m.Name, Options: m.Options, Start: m.Time}
			s.open = append(slices.Clip(s.open), section)
			s.started = append(s.started, section)
		}
		return
	}
	if i := s.find(m.Name); i >= 0 {
		section := s.open[i]
		section.End = m.Time
		s.open = slices.Concat(s.open[:i], s.open[i+1:])
		s.ended = append(s.ended, section)
	}
}

// giveTo sets the sections of a line.
func (s *traceSections) giveTo(line *TraceLine) {
	line.Sections, line.Started, line.Ended = s.open, s.started, s.ended
	if n := len(s.started); n > 0 && slices.Contains(s.open, s.started[n-1]) {
		s.started[n-1].Header = line.Text
	}
	s.started, s.ended = nil, nil
}
