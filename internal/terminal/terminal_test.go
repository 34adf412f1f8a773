package terminal_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs/internal/terminal"
)

// write writes text to a line.
func write(l *terminal.Line, text string) {
	for b := []byte(text); len(b) > 0; {
		b = b[l.Write(b, false):]
	}
}

func shown(text string) (plain, styled string) {
	var l terminal.Line
	write(&l, text)
	return l.Text()
}

func TestALineShowsWhatATerminalShows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                          {"", ""},
		"text":                             {"a b~ ", "a b~ "},
		"a tab":                            {"a\tb", "a\tb"},
		"control characters":               {"a\x00b\x07\x0b\x1f\x7f\u0080\u009fc", "abc"},
		"a space that does not break":      {"a\u00a0b", "a\u00a0b"},
		"invalid UTF-8":                    {"a\xff\xfeb\x80\xe2\x86", "a��b���"},
		"colors":                           {"\x1b[32;1mgreen\x1b[0;m plain", "green plain"},
		"a title and a link":               {"\x1b]0;title\aa \x1b]8;;http://h/\x1b\\link\x1b]8;;\x1b\\", "a link"},
		"other strings":                    {"a\x1bPq#0\x1b\\b\x1b_x\x1b\\c\x1bXx\ad\x1b^x\ae", "abcde"},
		"a string without an end":          {"a\x1b]0;title", "a"},
		"a string that a color breaks off": {"a\x1b]0;title\x1b[1mb", "ab"},
		"an empty string":                  {"a\x1b]\ab\x1b]\x1b\\c", "abc"},
		"a string that ends in ESC":        {"a\x1b]0;\x1b", "a"},
		"an escape before text":            {"a\x1b→b", "a→b"},
		"a character set":                  {"a\x1b(Bb\x1b=c\x1b #0d\x1b/~e\x1b0f\x1b~g", "abcdefg"},
		"a set without an end":             {"a\x1b(", "a"},
		"a set that is broken off":         {"a\x1b(\x7fb\x1b(→c", "ab→c"},
		"an escape at the end":             {"a\x1b", "a"},
		"a sequence without an end":        {"a\x1b[31", "a"},
		"the limits of a sequence":         {"a\x1b[ ?@b\x1b[0~c\x1b[0\x7fd\x1b[0\x1fe", "abcde"},
		"not a sequence":                   {"a\x1b[3→b\x1b\x01c\x1b[\x1b[1md", "a→bcd"},
		"a progress bar":                   {"10%\r50%\r100%", "100%"},
		"shorter text":                     {"Fetching 100%\rdone", "done"},
		"a return without text":            {"abc\r", "abc"},
		"a return and colors":              {"abcdef\r\x1b[31m\x1b[0m\r", "abcdef"},
		"a return and controls":            {"abcdef\r\x00\b\a", "abcdef"},
		"a return in an empty line":        {"\rxyz\b\bq", "xqz"},
		"a return, and text again":         {"abc\rxyz\b\bq", "xqz"},
		"erase to the end":                 {"abcdef\b\b\b\x1b[Kx", "abcx"},
		"erase to the end, with 0":         {"abcdef\b\b\b\x1b[0K", "abc"},
		"erase to the end of the screen":   {"abcdef\b\b\b\x1b[J", "abc"},
		"erase after a return":             {"abc\r\x1b[Kxyz\b\bq", "xqz"},
		"erase from the beginning":         {"abcdef\b\b\b\b\x1b[1K", "   def"},
		"erase from it, at its end":        {"abc\x1b[1Kd", "   d"},
		"erase from it, at the beginning":  {"abcdef\r\x1b[1Kxy", "xy"},
		"erase up to it, at the beginning": {"abc\b\b\b\x1b[1K", " bc"},
		"erase twice from the beginning":   {"abcdef\b\b\b\b\x1b[1K\b\x1b[1K", "   def"},
		"erase, write, erase less":         {"abcd\x1b[1K\b\b\b\bx\x1b[1K\b\bz", "z"},
		"erase, write and erase again":     {"abc\x1b[1K\b\bx\b\x1b[1Kz", " z"},
		"erase all":                        {"abcdef\b\x1b[2K", ""},
		"erase all, and the cursor stays":  {"abc\x1b[2Kd", "   d"},
		"erase all, one back, one more":    {"abc\x1b[2K\bd", "  d"},
		"erase all, and return":            {"abcdef\x1b[2K\rxy", "xy"},
		"erase all, to the first column":   {"abcdef\x1b[2K\x1b[1Gxy", "xy"},
		"erase all, after a return":        {"abc\r\x1b[2Kxyz\b\bq", "xqz"},
		"erase what is no number":          {"abc\b\b\x1b[3Kx\x1b[?Ky\x1b[xKz", "axyKz"},
		"erase twice":                      {"abc\x1b[1K\rx\x1b[1Kyz\x1b[2Kq", "   q"},
		"erase what was erased":            {"abc\x1b[1Kd\x1b[1K", ""},
		"erased, with text behind":         {"abc\x1b[2K\b\bd\b\x1b[K", ""},
		"one erased cell":                  {"a\x1b[1K", ""},
		"erased behind text":               {"ab\x1b[1K\b\bx", "x"},
		"to a column":                      {"abcdef\x1b[3Gx\x1b[99Gy", "abxyef"},
		"to the second column":             {"abc\x1b[2Gx", "axc"},
		"to the first column":              {"abcdef\x1b[Gxy", "xy"},
		"to column 1":                      {"abcdef\x1b[1Gxy", "xy"},
		"to column 0 and 1":                {"abcdef\x1b[1Gxy\x1b[0Gz", "z"},
		"to an invalid column":             {"abc\x1b[-1Gd\x1b[99999999999Ge", "abcde"},
		"other movements":                  {"ab\x1b[1A\x1b[2Cc\x1b[5Dd\x1b[H", "abcd"},
		"backspaces":                       {"abx\b\byz\b", "ayz"},
		"backspaces at the beginning":      {"\b\b\ba", "a"},
		"wide characters":                  {"äöü→\b\b\b\bab", "abü→"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, styled := shown(tt.text)
			assert.Equal(t, tt.want, plain)
			if plain == styled {
				return
			}
			again, _ := shown(styled)
			assert.Equal(t, plain, again, "the styled text shows the plain one")
		})
	}
}

