package gitlabjobs_test

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// longRecord fills the buffer of a runner, which splits the line.
var longRecord = strings.Repeat("0123456789abcdef", 8<<10/16)

// recordsUpTo190 are the records that runners 16 to 19.0 write for a job, without times. If
// a write contains a carriage return but no line break, the record ends after its last
// carriage return.
var recordsUpTo190 = []string{
	"00O \x1b[0KRunning with gitlab-runner VERSION (abcd1234)\x1b[0;m",
	"00O section_start:1709629331:prepare_executor\r",
	"00O+\x1b[0K\x1b[0K\x1b[36;1mPreparing the executor\x1b[0;m\x1b[0;m",
	"00O section_end:1709629339:prepare_executor\r",
	"00O+\x1b[0Ksection_start:1709629339:step_script[hide_duration=false]\r",
	"00O+\x1b[0K\x1b[0K\x1b[36;1mExecuting the script\x1b[0;m\x1b[0;m",
	"01O \x1b[32;1m$ make\x1b[0;m",
	"01O 10%\r",
	"01O+50%\r",
	"01O+100%\r",
	"01O+\x1b[Kdone",
	"01E make: warning: ü",
	"01O section_start:1709629340:own[collapsed=true]\r\x1b[0KOwn section",
	"01O a line in CRLF\r",
	"01O section_end:1709629345:own\r\x1b[0K",
	"01O 1%\r2%\r3%",
	"0fO a service",
	"01O ",
	"01O Downloading\r",
	"01E a warning between",
	"01O+ok",
	"00O section_end:1709629350:step_script\r",
	"00O+\x1b[0K\x1b[32;1mJob succeeded\x1b[0;m",
}

// recordsFrom191 are the records of runners since 19.1. A record contains a whole write.
var recordsFrom191 = []string{
	"00O \x1b[0KRunning with gitlab-runner VERSION (abcd1234)\x1b[0;m",
	"00O section_start:1709629331:prepare_executor\r\x1b[0K",
	"00O+\x1b[0K\x1b[36;1mPreparing the executor\x1b[0;m\x1b[0;m",
	"00O section_end:1709629339:prepare_executor\r\x1b[0K",
	"00O+section_start:1709629339:step_script[hide_duration=false]\r\x1b[0K",
	"00O+\x1b[0K\x1b[36;1mExecuting the script\x1b[0;m\x1b[0;m",
	"01O \x1b[32;1m$ make\x1b[0;m",
	"01O 10%\r5",
	"01O+0%\r",
	"01O+\r100%",
	"01O+\r\x1b[Kdone",
	"01E make: warning: ü",
	"01O section_start:1709629340:own[collapsed=true]\r\x1b[0KOwn section",
	"01O a line in CRLF\r",
	"01O section_end:1709629345:own\r\x1b[0K",
	"01O 1%\r2%\r3%",
	"0fO a service",
	"01O ",
	"01O Downloading\r",
	"01E a warning between",
	"01O+ok",
	"00O section_end:1709629350:step_script\r\x1b[0K",
	"00O+\x1b[32;1mJob succeeded\x1b[0;m",
}

// longRecords are the records of a long line. They are the same in all versions.
var longRecords = []string{
	"01O " + longRecord + "\xc3",
	"01O+\xbc",
	"01O next",
}

// runnerFormats maps versions to their records. The records of 16 to 19.0 differ only in
// the name of the version.
var runnerFormats = map[string][]string{
	"16.11.4": recordsUpTo190,
	"17.9.0":  recordsUpTo190,
	"18.7.2":  recordsUpTo190,
	"19.0.1":  recordsUpTo190,
	"19.1.0":  recordsFrom191,
	"19.3.0":  recordsFrom191,
}

// stampedLog returns the log that the runner of a version writes, with one record per
// second.
func stampedLog(version string, records []string) string {
	var b strings.Builder
	at := time.Unix(1709629331, 962646000).UTC()
	for _, record := range records {
		fmt.Fprintf(&b, "%s %s\n", at.Format("2006-01-02T15:04:05.000000Z"), strings.Replace(record, "VERSION", version, 1))
		at = at.Add(time.Second)
	}
	return b.String()
}

