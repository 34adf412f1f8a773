package gitlabjobstest

import (
	"bytes"
	"time"
)

// stampTime is how newer runners write the time before each line.
const stampTime = "2006-01-02T15:04:05.000000Z"

// stamped puts the 32 bytes of newer runners before each line of a text: the
// time, the stream, its kind, and whether the line goes on with the one before.
// They end each line, one that goes on in the next too.
func stamped(text []byte, at time.Time, goesOn bool) []byte {
	var out []byte
	prefix := at.UTC().Format(stampTime) + " 00O"
	for line := range bytes.Lines(text) {
		out = append(out, prefix...)
		if goesOn {
			out = append(out, '+')
		} else {
			out = append(out, ' ')
		}
		out = append(out, line...)
		if goesOn = !bytes.HasSuffix(line, []byte("\n")); goesOn {
			out = append(out, '\n')
		}
	}
	return out
}

func (j *Job) stamps() bool {
	return j.spec.Stamped || j.spec.Script != nil && j.spec.Script.Stamped
}

// write puts text behind the job's log.
func (j *Job) write(text string, at time.Time) {
	if text == "" {
		return
	}
	if !j.stamps() {
		j.log = append(j.log, text...)
		return
	}
	j.log = append(j.log, stamped([]byte(text), at, j.goesOn)...)
	j.goesOn = text[len(text)-1] != '\n'
}
