package gitlabjobs_test

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

const (
	// These are the prefixes of lines from newer runners.
	stamp       = "2024-05-22T12:43:46.962646Z 00O "
	stampAppend = "2024-05-22T12:43:47.962646Z 00O+"
	stampNext   = "2024-05-22T12:43:48.962646Z 00O "
	stampErr    = "2024-05-22T12:43:49.962646Z 01E "

	closing = "\r\x1b[0K"
)

// sampleLog contains all kinds of lines.
const sampleLog = "\x1b[0KRunning with gitlab-runner 17.9.0 (abcd1234)\n" +
	"\x1b[0;msection_start:1709629331:prepare\r\x1b[0Kline ü → ✓\n" +
	"section_end:1709629339:prepare\r\x1b[0Ksection_start:1709629339:build[collapsed=true,hide_duration=true]\r\x1b[0K\x1b[36;1mBuild\x1b[0;m\r\n" +
	"10%\r50%\r100%\nno line break at its endsection_end:1709629350:build\r\x1b[0K\n" +
	stamp + "section_start:1709629351:test" + "\r\n" + stampAppend + "\x1b[0KTest\n" +
	stampNext + "10%\r\n" + stampAppend + "100\xe2\r\n" + stampErr + "warning\n" + stampErr + "\r\n" +
	"\x1b[32;1mJob \x00\xff\x1b]0;title\asucceeded\x1b[0;m\n\nlast ü"

func traceLines(t testing.TB, r io.Reader) []*gitlabjobs.TraceLine {
	t.Helper()
	var lines []*gitlabjobs.TraceLine
	for line, err := range gitlabjobs.TraceLines(r) {
		require.NoError(t, err)
		lines = append(lines, line)
	}
	return lines
}

func linesOf(t testing.TB, log string) []*gitlabjobs.TraceLine {
	t.Helper()
	lines := traceLines(t, strings.NewReader(log))
	require.Equal(t, log, rawOf(lines), "the raw lines joined")
	return lines
}

func rawOf(lines []*gitlabjobs.TraceLine) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line.Raw)
	}
	return b.String()
}

func textsOf(lines []*gitlabjobs.TraceLine) []string {
	texts := []string{}
	for _, line := range lines {
		texts = append(texts, line.Text)
	}
	return texts
}

func namesOf(sections []*gitlabjobs.TraceSection) string {
	var names []string
	for _, s := range sections {
		names = append(names, s.Name)
	}
	return strings.Join(names, "/")
}

func TestTraceLineTextIsWhatATerminalShows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		log  string
		want []string
	}{
		"empty":                              {"", []string{}},
		"one line":                           {"a\n", []string{"a"}},
		"no line break at the end":           {"a\nb", []string{"a", "b"}},
		"empty lines":                        {"\n\na\n", []string{"", "", "a"}},
		"CRLF":                               {"a\r\nb\r\n\r\n", []string{"a", "b", ""}},
		"two carriage returns":               {"a\r\r\n", []string{"a"}},
		"tabs stay":                          {"a\tb\n", []string{"a\tb"}},
		"NUL and other controls go":          {"a\x00b\x07\x0b\x7f\u0085c\n", []string{"abc"}},
		"invalid UTF-8":                      {"a\xff\xfeb\xe2\x86\n", []string{"a��b��"}},
		"colors":                             {"\x1b[32;1mgreen\x1b[0;m plain\n", []string{"green plain"}},
		"a title and a link":                 {"\x1b]0;title\aa \x1b]8;;http://h/\x1b\\link\x1b]8;;\x1b\\\n", []string{"a link"}},
		"a device control string":            {"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\n", []string{"abc"}},
		"an escape character before text":    {"a\x1b→b\x1b(\n", []string{"a→b"}},
		"a character set":                    {"a\x1b(Bb\x1b=c\n", []string{"abc"}},
		"a title that never ends":            {"a\x1b]0;title\nb\n", []string{"a", "b"}},
		"a title that a color ends":          {"a\x1b]0;title\x1b[1mb\n", []string{"ab"}},
		"a sequence that never ends":         {"a\x1b[31\nb\x1b\nc\n", []string{"a", "b", "c"}},
		"an invalid sequence":                {"a\x1b[3→b\x1b\x01c\n", []string{"a→bc"}},
		"a progress bar":                     {"10%\r50%\r100%\n", []string{"100%"}},
		"shorter text replaces the line":     {"Fetching 100%\rdone\n", []string{"done"}},
		"colors alone replace nothing":       {"abcdef\r\x1b[31m\x1b[0m\r\n", []string{"abcdef"}},
		"controls alone replace nothing":     {"abcdef\r\x00\b\a\n", []string{"abcdef"}},
		"a return at the end of the log":     {"50%\r", []string{"50%"}},
		"erased to the end":                  {"abcdef\rxy\x1b[K\n", []string{"xy"}},
		"erased to the end, with a zero":     {"abcdef\rxy\x1b[0K\n", []string{"xy"}},
		"erased to the end of the screen":    {"abcdef\rxy\x1b[J\n", []string{"xy"}},
		"erased from the beginning":          {"abcdef\b\b\b\b\x1b[1K\n", []string{"   def"}},
		"erased from it, at the beginning":   {"abcdef\r\x1b[1Kxy\n", []string{"xy"}},
		"erased from the beginning, at end":  {"abc\x1b[1Kd\n", []string{"   d"}},
		"erased":                             {"abcdef\rxy\x1b[2K\n", []string{""}},
		"erased, and the cursor stays":       {"abc\x1b[2Kd\n", []string{"   d"}},
		"erased, and partly rewritten":       {"abc\r\x1b[Kxyz\b\bq\nabc\r\x1b[2Kxyz\b\bq\n", []string{"xqz", "xqz"}},
		"at the beginning, and back":         {"\rxyz\b\bq\n\x1b[Gxyz\b\b\bq\n", []string{"xqz", "qyz"}},
		"replaced, and partly rewritten":     {"abc\rxyz\b\bq\n", []string{"xqz"}},
		"erased, and rewritten":              {"abcdef\x1b[2K\rxy\n", []string{"xy"}},
		"erased, and to the first column":    {"abcdef\x1b[2K\x1b[1Gxy\n", []string{"xy"}},
		"erased twice":                       {"abc\x1b[1K\rx\x1b[1Kyz\x1b[2Kq\n", []string{"   q"}},
		"to a column":                        {"abcdef\x1b[3Gx\x1b[99Gy\n", []string{"abxyef"}},
		"to the first column":                {"abcdef\x1b[Gxy\nabcdef\x1b[1Gxy\nabcdef\x1b[0Gxy\n", []string{"xy", "xy", "xy"}},
		"other movements of the cursor":      {"ab\x1b[1A\x1b[2Cc\x1b[5Dd\x1b[H\n", []string{"abcd"}},
		"backspaces":                         {"abx\b\byz\b\n", []string{"ayz"}},
		"backspaces at the beginning":        {"\b\b\ba\n", []string{"a"}},
		"wide text is counted in characters": {"äöü→\b\b\b\bab\n", []string{"abü→"}},
		"spaces stay":                        {"  a  \n", []string{"  a  "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, textsOf(linesOf(t, tt.log)))
		})
	}
}