func TestTraceLinesOfEachRunnerVersion(t *testing.T) {
	t.Parallel()
	for version, records := range runnerFormats {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			log := stampedLog(version, records)
			lines := linesOf(t, log)
			var got []string
			for _, line := range lines {
				s := fmt.Sprintf("%02x%.4s [%s] %s", line.StreamID, line.Stream, namesOf(line.Sections), line.Text)
				for _, section := range line.Ended {
					s += fmt.Sprintf(" -%s (%s) %v", section.Name, section.Header, section.Duration())
				}
				got = append(got, s)
			}
			assert.Equal(t, []string{
				"00stdo [] Running with gitlab-runner " + version + " (abcd1234)",
				"00stdo [prepare_executor] Preparing the executor",
				"00stdo [step_script] Executing the script -prepare_executor (Preparing the executor) 8s",
				"01stdo [step_script] $ make",
				"01stdo [step_script] done",
				"01stde [step_script] make: warning: ü",
				"01stdo [step_script/own] Own section",
				"01stdo [step_script/own] a line in CRLF",
				"01stdo [step_script]  -own (Own section) 5s",
				"01stdo [step_script] 3%",
				"0fstdo [step_script] a service",
				"01stdo [step_script] ",
				"01stdo [step_script] Downloading",
				"01stde [step_script] a warning between",
				"01stdo [step_script] ok",
				"00stdo [] Job succeeded -step_script (Executing the script) 11s",
			}, got)
			assert.Equal(t, map[string]string{"hide_duration": "false"}, lines[2].Started[0].Options)
			assert.Equal(t, time.Unix(1709629331+7, 962646000).UTC(), lines[4].Time, "the time of the first record")
			for i, line := range lines {
				assert.Equal(t, i == 14, line.Continued, "another stream's line came between")
			}
			sameInParts(t, log, lines)
		})
	}
	t.Run("a long line", func(t *testing.T) {
		t.Parallel()
		log := stampedLog("", longRecords)
		lines := linesOf(t, log)
		assert.Equal(t, []string{longRecord + "ü", "next"}, textsOf(lines))
		sameInParts(t, log, lines)
	})
}

// sameInParts checks that a log has the same lines if it is read byte by byte, or in two
// parts of any length.
func sameInParts(t *testing.T, log string, lines []*gitlabjobs.TraceLine) {
	t.Helper()
	require.Equal(t, lines, traceLines(t, iotest.OneByteReader(strings.NewReader(log))), "byte by byte")
	for i := 0; i < len(log); i += inFull(1, 3) {
		got := traceLines(t, io.MultiReader(strings.NewReader(log[:i]), strings.NewReader(log[i:])))
		if !reflect.DeepEqual(lines, got) {
			require.Equal(t, lines, got, "cut at byte %d", i)
		}
	}
}

// FuzzTraceLinesOfRunners checks that a log has the lines that the job wrote, for each
// version of the runner and all sizes of the job's writes and of the reads.
func FuzzTraceLinesOfRunners(f *testing.F) {
	for _, records := range [][]string{recordsUpTo190, recordsFrom191, longRecords} {
		text := ""
		for _, record := range records {
			if record[3] != '+' {
				text = strings.TrimSuffix(text, "\r") + "\n"
			}
			text += record[4:]
		}
		f.Add(text, uint16(1), uint16(100))
		f.Add(text, uint16(7), uint16(10))
		f.Add(text, uint16(9000), uint16(1))
	}
	f.Add(sampleLog, uint16(30), uint16(50))
	f.Fuzz(func(t *testing.T, text string, write, read uint16) {
		if text == "" || len(text) > 1<<20 {
			return
		}
		want := traceLines(t, strings.NewReader(text))
		for _, version := range []string{"19.0", "19.1"} {
			log := written(t, text, 1+int(write), version)
			lines := traceLines(t, strings.NewReader(log))
			checkLines(t, log, lines)
			if !reflect.DeepEqual(lines, traceLines(t, inReads(log, 1+int(read)))) {
				t.Fatalf("%s: the lines differ in reads of %d bytes: %q", version, 1+int(read), log)
			}
			if !sameText(want, lines) {
				t.Fatalf("%s: writes of %d bytes: got the lines %q, want %q", version, 1+int(write), textsOf(lines), textsOf(want))
			}
		}
	})
}

// written returns the log of a job that writes text in pieces.
func written(t *testing.T, text string, size int, version string) string {
	job := gitlabjobstest.NewMemoryServer(t).AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{
		Status: gitlabjobs.StatusRunning, Stamped: true, RunnerVersion: version,
	})
	for i := 0; i < len(text); i += size {
		job.AppendLog(text[i:min(i+size, len(text))])
	}
	job.Succeed()
	return job.Log()
}

// inReads returns a reader that reads at most size bytes at once.
func inReads(log string, size int) io.Reader {
	r := strings.NewReader(log)
	return reader(func(b []byte) (int, error) { return r.Read(b[:min(len(b), size)]) })
}

// sameText compares the lines that a job wrote with those of its stamped log. It skips jobs
// that write prefixes or lines in pieces.
func sameText(want, lines []*gitlabjobs.TraceLine) bool {
	for _, line := range want {
		if line.Stream != "" || line.Continued || len(line.Raw) > 32<<10 {
			return true
		}
	}
	return reflect.DeepEqual(linesAndSections(want), linesAndSections(lines))
}

func linesAndSections(lines []*gitlabjobs.TraceLine) []string {
	var all []string
	for _, line := range lines {
		all = append(all, fmt.Sprintf("%s [%s] +%s -%s", line.Styled, namesOf(line.Sections), namesOf(line.Started), namesOf(line.Ended)))
	}
	return all
}
