package runnerlog_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/runnerlog"
)

const (
	// stamp and the others are prefixes.
	stamp       = "2024-05-22T12:43:46.962646Z 00O "
	stampAppend = "2024-05-22T12:43:47.962646Z 00O+"
	stampNext   = "2024-05-22T12:43:48.962646Z 00O "
	stampErr    = "2024-05-22T12:43:49.962646Z 01E "

	kib8 = 8 << 10
)

// line is what a Reader returns of a line, or of a piece of one.
type line struct {
	raw, text string
	prefix    runnerlog.Prefix
	continues bool
	whole     bool
}

// readLines takes each line in one.
func readLines(t *testing.T, source io.Reader) (lines []line) {
	t.Helper()
	r := runnerlog.NewReader(source)
	for r.Next() {
		l := line{text: string(r.Text()), prefix: r.Prefix(), continues: r.Continues(), whole: r.Whole()}
		l.raw = string(r.Take(len(l.text)))
		assert.Empty(t, r.Text())
		lines = append(lines, l)
	}
	require.NoError(t, r.Err())
	return lines
}

func linesOf(t *testing.T, log string) []line {
	t.Helper()
	lines := readLines(t, strings.NewReader(log))
	raw := ""
	for _, l := range lines {
		raw += l.raw
	}
	require.Equal(t, log, raw, "the raw lines joined")
	return lines
}

// textsOf returns the texts, with a + before one that continues another.
func textsOf(lines []line) []string {
	texts := []string{}
	for _, l := range lines {
		text := l.text
		if l.continues {
			text = "+" + text
		}
		texts = append(texts, text)
	}
	return texts
}

func TestLinesWithoutAPrefix(t *testing.T) {
	t.Parallel()
	for log, want := range map[string][]string{
		"":           {},
		"\n":         {""},
		"a":          {"a"},
		"a\n":        {"a"},
		"a\r\n\nb":   {"a\r", "", "b"},
		"a\n\n\nb\n": {"a", "", "", "b"},
	} {
		lines := linesOf(t, log)
		assert.Equal(t, want, textsOf(lines), "%q", log)
		for _, l := range lines {
			assert.Zero(t, l.prefix)
			assert.True(t, l.whole)
		}
	}
}

func TestThePrefixIsRead(t *testing.T) {
	t.Parallel()
	lines := linesOf(t, stamp+"out\n"+stampErr+"err\n"+strings.ReplaceAll(stampNext, "00O", "f9E")+"\nno prefix\n"+strings.ReplaceAll(stamp, "00O", "aaO"))
	at := func(second int) time.Time { return time.Date(2024, 5, 22, 12, 43, second, 962646000, time.UTC) }
	assert.Equal(t, []line{
		{raw: stamp + "out\n", text: "out", prefix: runnerlog.Prefix{Time: at(46), Stream: runnerlog.Stdout}, whole: true},
		{raw: stampErr + "err\n", text: "err", prefix: runnerlog.Prefix{Time: at(49), Stream: runnerlog.Stderr, StreamID: 1}, whole: true},
		{raw: strings.ReplaceAll(stampNext, "00O", "f9E") + "\n", prefix: runnerlog.Prefix{Time: at(48), Stream: runnerlog.Stderr, StreamID: 0xf9}, whole: true},
		{raw: "no prefix\n", text: "no prefix", whole: true},
		{raw: strings.ReplaceAll(stamp, "00O", "aaO"), prefix: runnerlog.Prefix{Time: at(46), Stream: runnerlog.Stdout, StreamID: 0xaa}, whole: true},
	}, lines)
}