func TestTraceLineStyledIsTheTextInColor(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ line, want string }{
		"plain":                           {"a", "a"},
		"a color":                         {"\x1b[31ma\x1b[0mb", "\x1b[0;31ma\x1b[0mb"},
		"reset at the end":                {"\x1b[1;31ma", "\x1b[0;1;31ma\x1b[0m"},
		"changes":                         {"\x1b[1ma\x1b[31mb\x1b[22mc\x1b[39md", "\x1b[0;1ma\x1b[0;1;31mb\x1b[0;31mc\x1b[0md"},
		"of text that is partly replaced": {"\x1b[31mabc\b\b\b\x1b[32mx", "\x1b[0;32mx\x1b[0;31mbc\x1b[0m"},
		"without text":                    {"\x1b[31m\x1b[0m", ""},
		"of the palette":                  {"\x1b[38;5;208;48;5;9ma", "\x1b[0;38;5;208;101ma\x1b[0m"},
		"24 bits":                         {"\x1b[38;2;1;2;3;48;2;4;5;6ma", "\x1b[0;38;2;1;2;3;48;2;4;5;6ma\x1b[0m"},
		"with colons":                     {"\x1b[38:2::1:2:3;48:5:20;4:3ma\x1b[4:0mb", "\x1b[0;4;38;2;1;2;3;48;5;20ma\x1b[0;38;2;1;2;3;48;5;20mb\x1b[0m"},
		"bright, then the default":        {"\x1b[93;104ma\x1b[39;49mb", "\x1b[0;93;104ma\x1b[0mb"},
		"of an underline is ignored":      {"\x1b[58;5;3;58;2;1;2;3;31ma", "\x1b[0;31ma\x1b[0m"},
		"attributes":                      {"\x1b[3;4;5;7;8;9ma\x1b[23;24;25;27;28;29mb", "\x1b[0;3;4;5;7;8;9ma\x1b[0mb"},
		"twice underlined":                {"\x1b[21ma", "\x1b[0;4ma\x1b[0m"},
		"of a private sequence":           {"\x1b[>4;2ma\x1b[?1mb", "ab"},
		"with a bad parameter":            {"\x1b[38ma\x1b[38;9mb\x1b[38;5mc\x1b[99999999999mdef\x1b[:mx", "abcdefx"},
		"with a wrong number":             {"\x1b[38;2;1ma\x1b[12;;=1mb", "ab"},
		"other sequences are ignored":     {"\x1b[2K\x1b[?25l\x1b[31ma\x1b]0;t\a", "\x1b[0;31ma\x1b[0m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, linesOf(t, tt.line)[0].Styled)
		})
	}
}

