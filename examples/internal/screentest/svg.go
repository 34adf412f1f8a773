package screentest

import (
	"fmt"
	"html"
	"strconv"
	"strings"

	"example.com/gitlabjobs/examples/internal/terminal"
)

// style is the style of a character.
type style struct {
	bold, dim bool
	color     int // From 31, red, to 36, cyan. 0 is the default.
}

// apply applies the parameters of a control code.
func (s *style) apply(parameter string) {
	for code := range strings.SplitSeq(parameter, ";") {
		switch n := number(code); {
		case n == 0:
			*s = style{}
		case n == 1:
			s.bold = true
		case n == 2:
			s.dim = true
		case n >= 31 && n <= 36:
			s.color = n
		case n == 39:
			s.color = 0
		}
	}
}

// class returns the classes of the style in the style sheet of the picture.
func (s style) class() string {
	var names []string
	if s.bold {
		names = append(names, "b")
	}
	if s.dim {
		names = append(names, "d")
	}
	if s.color != 0 {
		names = append(names, fmt.Sprint("c", s.color-30))
	}
	return strings.Join(names, " ")
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // An empty parameter is 0.
	return n
}

// The size of a character and of the frame in a picture.
const (
	charWidth, charHeight, baseline = 9, 20, 15
	frameWidth                      = 16
)

const styleSheet = `text { font: 15px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d5dae1; white-space: pre }
.b { font-weight: bold } .d { opacity: .6 }
.c1 { fill: #ff7b72 } .c2 { fill: #56d364 } .c3 { fill: #e3b341 } .c4 { fill: #79c0ff } .c5 { fill: #d2a8ff } .c6 { fill: #56d4dd }`

// SVG returns the screen as an SVG picture.
func (s *Screen) SVG(title string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.cells[s.top:]
	for len(rows) > 0 && strings.TrimSpace(text(rows[len(rows)-1])) == "" {
		rows = rows[:len(rows)-1]
	}
	width, height := s.columns*charWidth+2*frameWidth, len(rows)*charHeight+2*frameWidth
	var out strings.Builder
	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %[1]d %[2]d\" role=\"img\">\n", width, height)
	fmt.Fprintf(&out, "<title>%s</title>\n<style>\n%s\n</style>\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#161b22\"/>\n", html.EscapeString(title), styleSheet)
	for y, row := range rows {
		for x := 0; x < len(row); {
			run := x + 1
			for run < len(row) && row[run].style == row[x].style {
				run++
			}
			if content := text(row[x:run]); strings.TrimSpace(content) != "" {
				fmt.Fprintf(&out, "<text x=\"%d\" y=\"%d\" textLength=\"%d\"", frameWidth+x*charWidth, frameWidth+y*charHeight+baseline, terminal.Width(content)*charWidth)
				if class := row[x].style.class(); class != "" {
					fmt.Fprintf(&out, " class=%q", class)
				}
				fmt.Fprintf(&out, ">%s</text>\n", html.EscapeString(content))
			}
			x = run
		}
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func text(cells []cell) string {
	var text strings.Builder
	for _, c := range cells {
		text.WriteString(c.text)
	}
	return text.String()
}
