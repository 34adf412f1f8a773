package gitlabjobs_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/gitlabjobs"
)

// Parts of the logs below.
const (
	pageStart     = "section_start:1568678400:prepare-script" + closing
	pageEnd       = "section_end:1568678463:prepare-script" + closing
	pageSubStart  = "section_start:1568678400:prepare-script-nested" + closing
	pageSubEnd    = "section_end:1568678402:prepare-script-nested" + closing
	page19, at19  = "2024-05-14T11:19:19.899359Z 00O ", "19.899359: "
	page20, at20  = "2024-05-14T11:19:20.000000Z 00O ", "20.000000: "
	page20Append  = "2024-05-14T11:19:20.000000Z 00O+"
	page21Append  = "2024-05-14T11:19:21.000000Z 00O+"
	page22, at22  = "2024-05-14T11:19:22.000000Z 00O ", "22.000000: "
	red, bold     = "\x1b[0;31m", "\x1b[0;1m"
	redOnBlue     = "\x1b[0;31;44m"
	boldAndItalic = "\x1b[0;1;3m"
	reset         = "\x1b[0m"
)

// The reasons for lines that differ from those of GitLab's page.
const (
	emptyLines   = "all lines of the log are returned, even empty ones, so that the Raw of all lines is the log"
	exactNames   = "names are those of the log; the page changes them to lower case and replaces other characters with -"
	prefixBegins = "a runner's prefix is recognized only at the beginning of a line, because runners write it only there"
	runnersOnly  = "a line is joined only to a line that runners continue, so that other lines need not wait for the next line"
)