func TestALineHasItsStyles(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"none":                          {"a", "a"},
		"a color":                       {"\x1b[31ma\x1b[0mb", "\x1b[0;31ma\x1b[0mb"},
		"is reset at the end":           {"\x1b[1;31ma", "\x1b[0;1;31ma\x1b[0m"},
		"changes":                       {"\x1b[1ma\x1b[31mb\x1b[22mc\x1b[39md", "\x1b[0;1ma\x1b[0;1;31mb\x1b[0;31mc\x1b[0md"},
		"of what is left":               {"\x1b[31mabc\b\b\b\x1b[32mx", "\x1b[0;32mx\x1b[0;31mbc\x1b[0m"},
		"without text":                  {"\x1b[31m\x1b[0m", ""},
		"the empty parameter":           {"\x1b[31ma\x1b[mb\x1b[1ma\x1b[;mb", "\x1b[0;31ma\x1b[0mb\x1b[0;1ma\x1b[0mb"},
		"each color":                    {"\x1b[30;40ma\x1b[37;47mb", "\x1b[0;30;40ma\x1b[0;37;47mb\x1b[0m"},
		"bright":                        {"\x1b[90;100ma\x1b[97;107mb\x1b[39;49mc", "\x1b[0;90;100ma\x1b[0;97;107mb\x1b[0mc"},
		"one more than a color":         {"\x1b[29;50;89;98;99;108ma", "a"},
		"a palette's":                   {"\x1b[38;5;208;48;5;9ma", "\x1b[0;38;5;208;101ma\x1b[0m"},
		"the palette's first":           {"\x1b[38;5;0;48;5;7ma\x1b[38;5;8;48;5;15mb\x1b[38;5;16;48;5;255mc", "\x1b[0;30;47ma\x1b[0;90;107mb\x1b[0;38;5;16;48;5;255mc\x1b[0m"},
		"exact":                         {"\x1b[38;2;1;2;3;48;2;4;5;255ma", "\x1b[0;38;2;1;2;3;48;2;4;5;255ma\x1b[0m"},
		"in parts":                      {"\x1b[38:2::1:2:3;48:5:20;4:3ma\x1b[4:0mb", "\x1b[0;4;38;2;1;2;3;48;5;20ma\x1b[0;38;2;1;2;3;48;5;20mb\x1b[0m"},
		"in parts, no color space":      {"\x1b[38:2:1:2:3ma", "\x1b[0;38;2;1;2;3ma\x1b[0m"},
		"in too few parts":              {"\x1b[38:5ma\x1b[38:2:1:2mb\x1b[1:1mc\x1b[38:9:1:2:3md", "abcd"},
		"in parts, a line's":            {"\x1b[58:5:3ma\x1b[58:2::1:2:3mb", "ab"},
		"an underline of one part":      {"\x1b[4:ma\x1b[4:1mb", "a\x1b[0;4mb\x1b[0m"},
		"an underline's color":          {"\x1b[58;5;3;58;2;1;2;3;31ma", "\x1b[0;31ma\x1b[0m"},
		"a color, then another":         {"\x1b[38;5;9;1ma\x1b[0;38;2;1;2;3;4mb", "\x1b[0;1;91ma\x1b[0;4;38;2;1;2;3mb\x1b[0m"},
		"an unknown mode, and on":       {"\x1b[38;9;1ma", "\x1b[0;1ma\x1b[0m"},
		"attributes":                    {"\x1b[1;2;3;4;5;6;7;8;9;10ma\x1b[23;24;25;27;28;29mb\x1b[22mc", "\x1b[0;1;2;3;4;5;6;7;8;9ma\x1b[0;1;2mb\x1b[0mc"},
		"no more than one off":          {"\x1b[3;4;7;8;9ma\x1b[23mb\x1b[24mc\x1b[27md\x1b[28me\x1b[29mf", "\x1b[0;3;4;7;8;9ma\x1b[0;4;7;8;9mb\x1b[0;7;8;9mc\x1b[0;8;9md\x1b[0;9me\x1b[0mf"},
		"blinking off, the rest stays":  {"\x1b[4;5;6;7ma\x1b[25mb", "\x1b[0;4;5;6;7ma\x1b[0;4;7mb\x1b[0m"},
		"bold off, the rest stays":      {"\x1b[1;2;3ma\x1b[22mb", "\x1b[0;1;2;3ma\x1b[0;3mb\x1b[0m"},
		"underlined twice":              {"\x1b[21ma", "\x1b[0;4ma\x1b[0m"},
		"a private sequence":            {"\x1b[>4;2ma\x1b[?1mb\x1b[=1mc\x1b[<1md", "abcd"},
		"a bad parameter":               {"\x1b[38ma\x1b[38;9mb\x1b[38;5mc\x1b[99999999999mdef\x1b[:mx\x1b[:1my", "abcdefxy"},
		"a bad parameter before others": {"\x1b[1;=;3ma", "\x1b[0;1;3ma\x1b[0m"},
		"too few numbers":               {"\x1b[38;2;1ma\x1b[12;;=1mb", "ab"},
		"other sequences":               {"\x1b[2K\x1b[?25l\x1b[31ma\x1b]0;t\a", "\x1b[0;31ma\x1b[0m"},
		"a style of spaces":             {"\x1b[7m  ", "\x1b[0;7m  \x1b[0m"},
		"erased cells have none":        {"\x1b[7mab\x1b[1Kc", "  \x1b[0;7mc\x1b[0m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, styled := shown(tt.text)
			assert.Equal(t, tt.want, styled)
		})
	}
}