func TestTraceLineColorsContinueInTheNextLine(t *testing.T) {
	t.Parallel()
	lines := linesOf(t, "\x1b[31mred\nstill\n\x1b[0mplain\nplain\n")
	assert.Equal(t, "\x1b[0;31mstill\x1b[0m", lines[1].Styled)
	assert.Equal(t, "still", lines[1].Text)
	assert.Equal(t, "plain", lines[2].Styled)
	assert.Equal(t, "plain", lines[3].Styled)
}

func TestTraceLinesOfANewerRunner(t *testing.T) {
	t.Parallel()
	lines := linesOf(t, stamp+"out\n"+stampErr+"err\nno prefix\n"+stamp+"\n"+
		strings.ReplaceAll(stamp, "00O", "ffE")+"\x1b[1mlast")
	assert.Equal(t, []string{"out", "err", "no prefix", "", "last"}, textsOf(lines))

	assert.Equal(t, time.Date(2024, 5, 22, 12, 43, 46, 962646000, time.UTC), lines[0].Time)
	assert.Equal(t, gitlabjobs.StreamStdout, lines[0].Stream)
	assert.Zero(t, lines[0].StreamID)
	assert.Equal(t, stamp+"out\n", lines[0].Raw)

	assert.Equal(t, gitlabjobs.StreamStderr, lines[1].Stream)
	assert.Equal(t, 1, lines[1].StreamID)

	assert.True(t, lines[2].Time.IsZero())
	assert.Empty(t, lines[2].Stream)

	assert.Equal(t, 255, lines[4].StreamID)
	for i, line := range lines {
		assert.EqualValues(t, i+1, line.Number)
	}
}

func TestTraceLineWithAnInvalidPrefix(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{
		"month 13":             "2024-13-22T12:43:46.962646Z 00O ",
		"no time of day":       "2024-05-22T25:43:46.962646Z 00O ",
		"three digits":         "2024-05-22T12:43:46.962Z 00O    ",
		"another zone":         "2024-05-22T12:43:46.962646+ 00O ",
		"no stream":            "2024-05-22T12:43:46.962646Z 00X ",
		"capital hex":          "2024-05-22T12:43:46.962646Z 0FO ",
		"an unknown flag":      "2024-05-22T12:43:46.962646Z 00O*",
		"cut short":            "2024-05-22T12:43:46.962646Z 00",
		"not at the beginning": " " + stamp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line := linesOf(t, prefix)[0]
			assert.Equal(t, prefix, line.Text)
			assert.True(t, line.Time.IsZero())
		})
	}
}

func TestTraceLinesJoinTheRecordsOfALine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 8<<10)
	for name, tt := range map[string]struct {
		log  string
		want []string // The text of a Continued line begins with +.
	}{
		"a progress bar":                            {stamp + "10%\r\n" + stampAppend + "50%\r\n" + stampAppend + "100%\n", []string{"100%"}},
		"a long line":                               {stamp + long + "\n" + stampAppend + "end\n" + stampNext + "next\n", []string{long + "end", "next"}},
		"cut in a character":                        {stamp + long + "\xe2\x86\n" + stampAppend + "\x92\n", []string{long + "→"}},
		"cut in a color":                            {stamp + long + "\x1b[3\n" + stampAppend + "1m!\n", []string{long + "!"}},
		"cut in a mark":                             {stamp + "section_start:1:a\r\n" + stampAppend + "\x1b[0KTitle\n", []string{"Title"}},
		"cut in a mark, since 19.1":                 {stamp + "section_start:1:a" + closing + "\n" + stampAppend + "\x1b[36;1mTitle\n", []string{"Title"}},
		"cut before a carriage return":              {stamp + "10%\r50%\n" + stampAppend + "\r100%\n", []string{"100%"}},
		"cut after a carriage return":               {stamp + "10%\r10\n" + stampAppend + "0%\n", []string{"100%"}},
		"a record of more than 8 KiB":               {stamp + long[32:] + "x\n" + stampAppend + "end\n", []string{long[32:] + "xend"}},
		"a record of less than 8 KiB":               {stamp + long[32:] + "\n" + stampAppend + "end\n", []string{long[32:], "+end"}},
		"only one continuation":                     {stamp + "10%\r\n" + stampAppend + "100%\n" + stampAppend + "x\n", []string{"100%", "+x"}},
		"a mark in a continuation":                  {stamp + "a\r\n" + stampAppend + "section_start:1:a" + closing + "Title\n", []string{"a", "Title"}},
		"an empty continuation at the end":          {stamp + "10%\r\n" + stampAppend, []string{"10%"}},
		"a prefix cut at the end":                   {stamp + "10%\r\n" + stampAppend[:20], []string{"10%", stampAppend[:20]}},
		"no continuation":                           {stamp + "a\r\n" + stampNext + "b\r\n", []string{"a", "b"}},
		"another stream between":                    {stamp + "10%\r\n" + stampErr + "w\n" + stampAppend + "50%\r\n" + stampAppend + "100%\n", []string{"10%", "w", "+100%"}},
		"a continuation of the other stream":        {stamp + "10%\r\n" + strings.Replace(stampAppend, "O+", "E+", 1) + "50%\n", []string{"10%", "+50%"}},
		"a continuation of a whole line":            {stamp + "a\n" + stampAppend + "b\n", []string{"a", "+b"}},
		"a continuation of a line without a prefix": {"a\r\n" + stampAppend + "b\n", []string{"a", "+b"}},
		"a continuation at the beginning":           {stampAppend + "b\n", []string{"+b"}},
		"a line that ends in CRLF":                  {stamp + "a\r\nb\r\n" + stamp + "\r\n" + stampNext + "c", []string{"a", "b", "", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := linesOf(t, tt.log)
			got := textsOf(lines)
			for i, line := range lines {
				if line.Continued {
					got[i] = "+" + got[i]
				}
			}
			assert.Equal(t, tt.want, got)
			if strings.HasPrefix(tt.log, stamp) {
				assert.Equal(t, 46, lines[0].Time.Second(), "the time of the first")
			}
		})
	}
}

