package runnerlog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs/internal/runnerlog"
)

const closing = "\r\x1b[0K"

func TestAMarkIsRead(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 3, 5, 9, 2, 11, 0, time.UTC)
	long := strings.Repeat("n", 255)
	longOptions := "[a=" + strings.Repeat("b", 1022) + "]"
	for text, want := range map[string]runnerlog.Mark{
		"section_start:1709629331:a":                           {Start: true, Time: at, Name: "a"},
		"section_end:1709629331:a":                             {Time: at, Name: "a"},
		"section_start:1709629331:my.Step-1_z[collapsed=true]": {Start: true, Time: at, Name: "my.Step-1_z", Options: map[string]string{"collapsed": "true"}},
		"section_end:1709629331:a[b=c]":                        {Time: at, Name: "a", Options: map[string]string{"b": "c"}},
		"section_start:0:AZaz09._-":                            {Start: true, Time: time.Unix(0, 0).UTC(), Name: "AZaz09._-"},
		"section_start:999999999999999:a":                      {Start: true, Time: time.Unix(999999999999999, 0).UTC(), Name: "a"},
		"section_start:1709629331:" + long:                     {Start: true, Time: at, Name: long},
		"section_start:1709629331:a[b=c, AZ_az=AZ_az09,d=e]":   {Start: true, Time: at, Name: "a", Options: map[string]string{"b": "c", "AZ_az": "AZ_az09", "d": "e"}},
		"section_start:1709629331:a[b=c,b=d]":                  {Start: true, Time: at, Name: "a", Options: map[string]string{"b": "d"}},
		"section_start:1709629331:a" + longOptions:             {Start: true, Time: at, Name: "a", Options: map[string]string{"a": strings.Repeat("b", 1022)}},
	} {
		text += closing
		for _, rest := range []string{"", "Title", closing} {
			mark, size, complete := runnerlog.ParseMark([]byte(text + rest))
			assert.Equal(t, want, mark, "%q", text)
			assert.Equal(t, len(text), size)
			assert.True(t, complete)
		}
		for i := range text {
			_, size, complete := runnerlog.ParseMark([]byte(text[:i]))
			assert.Zero(t, size, "%q", text[:i])
			assert.False(t, complete, "%q", text[:i])
		}
	}
}

func TestWhatIsNotAMark(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"x", "sections", "section_x", "section_stop:1:a", "section_start:x", "section_start::", "section_end::a", "section_start:1x", "section_start:1:]",
		"section_start:1:[", "section_start:1: ", "section_start:1:a ", "section_start:1:ä", "section_start:1:a/", "section_start:1:a:", "section_start:1:a@",
		"section_start:1:a`", "section_start:1:a{", "section_start:/", "section_start:;",
		"section_start:1234567890123456:a", "section_start:1:" + strings.Repeat("a", 256) + closing,
		"section_start:1:a\n", "section_start:1:a\r\n", "section_start:1:a\r\x1b[1K", "section_start:1:a[b=c]x", "section_start:1:a[b=c]\r\n",
		"section_start:1:a[a=" + strings.Repeat("b", 1023) + "]" + closing,
	} {
		_, size, complete := runnerlog.ParseMark([]byte(text))
		assert.Zero(t, size, "%q", text)
		assert.True(t, complete, "%q", text)
	}
	for _, options := range []string{
		"", "a", "=b", "a=", "=", "a=b=c", "a= b", "a =b", " a=b", "a=b ", "a=b,  c=d", "a=b, c=d ", "a=b ,c=d",
		"a=b,", ",a=b", "a=b,,c=d", "a=b-c", "a-b=c", "a=b.c", "a=ü", "a=b][c=d", "[a=b", "a=b,c",
	} {
		mark, size, complete := runnerlog.ParseMark([]byte("section_start:1:name[" + options + "]" + closing))
		assert.Zero(t, size, "%q: %v", options, mark)
		assert.True(t, complete, "%q", options)
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add("section_start:1709629331:my.Step-1[collapsed=true, a=b]" + closing + "Title")
	f.Add("section_end:1709629331:a" + closing)
	f.Fuzz(func(t *testing.T, text string) {
		mark, size, complete := runnerlog.ParseMark([]byte(text))
		if size > len(text) || size > 0 && (!complete || mark.Name == "" || !strings.HasSuffix(text[:size], closing)) {
			t.Fatalf("%q: %+v, %d, %v", text, mark, size, complete)
		}
		if size == 0 && complete {
			// More bytes do not change it.
			if _, size, _ := runnerlog.ParseMark([]byte(text + closing)); size > 0 {
				t.Fatalf("%q was complete", text)
			}
		}
	})
}
