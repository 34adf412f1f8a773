package gitlabjobstest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestStampedLogFormatDependsOnRunnerVersion(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 8<<10-32)
	for name, tt := range map[string]struct {
		writes []string
		older  []string // The lines that runners from 16.0 to 19.0 write, without the time.
		newer  []string // The lines that newer runners write. nil if they are the same.
	}{
		"whole lines": {[]string{"a\nb\r\n", "c\rd\n"}, []string{" a", " b\r", " c\rd"}, nil},
		"a progress bar": {
			[]string{"10%\r50%", "\r100%", "\ndone\n"},
			[]string{" 10%\r", "+50%\r", "+100%", " done"},
			[]string{" 10%\r50%", "+\r100%", "+", " done"},
		},
		"a buffered line with a carriage return": {[]string{"a", "b\r", "c\n"}, []string{" ab\r", "+c"}, nil},
		"a section": {
			[]string{"section_start:1:a\r\x1b[0KTitle\nsection_end:1:a\r\x1b[0Ksection_start:1:b\r\x1b[0K", "Next\n"},
			[]string{" section_start:1:a\r", "+\x1b[0KTitle", " section_end:1:a\r", "+\x1b[0Ksection_start:1:b\r", "+\x1b[0KNext"},
			[]string{" section_start:1:a\r\x1b[0K", "+Title", " section_end:1:a\r\x1b[0K", "+section_start:1:b\r\x1b[0K", "+Next"},
		},
		"a full buffer":           {[]string{long, "y", "z\n"}, []string{" " + long + "y", "+z"}, nil},
		"a buffer of 8 KiB":       {[]string{long[1:], "y", "z\n"}, []string{" " + long[1:] + "yz"}, nil},
		"a long write":            {[]string{long + long, "z\n"}, []string{" " + long + long, "+z"}, nil},
		"a long complete line":    {[]string{long + long + "\n", "z\n"}, []string{" " + long + long, " z"}, nil},
		"an incomplete last line": {[]string{"a\nb"}, []string{" a", " b"}, nil},
		"only an incomplete line": {[]string{"a"}, []string{" a"}, nil},
	} {
		for _, version := range []string{"", "16.0", "17.9.0", "18.7.2", "19.0", "19.1", "19.10", "20.0"} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				s := NewMemoryServer(t)
				j := s.AddProject("group/app").AddPipeline().AddJob(JobSpec{Status: gitlabjobs.StatusRunning, Stamped: true, RunnerVersion: version})
				for _, text := range tt.writes {
					j.AppendLog(text)
				}
				j.Succeed()
				want := tt.newer
				if want == nil || version != "" && version < "19.1" {
					want = tt.older
				}
				var got []string
				for line := range strings.Lines(j.Log()) {
					got = append(got, strings.TrimSuffix(line[31:], "\n"))
				}
				require.Equal(t, want, got)
			})
		}
	}
	t.Run("the default log", func(t *testing.T) {
		t.Parallel()
		p := NewMemoryServer(t).AddProject("group/app").AddPipeline()
		for version, spec := range map[string]JobSpec{
			"17.9.0": {}, "19.1.0": {Stamped: true}, "18.7": {Stamped: true, RunnerVersion: "18.7"},
		} {
			require.Contains(t, p.AddJob(spec).Log(), "Running with gitlab-runner "+version+" (")
		}
	})
	t.Run("invalid runner versions", func(t *testing.T) {
		t.Parallel()
		for _, version := range []string{"15.11", "16", "x", "18.x", "-1.0", "19.-1"} {
			failed := failureOf(t, func(s *Server) {
				s.AddProject("group/app").AddPipeline().AddJob(JobSpec{Stamped: true, RunnerVersion: version})
			})
			require.Contains(t, failed, "RunnerVersion is "+strconv.Quote(version)+": use a major and a minor version")
		}
	})
}

func TestStampedLogsKeepWrittenLines(t *testing.T) {
	t.Parallel()
	const text = "\x1b[0KRunning with gitlab-runner\x1b[0;m\n" +
		"section_start:1:get_sources\r\x1b[0K\x1b[36;1mGetting source\x1b[0;m\nFetching 10%\rFetching 100%\r\x1b[Kdone\n" +
		"section_end:9:get_sources\r\x1b[0Ksection_start:9:step_script[collapsed=true]\r\x1b[0KExecuting\r\n\nwarning: \u00fc\n" +
		"section_end:11:step_script\r\x1b[0K\nJob succeeded"
	linesOf := func(log string) (lines []string) {
		for line, err := range gitlabjobs.TraceLines(strings.NewReader(log)) {
			require.NoError(t, err)
			s := line.Styled
			for _, section := range line.Sections {
				s += " [" + section.Header + "]"
			}
			for _, section := range line.Ended {
				s += " -" + section.Name + " " + section.Duration().String()
			}
			lines = append(lines, s)
		}
		return lines
	}
	want := linesOf(text)
	require.Len(t, want, 8)
	pl := NewMemoryServer(t).AddProject("group/app").AddPipeline()
	for _, version := range []string{"19.0", "19.1"} {
		spec := JobSpec{Status: gitlabjobs.StatusRunning, Stamped: true, RunnerVersion: version}
		for i := range text {
			j := pl.AddJob(spec)
			j.AppendLog(text[:i])
			j.AppendLog(text[i:])
			j.Succeed()
			require.Equal(t, want, linesOf(j.Log()), "%s: two writes, split at byte %d", version, i)
		}
		j := pl.AddJob(spec)
		for _, b := range []byte(text) {
			j.AppendLog(string([]byte{b}))
		}
		j.Succeed()
		require.Equal(t, want, linesOf(j.Log()), "%s: one write for each byte", version)
	}
}