func TestAPrefixHasOneShape(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"month 13":             "2024-13-22T12:43:46.962646Z 00O ",
		"hour 25":              "2024-05-22T25:43:46.962646Z 00O ",
		"three digits":         "2024-05-22T12:43:46.962Z 00O    ",
		"no point":             "2024-05-22T12:43:46,962646Z 00O ",
		"another zone":         "2024-05-22T12:43:46.962646+ 00O ",
		"no space":             "2024-05-22T12:43:46.962646Z-00O ",
		"no stream":            "2024-05-22T12:43:46.962646Z 00X ",
		"capital hex":          "2024-05-22T12:43:46.962646Z 0FO ",
		"not hex":              "2024-05-22T12:43:46.962646Z g0O ",
		"before 0":             "2024-05-22T12:43:46.962646Z /0O ",
		"behind 9":             "2024-05-22T12:43:46.962646Z 0:O ",
		"before a":             "2024-05-22T12:43:46.962646Z 0`O ",
		"an unknown flag":      "2024-05-22T12:43:46.962646Z 00O*",
		"cut short":            "2024-05-22T12:43:46.962646Z 00O",
		"not at the beginning": " " + stamp,
		"a letter for a digit": "2024-05-22T12:43:46.96264aZ 00O ",
	} {
		lines := linesOf(t, text)
		assert.Equal(t, []line{{raw: text, text: text, whole: true}}, lines, name)
	}
}

func TestRecordsOfALineAreJoined(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", kib8)
	for name, tt := range map[string]struct {
		log  string
		want []string
	}{
		"a progress bar":             {stamp + "10%\r\n" + stampAppend + "50%\r\n" + stampAppend + "100%\n", []string{"10%\r50%\r100%"}},
		"a long line":                {stamp + long + "\n" + stampAppend + "end\n" + stampNext + "next\n", []string{long + "end", "next"}},
		"a return in the record":     {stamp + "10%\r10\n" + stampAppend + "0%\n", []string{"10%\r100%"}},
		"a record of 8 KiB and more": {stamp + long[32:] + "x\n" + stampAppend + "end\n", []string{long[32:] + "xend"}},
		"a record of 8 KiB":          {stamp + long[32:] + "\n" + stampAppend + "end\n", []string{long[32:], "+end"}},
		"only the first again":       {stamp + "10%\r\n" + stampAppend + "100%\n" + stampAppend + "x\n", []string{"10%\r100%", "+x"}},
		"the end of the log":         {stamp + "10%\r\n" + stampAppend, []string{"10%\r"}},
		"the rest is missing":        {stamp + "10%\r\n" + stampAppend[:20], []string{"10%\r", stampAppend[:20]}},
		"no continuation":            {stamp + "a\r\n" + stampNext + "b\r\n", []string{"a\r", "b\r"}},
		"another line between":       {stamp + "10%\r\n" + stampErr + "w\n" + stampAppend + "50%\r\n" + stampAppend + "100%\n", []string{"10%\r", "w", "+50%\r100%"}},
		"the other kind":             {stamp + "10%\r\n" + strings.Replace(stampAppend, "O+", "E+", 1) + "50%\n", []string{"10%\r", "+50%"}},
		"another number":             {stamp + "10%\r\n" + strings.Replace(stampAppend, "00O+", "01O+", 1) + "50%\n", []string{"10%\r", "+50%"}},
		"a whole line":               {stamp + "a\n" + stampAppend + "b\n", []string{"a", "+b"}},
		"no prefix before":           {"a\r\n" + stampAppend + "b\n", []string{"a\r", "+b"}},
		"no prefix behind":           {stamp + "a\r\nb\r\n" + strings.Repeat("c", 32) + "\n", []string{"a\r", "b\r", strings.Repeat("c", 32)}},
		"the log begins in a line":   {stampAppend + "b\n", []string{"+b"}},
		"empty records":              {stamp + "\r\n" + stampAppend + "\r\n" + stampAppend + "\n" + stampNext, []string{"\r\r", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := linesOf(t, tt.log)
			assert.Equal(t, tt.want, textsOf(lines))
			for _, r := range []io.Reader{iotest.OneByteReader(strings.NewReader(tt.log)), iotest.HalfReader(strings.NewReader(tt.log)), iotest.DataErrReader(strings.NewReader(tt.log))} {
				assert.Equal(t, lines, readLines(t, r))
			}
		})
	}
}