func TestTraceSections(t *testing.T) {
	t.Parallel()
	start := func(name string) string { return "section_start:100:" + name + closing }
	end := func(name string) string { return "section_end:160:" + name + closing }
	for name, tt := range map[string]struct {
		log  string
		want []string // The format is: Text [sections] +started -ended.
	}{
		"with a title":                  {start("a") + "A\nx\n" + end("a") + "\ny\n", []string{"A [a] +a", "x [a]", " [] -a", "y []"}},
		"on a line of its own":          {start("a") + "\nx\n", []string{" [a] +a", "x [a]"}},
		"nested":                        {start("a") + "A\n" + start("b") + "B\n" + end("b") + "\n" + end("a") + "\n", []string{"A [a] +a", "B [a/b] +b", " [a] -b", " [] -a"}},
		"interleaved":                   {start("a") + "\n" + start("b") + "\n" + end("a") + "x\n" + end("b") + "y\n", []string{" [a] +a", " [a/b] +b", "x [b] -a", "y [] -b"}},
		"of one name":                   {start("a") + "\n" + start("a") + "\n" + end("a") + "x\n" + end("a") + "y\n", []string{" [a] +a", " [a/a] +a", "x [a] -a", "y [] -a"}},
		"one after the other":           {start("a") + "A\n" + end("a") + start("b") + "B\n", []string{"A [a] +a", "B [b] +b -a"}},
		"several on a line":             {start("a") + start("b") + end("b") + start("c") + "C\n", []string{"C [a/c] +a/b/c -b"}},
		"after text":                    {start("a") + "A\nx" + end("a") + start("b") + "B\n", []string{"A [a] +a", "x [a]", "B [b] +b -a"}},
		"after colors":                  {"\x1b[0;m\x1b[0K" + start("a") + "A\n", []string{"A [a] +a"}},
		"an end without a start":        {end("a") + "x\n" + start("b") + end("a") + "y\n", []string{"x []", "y [b] +b"}},
		"a title with another title":    {start("a") + "A" + start("b") + "B\n", []string{"A [a] +a", "B [a/b] +b"}},
		"the end of an unknown section": {"x" + end("a") + "y" + end("b") + "\nz\n", []string{"xy []", "z []"}},
		"the end of an ended section":   {start("a") + "A\n" + end("a") + "x" + end("a") + "y\n", []string{"A [a] +a", "xy [] -a"}},
		"after a carriage return":       {"10%\r" + start("a") + "A\r" + end("a") + "x\n", []string{"10% []", "A [a] +a", "x [] -a"}},
		"of a newer runner":             {stamp + start("a") + "A\n" + stamp + end("a") + "\n", []string{"A [a] +a", " [] -a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, line := range linesOf(t, tt.log) {
				s := fmt.Sprintf("%s [%s]", line.Text, namesOf(line.Sections))
				if line.Started != nil {
					s += " +" + namesOf(line.Started)
				}
				if line.Ended != nil {
					s += " -" + namesOf(line.Ended)
				}
				got = append(got, s)
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestTraceSectionHasTheValuesOfItsMarks(t *testing.T) {
	t.Parallel()
	lines := linesOf(t, "section_start:1709629331:my.step-1_a[collapsed=true, hide_duration=false]"+closing+"\x1b[1mTitle\x1b[0m\nx\n"+
		"section_start:1709629331:other"+closing+"\nsection_end:1709629341:my.step-1_a"+closing+"\n")
	s := lines[0].Started[0]
	assert.Equal(t, &gitlabjobs.TraceSection{
		Name: "my.step-1_a", Header: "Title", Options: map[string]string{"collapsed": "true", "hide_duration": "false"},
		Start: time.Date(2024, 3, 5, 9, 2, 11, 0, time.UTC), End: time.Date(2024, 3, 5, 9, 2, 21, 0, time.UTC),
	}, s)
	assert.Equal(t, 10*time.Second, s.Duration())
	assert.Same(t, s, lines[1].Sections[0])
	assert.Same(t, s, lines[3].Ended[0])

	open := lines[2].Started[0]
	assert.Empty(t, open.Header)
	assert.Nil(t, open.Options)
	assert.True(t, open.End.IsZero())
	assert.Zero(t, open.Duration())
}

func TestTraceSectionDurationIsNotNegative(t *testing.T) {
	t.Parallel()
	for _, times := range [][2]string{{"160", "100"}, {"999999999999999", "0"}} {
		lines := linesOf(t, "section_start:"+times[0]+":a"+closing+"A\nsection_end:"+times[1]+":a"+closing+"\n")
		section := lines[1].Ended[0]
		assert.True(t, section.End.Before(section.Start))
		assert.Zero(t, section.Duration())
	}
}

func TestTraceSectionWithAnInvalidMark(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"section_start:1:a", "section_start:1:a\\r\\e[0K", "section_start::a", "section_start:x:a", "section_start:1:",
		"section_start:1:a b", "section_start:1:a[collapsed]", "section_start:1:a[]", "section_start:1:a[b=c", "section_stop:1:a",
		"section_start:1234567890123456:a", "section_start:1:" + strings.Repeat("a", 256), "sections", "section_", "section_end:1", "s", "se",
		"section_start:1:a[=b]", "section_start:1:a[b=\x7f]"[:20],
	} {
		line := linesOf(t, text+"\n")[0]
		assert.Equal(t, text, line.Text)
		assert.Empty(t, line.Started)
		// The bytes at the end of a mark are a terminal's: they erase the text before them.
		line = linesOf(t, text+" "+closing+"x\n")[0]
		assert.Equal(t, "x", line.Text)
		assert.Empty(t, line.Started)
	}
}

func TestTraceSectionOptionsAreAsStrictAsGitLabs(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]map[string]string{
		"":                          nil,
		"[a=b]":                     {"a": "b"},
		"[a=b,c=d]":                 {"a": "b", "c": "d"},
		"[a=b, c=d,e=f]":            {"a": "b", "c": "d", "e": "f"},
		"[a=b,a=c]":                 {"a": "c"},
		"[collapsed=true, a_1=B_2]": {"collapsed": "true", "a_1": "B_2"},
	} {
		lines := linesOf(t, "section_start:1:name"+options+closing+"Title\n")
		require.Len(t, lines[0].Started, 1, options)
		assert.Equal(t, want, lines[0].Started[0].Options)
	}
	for _, options := range []string{
		"[]", "[a]", "[=b]", "[a=]", "[=]", "[a=b=c]", "[a= b]", "[a =b]", "[ a=b]", "[a=b ]", "[a=b,  c=d]", "[a=b, c=d ]", "[a=b ,c=d]",
		"[a=b,]", "[,a=b]", "[a=b,,c=d]", "[a=b-c]", "[a-b=c]", "[a=b.c]", "[a=ü]", "[a=b][c=d]", " [a=b]", "[a=b] ", "[[a=b]]", "[a=b",
	} {
		lines := linesOf(t, "section_start:1:name"+options+closing+"x\n")
		assert.Equal(t, []string{"x"}, textsOf(lines), options)
		assert.Empty(t, lines[0].Started, options)
	}
}

func TestTraceSectionsHaveAMaximumDepth(t *testing.T) {
	t.Parallel()
	lines := linesOf(t, strings.Repeat("section_start:1:a"+closing+"\n", 1000)+strings.Repeat("section_end:1:a"+closing+"\n", 1000))
	assert.Len(t, lines[999].Sections, 64)
	assert.Empty(t, lines[1999].Sections)
}

func TestTraceLinesDoNotDependOnHowTheLogIsCut(t *testing.T) {
	t.Parallel()
	want := linesOf(t, sampleLog)
	assert.Equal(t, []string{
		"Running with gitlab-runner 17.9.0 (abcd1234)", "line ü → ✓", "Build", "100%", "no line break at its end", "",
		"Test", "100�", "warning", "", "Job �succeeded", "", "last ü",
	}, textsOf(want))
	assert.Equal(t, "test", namesOf(want[12].Sections))

	for name, r := range map[string]io.Reader{
		"bytes":             iotest.OneByteReader(strings.NewReader(sampleLog)),
		"halves":            iotest.HalfReader(strings.NewReader(sampleLog)),
		"the end with data": iotest.DataErrReader(strings.NewReader(sampleLog)),
		"bytes, and so":     iotest.DataErrReader(iotest.OneByteReader(strings.NewReader(sampleLog))),
	} {
		assert.Equal(t, want, traceLines(t, r), name)
	}
	for i := range sampleLog {
		got := traceLines(t, io.MultiReader(strings.NewReader(sampleLog[:i]), strings.NewReader(sampleLog[i:])))
		require.Equal(t, want, got, "in two at %d", i)
	}
}

func TestTraceLinesRecordedFromAServer(t *testing.T) {
	t.Parallel()
	const log = "\x1b[0KRunning with gitlab-runner 17.9.0 (abcd1234)\n\x1b[0;msection_start:1709629331:prepare\r\x1b[0Kline ü → ✓\n" +
		"section_end:1709629339:prepare\r\x1b[0K\n\x1b[32;1mJob succeeded\x1b[0;m\n"
	lines := linesOf(t, log)
	assert.Equal(t, []string{"Running with gitlab-runner 17.9.0 (abcd1234)", "line ü → ✓", "", "Job succeeded"}, textsOf(lines))
	assert.Equal(t, 8*time.Second, lines[2].Ended[0].Duration())
	assert.Equal(t, "\x1b[0;1;32mJob succeeded\x1b[0m", lines[3].Styled)
}

// nextLine returns the next line of a log.
func nextLine(t *testing.T, next func() (*gitlabjobs.TraceLine, error, bool)) string {
	t.Helper()
	line, err, ok := next()
	require.True(t, ok)
	require.NoError(t, err)
	return line.Text
}

func TestTraceLinesComeAsSoonAsTheyEnd(t *testing.T) {
	t.Parallel()
	var rest []string
	live := reader(func(b []byte) (int, error) {
		if len(rest) == 0 {
			return 0, errors.New("reads on with a line at hand")
		}
		n := copy(b, rest[0])
		rest = rest[1:]
		return n, nil
	})
	next, stop := iter.Pull2(gitlabjobs.TraceLines(live))
	defer stop()
	for _, step := range []struct{ log, want string }{
		{"a\n", "a"},
		{"b\r\n", "b"},
		{stamp + "c\n", "c"},
		{stampErr + "d\n" + stamp + "10%\r\n", "d"},
		{stampAppend + "50%\n", "50%"},
		{stamp + "e\r\n" + stampErr, "e"},
		{"f\n", "f"},
		{stamp + "g\r\nno prefix\n", "g"},
		{"", "no prefix"},
	} {
		if step.log != "" {
			rest = append(rest, step.log)
		}
		assert.Equal(t, step.want, nextLine(t, next))
	}
}

type reader func([]byte) (int, error)

func (r reader) Read(b []byte) (int, error) { return r(b) }

func TestTraceLinesYieldAnErrorOnceAndLast(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		r    io.Reader
		want error
	}{
		"after data":             {io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), broken},
		"with data":              {iotest.DataErrReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken))), broken},
		"that wraps EOF":         {io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(fmt.Errorf("lost: %w", io.EOF))), io.EOF},
		"that is not EOF":        {io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
		"without progress":       {io.MultiReader(strings.NewReader("a\nb"), reader(func([]byte) (int, error) { return 0, nil })), io.ErrNoProgress},
		"and an unfinished line": {io.MultiReader(strings.NewReader("a\n"+stamp+"b\r\n"), iotest.ErrReader(broken)), broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var texts []string
			var errs []error
			for line, err := range gitlabjobs.TraceLines(tt.r) {
				if err != nil {
					assert.Nil(t, line)
					errs = append(errs, err)
					continue
				}
				assert.Empty(t, errs)
				texts = append(texts, line.Text)
			}
			assert.Equal(t, []string{"a", "b"}, texts)
			require.Len(t, errs, 1)
			assert.ErrorIs(t, errs[0], tt.want)
		})
	}
}

