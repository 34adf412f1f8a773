package gitlabjobs

import (
	"io"
	"iter"
	"time"
)

// TraceLine is a line of a job's log.
type TraceLine struct {
	// Number counts the lines, from 1. The pieces of one line have the same.
	Number int64

	// Text is the final text of the line, without escape sequences, section marks
	// and the runner's prefix. Text after a return to the first column replaces the
	// line, even if it is shorter, as on GitLab's page: a progress bar has its last
	// state. Backspaces and erase sequences apply as in a terminal. Text is valid
	// UTF-8, and its only control characters are tabs.
	Text string

	// Styled is Text with its colors, for a terminal. It sets the colors that are
	// still on from earlier lines and resets them at its end, so that it can be
	// printed without the other lines.
	Styled string

	// Raw is the line as it is in the log, with its end. The Raw of all lines, one
	// after the other, is the log, byte for byte.
	Raw string

	// Time is when the runner took the line, in UTC. It is zero, and Stream is
	// empty, in a log of a runner that does not write them.
	Time   time.Time
	Stream TraceStream

	// StreamID is the number that the runner gave the stream: 0 for messages of
	// its own, 1 for the job's scripts, 15 and more for services.
	StreamID int

	// Continued reports whether the text continues that of an earlier line. The
	// line is then a later piece of a line of more than 64 KiB, or the runner
	// marked it as a continuation but TraceLines could not join it.
	Continued bool

	// Sections are those that the line is in, the innermost last. Lines share
	// them: they are to be read only.
	Sections []*TraceSection

	// Started and Ended are the sections that begin and end with this line. One
	// that ends is no more in Sections.
	Started, Ended []*TraceSection
}

// TraceStream is where a line was written to: stdout, stderr, or empty if the log
// does not say.
type TraceStream string

// The streams of a log.
const (
	StreamStdout TraceStream = "stdout"
	StreamStderr TraceStream = "stderr"
)

// TraceSection is a part of a log that GitLab's page folds.
type TraceSection struct {
	Name    string
	Header  string            // The text beside the mark, which is what the page shows. It may be empty.
	Options map[string]string // Such as collapsed and hide_duration. Nil for none.
	Start   time.Time
	End     time.Time // Zero until the section's end is read, which a log may lack.
}

// Duration returns the time from the section's start to its end, in whole
// seconds. It is zero if the section has no end, or one before its start.
func (s *TraceSection) Duration() time.Duration {
	if s.End.IsZero() {
		return 0
	}
	return max(0, s.End.Sub(s.Start))
}

// maxTraceLine is the maximum length of TraceLine.Raw.
const maxTraceLine = 64 << 10

// TraceLines returns the lines of a log, each as soon as its end is read, so that
// r may as well be the log of a running job. It needs no more than a few MiB,
// whatever the log is.
//
//	for line, err := range gitlabjobs.TraceLines(log) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(line.Text)
//	}
//
// An error of r comes last and once, with a nil line, after the line that it
// broke off. Where the loop ends early, more of r has been read than the lines
// that came. To range a second time goes on with what r has left.
//
// A section mark starts a new line, as on GitLab's page, even in the middle of
// text. Marks that GitLab does not accept are text. The end of a section that is
// not open is dropped and does not start a line. A section's End is set when its
// end is read, in the section that earlier lines share. This is the only change
// to a line after it was returned: other goroutines must not read it while the
// loop runs.
//
// Newer runners write a prefix with the time and the stream before each line.
// They also split lines, at carriage returns and after 8 KiB. TraceLines joins the
// parts to one line, with the time of the first. If a line of such a runner contains
// a carriage return or is longer than 8 KiB, it is returned when the next one
// begins, because only that tells whether it is complete. A continuation of any
// other line, or after a line of another stream, is returned as a line with
// Continued set.
//
// Lines of more than 64 KiB are returned in pieces. Continued is set in all but
// the first.
func TraceLines(r io.Reader) iter.Seq2[*TraceLine, error] {
	return func(yield func(*TraceLine, error) bool) {
		s := &traceScanner{r: r, buf: make([]byte, maxTraceLine/4)}
		for {
			raw, whole := s.next()
			if len(raw) == 0 {
				break
			}
			n, goOn := s.lines(raw, whole, func(line *TraceLine) bool { return yield(line, nil) })
			if !goOn {
				return
			}
			s.from += n
		}
		if s.err != io.EOF { //nolint:errorlint // One that is wrapped is a fault, not the end.
			yield(nil, s.err)
		}
	}
}