func TestClearKeepsTheStyle(t *testing.T) {
	t.Parallel()
	var l terminal.Line
	assert.True(t, l.IsEmpty())
	assert.Equal(t, "x", l.Styled("x"))
	write(&l, "\x1b[31mabc\x1b[1K\r")
	assert.True(t, l.IsEmpty())
	write(&l, "d")
	assert.False(t, l.IsEmpty())
	l.Clear()
	assert.True(t, l.IsEmpty())
	plain, styled := l.Text()
	assert.Empty(t, plain)
	assert.Empty(t, styled)
	assert.Equal(t, "\x1b[0;31mx\x1b[0m", l.Styled("x"))
	assert.Empty(t, l.Styled(""))
	write(&l, "ef\bg")
	plain, styled = l.Text()
	assert.Equal(t, "eg", plain)
	assert.Equal(t, "\x1b[0;31meg\x1b[0m", styled)
}

func TestWriteWaitsForTheRest(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"\x1b", "\x1b[", "\x1b[31", "\x1b]0;title", "\x1b]0;\x1b", "\x1b(", "\xe2\x86", "\xc3"} {
		var l terminal.Line
		assert.Zero(t, l.Write([]byte(text), true), "%q", text)
		assert.True(t, l.IsEmpty())
		assert.Positive(t, l.Write([]byte(text), false), "%q", text)
	}
	for text, n := range map[string]int{
		"\x1b[31mx": 5, "\x1b[ab": 3, "\x1b[0;31Kx": 7, "\x1b]0;\ax": 5, "\x1b]0;\x1b\\x": 6, "\x1b]0;\x1b[": 4, "\x1b(Bx": 3, "\x1bcx": 2, "\x1bc": 2, "\x1b(B": 3,
		"→x": 3, "ax": 1, "\xffx": 1, "\x1b→": 1, "\x1b[→": 2, "\x1b(→": 2,
	} {
		for _, more := range []bool{true, false} {
			assert.Equal(t, n, new(terminal.Line).Write([]byte(text), more), "%q", text)
		}
	}
}