func TestTraceLinesStopWithTheLoop(t *testing.T) {
	t.Parallel()
	for _, log := range []string{"a\nb\n", "asection_start:1:a" + closing + "b\n"} {
		n := 0
		for line, err := range gitlabjobs.TraceLines(io.MultiReader(strings.NewReader(log), iotest.ErrReader(errors.New("read on")))) {
			require.NoError(t, err)
			assert.Equal(t, "a", line.Text)
			n++
			break
		}
		assert.Equal(t, 1, n)
	}
}

func TestLongTraceLinesAreSplit(t *testing.T) {
	t.Parallel()
	const kib64 = 64 << 10
	for name, tt := range map[string]struct{ log, text string }{
		"ASCII":                 {strings.Repeat("0123456789", 30_000) + "\n", strings.Repeat("0123456789", 30_000)},
		"wide characters":       {"a" + strings.Repeat("→", 100_000), "a" + strings.Repeat("→", 100_000)},
		"colors":                {strings.Repeat("\x1b[31mred\x1b[0m", 20_000), strings.Repeat("red", 20_000)},
		"a cut in a color":      {strings.Repeat("x", kib64-3) + "\x1b[31mred\n", strings.Repeat("x", kib64-3) + "red"},
		"of a newer runner":     {stamp + strings.Repeat(strings.Repeat("→", 3000)+"\xe2\n"+stampAppend+"\x86\x92", 30) + "\n", strings.Repeat("→", 3001*30)},
		"with a cut in a stamp": {stamp + strings.Repeat("x", kib64-40) + "\n" + stampAppend + "y\n", strings.Repeat("x", kib64-40) + "y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := linesOf(t, tt.log)
			assert.Greater(t, len(lines), 1)
			assert.Equal(t, tt.text, strings.Join(textsOf(lines), ""))
			for i, line := range lines {
				assert.LessOrEqual(t, len(line.Raw), kib64)
				assert.Equal(t, i > 0, line.Continued)
				assert.EqualValues(t, 1, line.Number)
			}
			assert.Equal(t, lines, traceLines(t, iotest.HalfReader(strings.NewReader(tt.log))))
		})
	}
	t.Run("the next line has the number 2", func(t *testing.T) {
		t.Parallel()
		lines := linesOf(t, strings.Repeat("x", 2*kib64)+"\nnext\n")
		last := lines[len(lines)-1]
		assert.Equal(t, "next", last.Text)
		assert.False(t, last.Continued)
		assert.EqualValues(t, 2, last.Number)
	})
	t.Run("a long record with and without a continuation", func(t *testing.T) {
		t.Parallel()
		first := strings.Repeat("x", kib64-4096)
		begin := stamp + first + "\n"
		fill := strings.Repeat("y", kib64-len(begin+stampAppend)) // Fills the line up to the end of its first piece.
		long := strings.Repeat("z", 8<<10+1-len(stampAppend+fill))
		for rest, want := range map[string][]string{
			"z":      {"z", "+next"},
			long:     {long + "next"},
			long[1:]: {long[1:], "+next"},
		} {
			for _, before := range []string{"", stamp + strings.Repeat("x", kib64) + "\n", stamp + strings.Repeat("x", kib64-100) + "\r" + strings.Repeat("x", 100) + "\n"} {
				lines := linesOf(t, before+begin+stampAppend+fill+rest+"\n"+stampAppend+"next\n"+stamp+"end\n")
				if before != "" {
					lines = lines[2:]
				}
				assert.Equal(t, first+fill, lines[0].Text)
				got := []string{lines[1].Text}
				if lines[2].Continued {
					got = append(got, "+"+lines[2].Text)
				}
				assert.Equal(t, want, got)
			}
		}
		fill = fill[1:] + "\r"
		lines := linesOf(t, begin+stampAppend+fill+"z\n"+stampAppend+"next\n")
		assert.Equal(t, "znext", lines[1].Text, "the return is in the piece before")
	})
	t.Run("a mark in a long line", func(t *testing.T) {
		t.Parallel()
		lines := linesOf(t, strings.Repeat("x", kib64-10)+"section_start:1:a"+closing+"Title\n")
		assert.Equal(t, []string{strings.Repeat("x", kib64-10), "Title"}, textsOf(lines))
		assert.False(t, lines[1].Continued)
		assert.Equal(t, "Title", lines[1].Started[0].Header)
	})
	t.Run("an unterminated sequence or mark", func(t *testing.T) {
		t.Parallel()
		for _, s := range []string{"\x1b]0;", "\x1b[", "section_start:1:a["} {
			linesOf(t, s+strings.Repeat("1", 3*kib64)+"\n")
		}
	})
}