func TestALineIsTakenInParts(t *testing.T) {
	t.Parallel()
	log := stamp + "ab\r\n" + stampAppend + "cd\n" + stampNext + "next\n"
	type taken struct {
		raw    string
		second int
	}
	for name, tt := range map[string]struct {
		sizes []int
		want  []taken // The seconds are those of the text that was taken.
	}{
		"bytes":                     {[]int{1, 1, 1, 1, 1}, []taken{{stamp + "a", 46}, {"b", 46}, {"\r\n", 46}, {stampAppend + "c", 47}, {"d\n", 47}}},
		"at the end of a record":    {[]int{3, 2}, []taken{{stamp + "ab\r\n", 46}, {stampAppend + "cd\n", 47}}},
		"before the record's end":   {[]int{2, 3}, []taken{{stamp + "ab", 46}, {"\r\n" + stampAppend + "cd\n", 46}}},
		"behind the next's begin":   {[]int{4, 1}, []taken{{stamp + "ab\r\n" + stampAppend + "c", 46}, {"d\n", 47}}},
		"nothing, and then all":     {[]int{0, 5}, []taken{{stamp, 46}, {"ab\r\n" + stampAppend + "cd\n", 46}}},
		"all":                       {[]int{5}, []taken{{stamp + "ab\r\n" + stampAppend + "cd\n", 46}}},
		"all, and then nothing":     {[]int{5, 0}, []taken{{stamp + "ab\r\n" + stampAppend + "cd\n", 46}, {"", 47}}},
		"a record, nothing, a rest": {[]int{3, 0, 2}, []taken{{stamp + "ab\r\n", 46}, {"", 47}, {stampAppend + "cd\n", 47}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runnerlog.NewReader(strings.NewReader(log))
			require.True(t, r.Next())
			var got []taken
			for _, n := range tt.sizes {
				second := r.Prefix().Time.Second()
				got = append(got, taken{string(r.Take(n)), second})
			}
			assert.Equal(t, tt.want, got)
			require.True(t, r.Next())
			assert.Equal(t, "next", string(r.Text()))
			assert.Equal(t, 48, r.Prefix().Time.Second())
			r.Take(4)
			assert.False(t, r.Next())
			assert.NoError(t, r.Err())
		})
	}
}

// What is not taken of a line comes again, and the record that it is in is known.
func TestNextContinuesBehindWhatWasTaken(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", kib8)
	for name, tt := range map[string]struct {
		log  string
		take int
		want []string
	}{
		"in a record":                 {stamp + "abcd\n" + stampNext + "next\n", 2, []string{"cd", "next"}},
		"in a record of a line":       {stamp + "ab\r\n" + stampAppend + "cd\n" + stampNext + "next\n", 4, []string{"d", "next"}},
		"in a continued record":       {stamp + "ab\r\n" + stampAppend + "cd\r\n" + stampAppend + "ef\n", 4, []string{"d\ref"}},
		"at a record":                 {stamp + "ab\r\n" + stampAppend + "cd\r\n" + stampAppend + "ef\n", 3, []string{"+cd\ref"}},
		"the return was taken":        {stamp + "a\rb\n" + stampAppend + "cd\n", 2, []string{"bcd"}},
		"the return was before":       {stamp + "a\r\n" + stampAppend + "bc\n" + stampAppend + "d\n", 3, []string{"c", "+d"}},
		"of a long record":            {stamp + long + "\n" + stampAppend + "cd\n", 5, []string{long[5:] + "cd"}},
		"of a record of 8 KiB":        {stamp + long[32:] + "\n" + stampAppend + "cd\n", 5, []string{long[37:], "+cd"}},
		"of one of 8 KiB and a byte":  {stamp + long[31:] + "\n" + stampAppend + "cd\n", 5, []string{long[36:] + "cd"}},
		"of a second, long one":       {stamp + "\r\n" + stampAppend + long[31:] + "\n" + stampAppend + "cd\n", 6, []string{long[36:] + "cd"}},
		"of a second one of 8 KiB":    {stamp + "\r\n" + stampAppend + long[32:] + "\n" + stampAppend + "cd\n", 6, []string{long[37:], "+cd"}},
		"without a prefix":            {"abcd\nnext\n", 2, []string{"cd", "next"}},
		"without one, before another": {"ab\rcd\n" + stampAppend + "next\n", 2, []string{"\rcd", "+next"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runnerlog.NewReader(strings.NewReader(tt.log))
			require.True(t, r.Next())
			raw := string(r.Take(tt.take))
			var texts []string
			for r.Next() {
				text := string(r.Text())
				if r.Continues() {
					text = "+" + text
				}
				if strings.HasPrefix(tt.log, stamp) {
					assert.NotZero(t, r.Prefix())
				}
				raw += string(r.Take(len(r.Text())))
				texts = append(texts, text)
			}
			assert.Equal(t, tt.want, texts)
			assert.Equal(t, tt.log, raw)
		})
	}
}