func TestIsPlain(t *testing.T) {
	t.Parallel()
	fillers := []string{"0123456789 ~ABCDEFGHIJ", "0480480480480480480480"}
	for text, want := range map[string]bool{
		"": true, " ": true, "~": true, "\t": true, "ü→": true, "\u00a0": true, "\ufffd": true,
		"\x1f": false, "\x7f": false, "\r": false, "\n": false, "\x00": false, "\x1b[m": false, "\x80": false, "\xff": false, "\u0085": false, "\u0080": false, "\u009f": false, "\xe2\x86": false,
	} {
		for i := range 17 {
			for j := range 17 {
				for _, filler := range fillers {
					padded := filler[:i] + text + filler[:j]
					assert.Equal(t, want, terminal.IsPlain([]byte(padded)), "%q", padded)
				}
			}
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("10%\r50%\b\b\x1b[2K\x1b[3G\x1b[31;48;5;9mdone\x1b]0;title\a→\xff", 7)
	f.Add("\x1b[38;2;1;2;3;4:3ma\x1b[1K\x1b[Jb\x1b(B\x1b]8;;\x1b\\", 1)
	f.Fuzz(func(t *testing.T, text string, at int) {
		plain, styled := shown(text)
		if !utf8.ValidString(plain) || strings.ContainsFunc(plain, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) || !terminal.IsPlain([]byte(plain)) {
			t.Fatalf("%q is shown as %q", text, plain)
		}
		if again, same := shown(styled); again != plain || same != styled {
			t.Fatalf("%q is shown as %q", styled, same)
		}
		if terminal.IsPlain([]byte(text)) && plain != text {
			t.Fatalf("%q is plain, but is shown as %q", text, plain)
		}
		// In two parts it is the same.
		if at < 0 || at > len(text) {
			return
		}
		var l terminal.Line
		b := []byte(text[:at])
		for len(b) > 0 {
			n := l.Write(b, true)
			if n == 0 {
				break
			}
			b = b[n:]
		}
		write(&l, string(b)+text[at:])
		if p, s := l.Text(); p != plain || s != styled {
			t.Fatalf("%q in two parts at %d is shown as %q, not as %q", text, at, s, styled)
		}
	})
}