// repeating is a log of size bytes that repeats text.
func repeating(text string, size int) io.Reader {
	at := 0
	return io.LimitReader(reader(func(b []byte) (int, error) {
		n := copy(b, text[at:])
		at = (at + n) % len(text)
		return n, nil
	}), int64(size))
}

func TestTraceLinesUseLittleMemory(t *testing.T) { //nolint:paralleltest // It counts what is allocated.
	size := inFull(8<<20, 5<<20) // More than the memory that TraceLines may use.
	for name, tt := range map[string]struct {
		text string
		size int
	}{
		"one line":           {"x", inFull(64<<20, 8<<20)},
		"one line of colors": {"\x1b[31mx", size},
		"one redrawn line":   {"10%\r", size},
		"one erased line":    {strings.Repeat("a", 20) + "\x1b[2K", size},
		"one title":          {"\x1b]0;", size},
		"sections":           {"section_start:1:a" + closing, size},
		"of a newer runner":  {stampAppend + "50%\r\n", size},
	} {
		t.Run(name, func(t *testing.T) {
			var before, during runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			read := 0
			for line, err := range gitlabjobs.TraceLines(repeating(tt.text, tt.size)) {
				require.NoError(t, err)
				if read += len(line.Raw); read >= tt.size/10*9 && during.HeapAlloc == 0 {
					runtime.GC()
					runtime.ReadMemStats(&during)
				}
			}
			assert.Equal(t, tt.size, read)
			assert.Less(t, during.HeapAlloc, before.HeapAlloc+4<<20)
		})
	}
}

