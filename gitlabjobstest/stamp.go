package gitlabjobstest

import (
	"fmt"
	"strings"
	"time"
)

const (
	// stampTime is the format of the time in the prefix of a line.
	stampTime = "2006-01-02T15:04:05.000000Z"

	// stampBuffer is the maximum number of bytes of an incomplete line, including
	// its prefix, that a runner buffers.
	stampBuffer = 8 << 10

	// markEnd ends each section mark.
	markEnd = "\r\x1b[0K"
)

// stamper writes a log as GitLab Runner does: each line has a prefix of 32 bytes
// with the time, the stream, and + if the line continues the previous one. The
// runner buffers a line until it is complete. If the line contains a carriage
// return or does not fit into the buffer, the runner writes it early, and the
// next line continues it.
type stamper struct {
	splitsAtReturn bool   // The runner splits an incomplete line after its last carriage return, as up to version 19.0.
	buffer         []byte // The incomplete line, with its prefix.
	continues      bool   // The next line continues the last one.
}

// write appends text to a log as one write of the job.
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

// writePart appends one line or a part of a line.
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

// flush appends the incomplete line, as a runner does at the end of a job.
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

// write appends text to the job's log. Like a runner, it writes section marks
// separately from the text around them.
func (j *Job) write(text string, at time.Time) {
	if !j.isStamped() {
		j.log = append(j.log, text...)
		return
	}
	for part := range strings.SplitAfterSeq(text, markEnd) {
		j.log = j.stamper.write(j.log, part, at)
	}
}

// runnerVersion returns the version of the runner that writes the log.
func (j *Job) runnerVersion() string {
	switch {
	case j.spec.RunnerVersion != "":
		return j.spec.RunnerVersion
	case j.isStamped():
		return "19.1.0"
	}
	return "17.9.0"
}

// splitsAtReturn reports whether runners of a version split an incomplete line
// after its last carriage return. Versions 16.0 to 19.0 do. An empty version
// means the newest one. Ok is false if the version is invalid or writes no
// prefixes.
func splitsAtReturn(version string) (splits, ok bool) {
	if version == "" {
		return false, true
	}
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return major < 19 || major == 19 && minor == 0, n == 2 && major >= 16 && minor >= 0
}