func TestALongLineComesInPieces(t *testing.T) {
	t.Parallel()
	const limit = runnerlog.MaxLine
	for _, size := range []int{limit - 1, limit, limit + 1, 2*limit - 1, 2 * limit, 2*limit + 1, 5 * limit} {
		for _, prefix := range []string{"", stamp} {
			log := prefix + strings.Repeat("x", size-len(prefix)-1) + "\n"
			lines := linesOf(t, log+"next\n")
			assert.Len(t, lines, (size+limit-1)/limit+1)
			for i, l := range lines[:len(lines)-1] {
				assert.Equal(t, i == len(lines)-2, l.whole)
				assert.False(t, l.continues)
				assert.Equal(t, lines[0].prefix, l.prefix)
				if !l.whole {
					assert.Len(t, l.raw, limit)
				}
			}
			last := lines[len(lines)-1]
			assert.Equal(t, line{raw: "next\n", text: "next", whole: true}, last)
		}
	}
	// The limit is never inside a prefix.
	for short := -2; short < 40; short++ {
		text := strings.Repeat("x", limit-len(stamp)-1-short)
		log := stamp + text + "\n" + stampAppend + strings.Repeat("y", 100) + "\n"
		lines := linesOf(t, log)
		all := ""
		for i, l := range lines {
			assert.LessOrEqual(t, len(l.raw), limit)
			assert.Equal(t, i == len(lines)-1, l.whole)
			all += l.text
		}
		assert.Equal(t, text+strings.Repeat("y", 100), all, "%d", short)
		assert.Len(t, lines, 2)
		assert.Equal(t, 0 <= short && short <= 32, lines[1].continues, "%d", short)
	}
}

func TestReadingFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"an error":              {broken, broken},
		"one that wraps EOF":    {fmt.Errorf("lost: %w", io.EOF), io.EOF},
		"one that is not EOF":   {io.ErrUnexpectedEOF, io.ErrUnexpectedEOF},
		"the end":               {io.EOF, nil},
		"no bytes and no error": {nil, io.ErrNoProgress},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runnerlog.NewReader(io.MultiReader(strings.NewReader("a\n"+stamp+"b\r\n"), &empty{err: tt.err}))
			var texts []string
			for r.Next() {
				texts = append(texts, string(r.Take(len(r.Text()))))
			}
			assert.Equal(t, []string{"a\n", stamp + "b\r\n"}, texts)
			assert.False(t, r.Next(), "the end stays")
			if tt.want == nil {
				require.NoError(t, r.Err())
				return
			}
			require.ErrorIs(t, r.Err(), tt.want)
		})
	}
	late := &empty{after: 99, err: io.EOF}
	assert.Equal(t, []string{"a"}, textsOf(readLines(t, io.MultiReader(strings.NewReader("a"), late))))
}

// empty returns no bytes, and after some times its error.
type empty struct {
	after int
	err   error
}

func (e *empty) Read([]byte) (int, error) {
	if e.after--; e.after >= 0 {
		return 0, nil
	}
	return 0, e.err
}