// hostile are the lines that take the most time per byte.
var hostile = map[string]string{
	"erasing":                  strings.Repeat("a", 30_000) + strings.Repeat("\x1b[1K", 8_000) + "\n",
	"erasing all":              strings.Repeat("a", 30_000) + strings.Repeat("\x1b[2Kb", 6_000) + "\n",
	"cursor movements":         strings.Repeat("a", 30_000) + strings.Repeat("\rx\x1b[99999G\x1b[2K", 2_000) + "\n",
	"splitting":                strings.Repeat("asection_start:1:x"+closing+"bsection_end:1:x"+closing, 1_500) + "\n",
	"ends of unknown sections": strings.Repeat("asection_end:1:x"+closing, 3_000) + "\n",
	"sections":                 strings.Repeat("section_start:1:x"+closing, 3_000) + "\n",
	"incomplete marks":         strings.Repeat("section_start:1:section_start:1:a[a=b,", 1_600) + "\n",
	"titles":                   strings.Repeat("\x1b]0;", 15_000) + "\n",
	"sequences":                strings.Repeat("\x1b[1;1;1;1", 6_000) + "\n",
	"colors":                   strings.Repeat("\x1b[1ma\x1b[38;2;1;2;3;48;2;1;2;3mb", 1_800) + "\n",
	"records":                  stamp + strings.Repeat("\r\n"+stampAppend, 4_000) + "\n",
	"records of marks":         stamp + strings.Repeat("asection_end:1:x"+closing+"\r\n"+stampAppend, 2_000) + "\n",
	"line breaks":              strings.Repeat("\n", 60_000),
	"carriage returns":         strings.Repeat(stamp+"\r\n", 2_000),
}