// These are the test cases of the log parser of GitLab's page, with the lines that the page
// shows. A line begins with its time and ends with its section. The section has a + in its
// header line. The end of a section is a line that begins with - and has the duration. Each
// part of a log is a separate read.
func TestTraceLinesAreThoseOfGitLabsPage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		parts  []string
		page   []string
		lines  []string // The lines of TraceLines, if they differ.
		differ string   // The reason for the difference. Empty: same as GitLab.
	}{
		{name: "text", parts: []string{"Hello"}, page: []string{"Hello"}},

		{name: "a line break", parts: []string{"Hello\nworld"}, page: []string{"Hello", "world"}},
		{name: "CRLF", parts: []string{"Hello\r\nworld"}, page: []string{"Hello", "world"}},
		{name: "CR and CRLF", parts: []string{"Hello\r\r\nworld"}, page: []string{"Hello", "world"}},
		{name: "an empty line", parts: []string{"Hello\n\nworld"}, page: []string{"Hello", "world"}, lines: []string{"Hello", "", "world"}, differ: emptyLines},
		{name: "an empty line, CRLF", parts: []string{"Hello\r\n\r\nworld"}, page: []string{"Hello", "world"}, lines: []string{"Hello", "", "world"}, differ: emptyLines},
		{name: "a carriage return", parts: []string{"Hello\rworld"}, page: []string{"world"}},

		{name: "a color", parts: []string{"\x1b[31mHello\x1b[0m"}, page: []string{red + "Hello" + reset}},
		{name: "a color of two lines", parts: []string{"\x1b[31mHello\nWorld\x1b[0m"}, page: []string{red + "Hello" + reset, red + "World" + reset}},
		{name: "a color and a background", parts: []string{"\x1b[31;44mHello"}, page: []string{redOnBlue + "Hello" + reset}},
		{name: "a color of a part", parts: []string{"\x1b[31;44mHello\x1b[0m world"}, page: []string{redOnBlue + "Hello" + reset + " world"}},

		{name: "a section begins a line", parts: []string{"Hello" + pageStart + "world!"}, page: []string{"Hello", "world! [+prepare-script]"}},
		{
			name: "only the first line is the header", parts: []string{"outside section" + pageStart + "Hello\nworld!"},
			page: []string{"outside section", "Hello [+prepare-script]", "world! [prepare-script]"},
		},
		{
			name: "a section ends", parts: []string{pageStart + "Good\nmorning\nworld!" + pageEnd},
			page: []string{"Good [+prepare-script]", "morning [prepare-script]", "world! [prepare-script]", "-prepare-script 1m3s"},
		},
		{name: "a section of one line", parts: []string{pageStart + "Hello world!" + pageEnd}, page: []string{"Hello world! [+prepare-script]", "-prepare-script 1m3s"}},
		{name: "after a section", parts: []string{pageStart + "Hello" + pageEnd + "world"}, page: []string{"Hello [+prepare-script]", "-prepare-script 1m3s", "world"}},
		{name: "the end of no section", parts: []string{"Hello " + pageEnd + "world\nNext line"}, page: []string{"Hello world", "Next line"}},
		{
			name: "a name in capitals, with . and _", parts: []string{"Hello" + strings.Replace(pageStart, "prepare-script", "a.Legit-SeCtIoN_namE", 1) + "world!"},
			page: []string{"Hello", "world! [+a-legit-section-name]"}, lines: []string{"Hello", "world! [+a.Legit-SeCtIoN_namE]"}, differ: exactNames,
		},
		{name: "a name with $", parts: []string{strings.Replace(pageStart, "prepare-script", "my_$ection", 1) + "hello"}, page: []string{"hello"}},
		{name: "a name with <", parts: []string{strings.Replace(pageStart, "prepare-script", "<a_tag>", 1) + "hello"}, page: []string{"hello"}},
		{
			name: "HTML after a broken mark", parts: []string{pageStart + "section_end:1:2<div>hello</div>" + pageEnd},
			page: []string{"section_end:1:2<div>hello</div> [+prepare-script]", "-prepare-script 1m3s"},
		},
		{
			name: "a nested section", parts: []string{"Hello" + pageStart + "foo" + pageSubStart + "bar" + pageSubEnd + "baz" + pageEnd + "world"},
			page: []string{
				"Hello", "foo [+prepare-script]", "bar [+prepare-script-nested]", "-prepare-script-nested 2s",
				"baz [prepare-script]", "-prepare-script 1m3s", "world",
			},
		},
		{
			name:  "a nested section that ends together with the outer",
			parts: []string{"Hello" + pageStart + "\x1b[91mfoo\x1b[0m" + pageSubStart + "bar" + pageSubEnd + pageEnd},
			page: []string{
				"Hello", "\x1b[0;91mfoo\x1b[0m [+prepare-script]", "bar [+prepare-script-nested]",
				"-prepare-script-nested 2s", "-prepare-script 1m3s",
			},
		},
		{
			name: "options", parts: []string{strings.Replace(pageStart, "\r", "[collapsed=true,unused_option=123]\r", 1) + "hello" + pageEnd},
			page: []string{"hello [+prepare-script map[collapsed:true unused_option:123]]", "-prepare-script 1m3s"},
		},

		{name: "a word in two reads", parts: []string{"\x1b[1mHello ", "World"}, page: []string{bold + "Hello World" + reset}},
		{name: "a time in two reads", parts: []string{page19[:20], page19[20:] + "\x1b[1mHello World"}, page: []string{at19 + bold + "Hello World" + reset}},
		{name: "a second line in two reads", parts: []string{"Good\nmorning ", "World"}, page: []string{"Good", "morning World"}},
		{
			name: "a second line in two reads, with times", parts: []string{page19 + "Good\n" + page19 + "morning ", "World"},
			page: []string{at19 + "Good", at19 + "morning World"},
		},
		{
			name: "a style before the second read", parts: []string{"\x1b[1mgood\nmorning\n", "\x1b[3mworld"},
			page: []string{bold + "good" + reset, bold + "morning" + reset, boldAndItalic + "world" + reset},
		},
		{name: "a sequence in two reads", parts: []string{"hello\x1b", "[1m world"}, page: []string{"hello" + bold + " world" + reset}},
		{name: "CRLF in two reads", parts: []string{"hello\r", "\nworld"}, page: []string{"hello", "world"}},
		{
			name: "a section in two reads", parts: []string{pageStart + "this is a header\nand ", "this\n is a body"},
			page: []string{"this is a header [+prepare-script]", "and this [prepare-script]", " is a body [prepare-script]"},
		},
		{
			name: "a header in two reads", parts: []string{pageStart + "this is ", "a header\nand body"},
			page: []string{"this is a header [+prepare-script]", "and body [prepare-script]"},
		},
		{
			name: "the end of a section in the second read", parts: []string{pageStart + "this is a header\nthe", " body\nthe end" + pageEnd},
			page: []string{"this is a header [+prepare-script]", "the body [prepare-script]", "the end [prepare-script]", "-prepare-script 1m3s"},
		},

		{name: "a log from its middle", parts: []string{"Hello World"[3:]}, page: []string{"lo World"}},
		{name: "more of a log from its middle", parts: []string{"Hello World"[3:], "!"}, page: []string{"lo World!"}},

		{name: "a time", parts: []string{page19 + "Hello"}, page: []string{at19 + "Hello"}},
		{name: "a line break and times", parts: []string{page19 + "Hello\n" + page20 + "world"}, page: []string{at19 + "Hello", at20 + "world"}},
		{name: "CRLF and times", parts: []string{page19 + "Hello\r\n" + page20 + "world"}, page: []string{at19 + "Hello", at20 + "world"}},
		{
			name: "an empty line and times", parts: []string{page19 + "Hello\n\n" + page20 + "world"},
			page: []string{at19 + "Hello", at20 + "world"}, lines: []string{at19 + "Hello", "", at20 + "world"}, differ: emptyLines,
		},
		{
			name: "an empty line and times, CRLF", parts: []string{page19 + "Hello\r\n\r\n" + page20 + "world"},
			page: []string{at19 + "Hello", at20 + "world"}, lines: []string{at19 + "Hello", "", at20 + "world"}, differ: emptyLines,
		},
		{
			name: "a time after a carriage return", parts: []string{page19 + "Hello \r" + page20 + "world!"},
			page: []string{at20 + "world!"}, lines: []string{at19 + page20 + "world!"}, differ: prefixBegins,
		},
		{
			name: "a continuation", parts: []string{page19 + "Hello \n" + page20Append + "world!"},
			page: []string{at19 + "Hello world!"}, lines: []string{at19 + "Hello ", at20 + "world! (continued)"}, differ: runnersOnly,
		},
		{
			name:  "two continuations",
			parts: []string{page19 + "Hello \n" + page20Append + "world, \n" + page21Append + "this is a second continuation\n" + page22 + "This is a second line"},
			page:  []string{at19 + "Hello world, this is a second continuation", at22 + "This is a second line"},
			lines: []string{
				at19 + "Hello ", at20 + "world,  (continued)", "21.000000: this is a second continuation (continued)", at22 + "This is a second line",
			},
			differ: runnersOnly,
		},
		{name: "a section begins a line, with a time", parts: []string{page19 + "Hello" + pageStart + "world!"}, page: []string{at19 + "Hello", at19 + "world! [+prepare-script]"}},
		{
			name: "only the first line is the header, with times", parts: []string{page19 + "outside section" + pageStart + "Hello\n" + page20 + "world!"},
			page: []string{at19 + "outside section", at19 + "Hello [+prepare-script]", at20 + "world! [prepare-script]"},
		},
		{
			name:  "a section ends, with times",
			parts: []string{page19 + pageStart + "Good\n" + page20 + "morning\n" + page20 + "world!\n" + page22 + pageEnd},
			page: []string{
				at19 + "Good [+prepare-script]", at20 + "morning [prepare-script]", at20 + "world! [prepare-script]",
				at22 + "-prepare-script 1m3s",
			},
		},
		{
			name: "a section of one line, without times", parts: []string{pageStart + "Hello world!" + pageEnd + "\n"},
			page: []string{"Hello world! [+prepare-script]", "-prepare-script 1m3s"},
		},

		// These cases are not in GitLab's tests.
		{
			name: "sections with the same name", parts: []string{pageStart + "A\n" + pageStart + "B\n" + pageEnd + "x" + pageEnd + "y"},
			page:   []string{"A [+prepare-script]", "B [+prepare-script]", "-prepare-script 1m3s", "xy"},
			lines:  []string{"A [+prepare-script]", "B [+prepare-script]", "-prepare-script 1m3s", "x [prepare-script]", "-prepare-script 1m3s", "y"},
			differ: "sections with the same name nest: each start has its own end",
		},
		{
			name: "an unfinished progress bar", parts: []string{"10%\r50%\r"}, page: nil, lines: []string{"50%"},
			differ: "text is kept until other text replaces it, so that no line is lost",
		},
		{
			name: "erasing without a carriage return", parts: []string{"Hello\x1b[2K\x1b[1Gworld"}, page: []string{"Helloworld"}, lines: []string{"world"},
			differ: "the page supports no sequences but colors; terminals erase, and many progress bars use this",
		},
		{name: "options with a space", parts: []string{strings.Replace(pageStart, "\r", "[a=b, c=d]\r", 1) + "hello"}, page: []string{"hello [+prepare-script map[a:b  c:d]]"}, lines: []string{"hello [+prepare-script map[a:b c:d]]"}, differ: "the space after a comma is not part of a name"},
		{name: "looser options", parts: []string{strings.Replace(pageStart, "\r", "[a = b]\r", 1) + "hello"}, page: []string{"hello"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := tt.lines
			if tt.differ == "" {
				want = tt.page
			}
			var reads []io.Reader
			for _, part := range tt.parts {
				reads = append(reads, strings.NewReader(part))
			}
			lines := traceLines(t, io.MultiReader(reads...))
			assert.Equal(t, strings.Join(tt.parts, ""), rawOf(lines))
			assert.Equal(t, want, pageOf(lines), tt.differ)
		})
	}
}

// pageOf formats lines as GitLab's page does.
func pageOf(lines []*gitlabjobs.TraceLine) []string {
	var page []string
	for _, line := range lines {
		at := ""
		if !line.Time.IsZero() {
			at = line.Time.Format("05.000000: ")
		}
		for _, section := range line.Ended {
			page = append(page, fmt.Sprintf("%s-%s %v", at, section.Name, section.Duration()))
		}
		if line.Text == "" && len(line.Ended) > 0 {
			continue
		}
		s := at + line.Styled
		if n := len(line.Sections); n > 0 {
			section := line.Sections[n-1]
			s += " ["
			if len(line.Started) > 0 {
				s += "+"
			}
			s += section.Name
			if len(line.Started) > 0 && section.Options != nil {
				s += fmt.Sprint(" ", section.Options)
			}
			s += "]"
		}
		if line.Continued {
			s += " (continued)"
		}
		page = append(page, s)
	}
	return page
}