// A line is there as soon as its end was read.
func TestNextReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	var parts []string
	r := runnerlog.NewReader(readerFunc(func(b []byte) (int, error) {
		if len(parts) == 0 {
			return 0, errors.New("read on")
		}
		n := copy(b, parts[0])
		parts = parts[1:]
		return n, nil
	}))
	for _, step := range []struct {
		parts []string
		want  string
	}{
		{[]string{"a\n"}, "a"},
		{[]string{"b\r\n"}, "b\r"},
		{[]string{stamp + "c\n"}, "c"},
		{[]string{stamp + "d\r\n" + stampErr}, "d\r"},
		{[]string{"e\n"}, "e"},
		{[]string{stamp + "f\r\nno"}, "f\r"},
		{[]string{" prefix\n"}, "no prefix"},
		{[]string{stamp + "g\r\n", stampAppend[:5], stampAppend[5:], "h\n"}, "g\rh"},
		{[]string{stamp + "i\r\n", "2x"}, "i\r"},
		{[]string{"\n"}, "2x"},
	} {
		parts = append(parts, step.parts...)
		require.True(t, r.Next())
		assert.Equal(t, step.want, string(r.Text()))
		assert.Empty(t, parts)
		r.Take(len(r.Text()))
	}
	assert.False(t, r.Next())
	assert.EqualError(t, r.Err(), "read on")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func FuzzReader(f *testing.F) {
	f.Add(stamp+"10%\r\n"+stampAppend+"50%\r\n"+stampErr+"warning\nno prefix\r\n"+stampNext, uint8(3), uint8(7))
	f.Add(stamp+strings.Repeat("x", 9<<10)+"\n"+stampAppend+"y\n", uint8(100), uint8(100))
	f.Add("a\nb\r\n\n"+stampAppend+"c\n", uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, log string, read, take uint8) {
		want := readLines(t, strings.NewReader(log))
		text := ""
		for _, l := range want {
			text += l.text
		}
		source := strings.NewReader(log)
		r := runnerlog.NewReader(readerFunc(func(b []byte) (int, error) { return source.Read(b[:min(len(b), 1+int(read))]) }))
		var raw, again strings.Builder
		for r.Next() {
			if len(r.Text()) == 0 {
				raw.Write(r.Take(0))
			}
			for left := r.Text(); len(left) > 0; left = r.Text() {
				n := min(len(left), 1+int(take))
				again.Write(left[:n])
				part := r.Take(n)
				if len(part) < n || len(part) > runnerlog.MaxLine {
					t.Fatalf("%d bytes of the log for %d of the text", len(part), n)
				}
				raw.Write(part)
			}
		}
		if raw.String() != log {
			t.Fatalf("%q came back as %q", log, raw.String())
		}
		if again.String() != text {
			t.Fatalf("%q: in parts the text is %q", text, again.String())
		}
	})
}

// A runner has split the record because its buffer was full, or after a carriage return. Only the first piece of the
// record shows that.
func TestARecordOfManyPiecesIsContinued(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{
		"a full buffer":     strings.Repeat("a", runnerlog.MaxLine),
		"a carriage return": "10%\r" + strings.Repeat("a", runnerlog.MaxLine-4),
	} {
		r := runnerlog.NewReader(strings.NewReader(stamp + first + "bcdshort\n" + stampAppend + "end\n" + stampNext + "next\n"))
		require.True(t, r.Next())
		text := string(r.Text())
		r.Take(len(text))
		for range 2 { // Two short pieces.
			require.True(t, r.Next())
			text += string(r.Text()[:1])
			r.Take(1)
		}
		require.True(t, r.Next())
		assert.Equal(t, first+"bcdshortend", text+string(r.Text()), name)
	}
}

func TestACarriageReturnThatIsTakenAloneCounts(t *testing.T) {
	t.Parallel()
	r := runnerlog.NewReader(strings.NewReader(stamp + "10%\r50%\n" + stampAppend + "100%\n"))
	for _, n := range []int{len("10%"), len("\r")} {
		require.True(t, r.Next())
		r.Take(n)
	}
	require.True(t, r.Next())
	assert.Equal(t, "50%100%", string(r.Text()))
}
