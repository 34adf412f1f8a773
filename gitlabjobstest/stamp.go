package gitlabjobstest

import (
	"fmt"
	"strings"
	"time"
)

const (
	// stampTime is the format of the time that runners write before each line.
	stampTime = "2006-01-02T15:04:05.000000Z"

	// stampBuffer is how many bytes of an unfinished line a runner buffers, with
	// its prefix, before it writes them.
	stampBuffer = 8 << 10

	// markEnd ends each section mark.
	markEnd = "\r\x1b[0K"
)

// stamper writes a log as GitLab Runner does: each line has a prefix of 32 bytes
// with the time, the stream, and + if it continues the line before. The runner
// buffers a line that has no line break yet. It writes one early, as a line to be
// continued, if the line contains a carriage return or does not fit the buffer.
type stamper struct {
	splitsAtReturn bool   // An early line ends behind its last carriage return, as up to version 19.0.
	buffer         []byte // The unfinished line, with its prefix.
	continues      bool   // The next line continues the last one.
}

// write appends a write of the job to its log.
func (s *stamper) write(log []byte, text string, at time.Time) []byte {
	for line := range strings.Lines(text) {
		end := len(line)
		if i := strings.LastIndexByte(line, '\r'); s.splitsAtReturn && i >= 0 && line[end-1] != '\n' {
			end = i + 1
		}
		log = s.writePart(log, line[:end], at)
		log = s.writePart(log, line[end:], at)
	}
	return log
}

// put appends one line, or a part of one.
func (s *stamper) writePart(log []byte, text string, at time.Time) []byte {
	if text == "" {
		return log
	}
	ends := text[len(text)-1] == '\n'
	early := strings.Contains(text, "\r") || len(s.buffer)+len(text) > stampBuffer
	if len(s.buffer) == 0 {
		s.buffer = append(s.buffer, at.UTC().Format(stampTime)+" 00O "...)
		if s.continues {
			s.buffer[len(s.buffer)-1] = '+'
		}
		s.continues = false
	}
	s.buffer = append(s.buffer, text...)
	if ends || early {
		log = append(log, s.buffer...)
		s.buffer = s.buffer[:0]
	}
	if early && !ends {
		log = append(log, '\n')
		s.continues = true
	}
	return log
}

// flush appends the unfinished line, as a runner does at the end of a job.
func (s *stamper) flush(log []byte) []byte {
	if len(s.buffer) > 0 {
		log = append(append(log, s.buffer...), '\n')
		s.buffer = s.buffer[:0]
	}
	return log
}

func (j *Job) isStamped() bool {
	return j.spec.Stamped || j.spec.Script != nil && j.spec.Script.Stamped
}

// write adds text to the job's log. Section marks are writes by themselves, as a
// runner makes them.
func (j *Job) write(text string, at time.Time) {
	if !j.isStamped() {
		j.log = append(j.log, text...)
		return
	}
	for part := range strings.SplitAfterSeq(text, markEnd) {
		j.log = j.stamper.write(j.log, part, at)
	}
}

// runnerVersion is the version of the runner that writes the log.
func (j *Job) runnerVersion() string {
	switch {
	case j.spec.RunnerVersion != "":
		return j.spec.RunnerVersion
	case j.isStamped():
		return "19.1.0"
	}
	return "17.9.0"
}

// splitsAtReturn reports whether runners of a version end an early line behind
// its last carriage return, as those from 16.0 to 19.0 do. Without a version, it is
// the newest. Ok is false if runners of the version have no prefix.
func splitsAtReturn(version string) (splits, ok bool) {
	if version == "" {
		return false, true
	}
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return major < 19 || major == 19 && minor == 0, n == 2 && major >= 16 && minor >= 0
}
