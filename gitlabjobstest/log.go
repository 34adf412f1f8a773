package gitlabjobstest

import (
	"fmt"
	"time"

	"example.com/gitlabjobs"
)

// maxLogString is the maximum size of a log that Job.Log returns.
const maxLogString = 64 << 20

// Log returns the job's current log. It fails the test if the log is larger than
// 64 MiB, which is possible with JobSpec.LogSize. Read such a log with a client.
func (j *Job) Log() string {
	j.srv.tb.Helper()
	now := j.srv.lock()
	c := j.content(now)
	j.srv.mu.Unlock()
	if c.size() > maxLogString {
		j.srv.failf("Log of job %d: %d bytes are too many for a string: read the log with a client", j.id, c.size())
		return ""
	}
	log := make([]byte, c.size())
	if c.generated > 0 {
		c.generate(log[:c.generated], c.offset)
	}
	copy(log[c.generated:], c.stored)
	return string(log)
}

// content returns the log at a time.
func (j *Job) content(now time.Time) content {
	c := content{generated: j.generatedSize, generate: j.spec.LogAt, stored: j.storedLog(now)}
	if c.generate == nil {
		c.generate = numberedLines
	}
	return c
}

// storedLog returns the stored part of the log at a time. Later writes append to
// it and do not modify it.
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

// logSize returns the size of the log. It does not create the default log, so
// that long lists of jobs need less memory.
func (j *Job) logSize(now time.Time) int64 {
	if j.hasDefaultLog && !j.isStamped() {
		if j.defaultLogSize == 0 {
			j.defaultLogSize = int64(len(j.logHead()) + len(j.logTail()))
		}
		return j.defaultLogSize
	}
	return j.generatedSize + int64(len(j.storedLog(now)))
}

// logHead returns the start of the default log, as a runner writes it.
func (j *Job) logHead() string {
	return fmt.Sprintf("\x1b[0KRunning with gitlab-runner %[1]s (abcd1234)\n\x1b[0;m"+
		"section_start:%[2]d:step_script\r\x1b[0K\x1b[32;1m$ make %[3]s\x1b[0;m\n",
		j.runnerVersion(), j.started.Unix(), j.spec.Name)
}

// logTail returns the end of the default log, as a runner writes it.
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
