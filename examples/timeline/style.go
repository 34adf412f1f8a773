package main

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed drawing.css
var drawingCSS string

// style is the CSS of the drawing, the same in the SVG and in the page.
func style() string {
	var b strings.Builder
	b.WriteString(variables())
	for _, l := range looks {
		fmt.Fprintf(&b, ".%[1]s{--f:var(--%[1]s);--o:var(--%[1]s-on);--i:var(--%[1]s-ink)}\n", l.class)
	}
	b.WriteString(drawingCSS)
	return b.String()
}