// If the time were quadratic in the length of a line, this test would run into the timeout
// of the test binary.
func TestTraceLinesReadHostileLogs(t *testing.T) {
	t.Parallel()
	size := inFull(1<<20, 192<<10)
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			for line, err := range gitlabjobs.TraceLines(repeating(text, size)) {
				require.NoError(t, err)
				n += len(line.Raw)
			}
			assert.Equal(t, size, n)
		})
	}
}

func FuzzTraceLines(f *testing.F) {
	f.Add(sampleLog)
	for _, text := range hostile {
		f.Add(text[:200])
	}
	f.Add(stamp + strings.Repeat("x", 9<<10) + "\n" + stampAppend + "y\n")
	for version, records := range runnerFormats {
		f.Add(stampedLog(version, records))
	}
	f.Fuzz(func(t *testing.T, log string) {
		lines := traceLines(t, strings.NewReader(log))
		checkLines(t, log, lines)
		for _, line := range lines {
			if line.Text == line.Styled {
				continue
			}
			styled := textsOf(traceLines(t, strings.NewReader("\x1b[0m"+line.Styled)))
			if text := strings.Join(styled, ""); text != line.Text {
				t.Fatalf("%q is not the text of %q", line.Text, line.Styled)
			}
		}
		if !reflect.DeepEqual(lines, traceLines(t, iotest.OneByteReader(strings.NewReader(log)))) {
			t.Fatalf("%q has different lines if it is read byte by byte", log)
		}
		if n := len(log); n < 100 || n > 1000 || n%8 != 0 {
			return
		}
		// The repeated text is longer than a piece of a line.
		log = strings.Repeat(log, (70<<10)/len(log))
		lines = traceLines(t, strings.NewReader(log))
		checkLines(t, log, lines)
		if !reflect.DeepEqual(lines, traceLines(t, iotest.HalfReader(strings.NewReader(log)))) {
			t.Fatalf("%q has different lines if reads are halved", log)
		}
	})
}

// checkLines checks the invariants of the lines of any log.
func checkLines(t *testing.T, log string, lines []*gitlabjobs.TraceLine) {
	if rawOf(lines) != log {
		t.Fatalf("the raw lines of %q are %q", log, rawOf(lines))
	}
	number := int64(0)
	for i, line := range lines {
		if line.Raw == "" || len(line.Raw) > 64<<10 {
			t.Fatalf("a line has %d bytes", len(line.Raw))
		}
		if !utf8.ValidString(line.Text) || strings.ContainsFunc(line.Text, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
			t.Fatalf("%q is not valid text", line.Text)
		}
		if !line.Continued || i == 0 {
			number++
		}
		if line.Number != number {
			t.Fatalf("line %d has the number %d", number, line.Number)
		}
	}
}

func BenchmarkTraceLines(b *testing.B) {
	for name, text := range map[string]string{
		"plain":   "$ go build -o bin/tool ./cmd/tool && echo built the tool, and all is well\n",
		"stamped": stamp + "$ go build -o bin/tool ./cmd/tool\n",
		"color":   "\x1b[32;1m$ go build -o bin/tool\x1b[0;m ./cmd/tool && echo done\n",
		"long":    strings.Repeat("x", 200<<10) + "\n",
		"19.0":    stampedLog("19.0.1", recordsUpTo190),
		"19.1":    stampedLog("19.1.0", recordsFrom191),
	} {
		b.Run(name, func(b *testing.B) {
			log := strings.Repeat(text, (64<<20)/len(text))
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range gitlabjobs.TraceLines(strings.NewReader(log)) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func ExampleTraceLines() {
	log := strings.NewReader("section_start:1709629331:build[collapsed=true]\r\x1b[0K\x1b[36;1mBuild\x1b[0;m\n" +
		"Fetching 10%\rFetching 100%\n" +
		"section_end:1709629339:build\r\x1b[0K\n" +
		"2024-05-22T12:43:46.962646Z 01E \x1b[31merror:\x1b[0m no such file\n")

	for line, err := range gitlabjobs.TraceLines(log) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, section := range line.Ended {
			fmt.Printf("%s took %v\n", section.Header, section.Duration())
		}
		if line.Text == "" {
			continue
		}
		indent := strings.Repeat("  ", len(line.Sections))
		fmt.Printf("%d:%-6s %s%s\n", line.Number, line.Stream, indent, line.Text)
	}
	// Output:
	// 1:         Build
	// 2:         Fetching 100%
	// Build took 8s
	// 4:stderr error: no such file
}
