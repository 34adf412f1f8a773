package terminal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/examples/internal/terminal"
)

func TestOpenReturnsNilForAPipeOrAFile(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	t.Cleanup(func() { _ = w.Close() })
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = null.Close() })
	for _, f := range []*os.File{w, file, null} {
		assert.Nil(t, terminal.Open(f, none), f.Name())
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"":                   0,
		"abc":                3,
		"äöü":                3,
		"a\u0308":            1, // A combining character.
		"検査":                 4,
		"한국":                 4,
		"✓●…→":               4,
		"🚀":                  2,
		"☁\ufe0f":            2, // As an emoji.
		"👩\u200d🚀":           2,
		"👍🏽":                 2, // With a skin tone.
		"🇩🇪🇫🇷":               4,
		"a\u200bb":           2, // A zero-width space.
		"\u0644\u200d\u0627": 2,
	} {
		assert.Equal(t, want, terminal.Width(text), "%q", text)
	}
}

func TestCutTextsFit(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "abcdef", terminal.Middle("abcdef", 6))
	assert.Equal(t, "ab…ef", terminal.Middle("abcdef", 5))
	assert.Equal(t, "abcd…", terminal.End("abcdef", 5))
	assert.Equal(t, "検…す", terminal.Middle("検査します", 5))
	assert.Equal(t, "検…す ", terminal.Left("検査します", 6))
	assert.Equal(t, "ab  ", terminal.Left("ab", 4))
	assert.Equal(t, "  ab", terminal.Right("ab", 4))
	for _, text := range []string{"abcdefgh", "検査します検査", "👩\u200d🚀👩\u200d🚀👩\u200d🚀x", "e\u0301e\u0301e\u0301e\u0301e\u0301"} {
		for width := range 12 {
			for _, cut := range []string{terminal.Middle(text, width), terminal.End(text, width)} {
				assert.LessOrEqual(t, terminal.Width(cut), width, cut)
				assert.True(t, utf8.ValidString(cut), cut)
				assert.NotContains(t, cut, "…\u200d", "an emoji is cut")
				assert.NotContains(t, cut, "\u200d…")
				assert.NotContains(t, cut, "…\u0301")
			}
			assert.Equal(t, width, terminal.Width(terminal.Left(text, width)))
			assert.Equal(t, width, terminal.Width(terminal.Right(text, width)))
		}
	}
}

func TestShortenedNamesStillDiffer(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"unit", "test: [a…ostgres]"}, terminal.Names([]string{"unit", "test: [amd64, 1.26, postgres]"}, 17))
	for _, names := range [][]string{
		{"compile: [amd64, release, 1.24]", "compile: [amd64, release, 1.25]"},                           // The end.
		{"1.24: [amd64, release, linux]", "1.25: [amd64, release, linux]"},                               // The beginning.
		{"compile everything: [1.24, release of linux]", "compile everything: [1.25, release of linux]"}, // The middle.
		{"検査検査検査検査: [1, 検査検査検査]", "検査検査検査検査: [2, 検査検査検査]"},
		matrix("a", "b", "c"), // More than one place.
		append(matrix("a", "b", "c"), matrix("d", "e", "with another end")...),
	} {
		for _, width := range []int{12, 16, 24} {
			short := terminal.Names(names, width)
			assert.Equal(t, short, terminal.Names(names, width), "the short names are stable")
			seen := make(map[string]string)
			for i, name := range short {
				assert.LessOrEqual(t, terminal.Width(name), width)
				assert.Empty(t, seen[name], "%s and %s are both %s", seen[name], names[i], name)
				seen[name] = names[i]
			}
		}
	}
	again := terminal.Names([]string{"the same long name", "the same long name"}, 10)
	assert.Equal(t, again[0], again[1], "jobs of two pipelines may have the same name")
}

func matrix(values ...string) (names []string) {
	for _, a := range values {
		for _, b := range values {
			for _, c := range values {
				names = append(names, "compile everything: ["+strings.Join([]string{a, "something", b, "something else", c}, ", ")+", for the release]")
			}
		}
	}
	return names
}

func TestCleanReplacesControlCharacters(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a\ufffd[2Jb\ufffdc\ufffdd\ufffde", terminal.Clean("a\x1b[2Jb\u009bc\u202ed\xffe"))
	assert.Equal(t, "a, ✓ 🚀", terminal.Clean("a, ✓ 🚀"))
}

func TestARowIsCutAtItsWidth(t *testing.T) {
	t.Parallel()
	red, plain := terminal.Span{Style: terminal.Red, Text: "failed"}, terminal.Span{Text: " job"}
	assert.Equal(t, "\x1b[31mfailed\x1b[0m job", terminal.Row(10, red, plain))
	assert.Equal(t, "\x1b[31mfailed\x1b[0m …", terminal.Row(8, red, plain))
	assert.Equal(t, "\x1b[31mfai…\x1b[0m", terminal.Row(4, red, plain))
}

func TestElapsed(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 59900 * time.Millisecond: "59s", 63 * time.Second: "1m03s", 7200*time.Second + 7*time.Minute: "2h07m", 99*time.Hour + 59*time.Minute: "99h59m",
	} {
		assert.Equal(t, want, terminal.Elapsed(d))
	}
}
