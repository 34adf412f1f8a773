package gitlabjobstest

import (
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// maxHeldLog is how large a log may be to be given to a test as a string.
const maxLogString = 64 << 20

// Log returns the job's log as it is at this moment. One of more than 64 MiB,
// as a JobSpec.LogSize can ask for, fails the test: read that with a client, or
// by the JobSpec.LogAt that makes it.
func (j *Job) Log() string {
	j.srv.tb.Helper()
	now := j.srv.lock()
	c := j.content(now)
	j.srv.mu.Unlock()
	if c.size() > maxLogString {
		j.srv.failf("Log of job %d: %d bytes are too many for a string: read them with a client", j.id, c.size())
		return ""
	}
	log := make([]byte, c.size())
	if c.generated > 0 {
		c.generate(log[:c.generated], c.offset)
	}
	copy(log[c.generated:], c.stored)
	return string(log)
}

// content is the log as it is at a time: what is made as it is read, and behind
// it what was written.
func (j *Job) content(now time.Time) content {
	c := content{generated: j.generatedSize, generate: j.spec.LogAt, stored: j.storedLog(now)}
	if c.generate == nil {
		c.generate = numberedLines
	}
	return c
}

// heldLog returns what was written to the log. It may be kept: later lines are
// put behind it.
func (j *Job) storedLog(now time.Time) []byte {
	if j.hasDefaultLog {
		j.hasDefaultLog = false
		j.write(j.logHead(), j.started)
		j.write(j.logTail(), j.finished)
	}
	j.writeLines(now)
	if !j.finished.IsZero() {
		j.log = j.stamper.flush(j.log)
	}
	return j.log
}

// logSize is the length of the log, without making one up for each job of a
// long list.
func (j *Job) logSize(now time.Time) int64 {
	if j.hasDefaultLog && !j.isStamped() {
		if j.defaultLogSize == 0 {
			j.defaultLogSize = int64(len(j.logHead()) + len(j.logTail()))
		}
		return j.defaultLogSize
	}
	return j.generatedSize + int64(len(j.storedLog(now)))
}

// logHead is what a runner writes first.
func (j *Job) logHead() string {
	return fmt.Sprintf("\x1b[0KRunning with gitlab-runner %[1]s (abcd1234)\n\x1b[0;m"+
		"section_start:%[2]d:step_script\r\x1b[0K\x1b[32;1m$ make %[3]s\x1b[0;m\n",
		j.runnerVersion(), j.started.Unix(), j.spec.Name)
}

// logTail is what a runner writes last.
func (j *Job) logTail() string {
	var end string
	switch j.status {
	case gitlabjobs.StatusFailed:
		end = "\x1b[31;1mERROR: Job failed: exit code 1\n\x1b[0;m"
	case gitlabjobs.StatusCanceled:
		end = "\x1b[31;1mERROR: Job failed: canceled\n\x1b[0;m"
	default:
		end = "\x1b[32;1mJob succeeded\x1b[0;m\n"
	}
	return fmt.Sprintf("section_end:%d:step_script\r\x1b[0K\n%s", j.finished.Unix(), end)
}
