package main

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed drawing.css
var drawingCSS string

// style is the CSS of the drawing.
func style() string {
	return variables() + classes() + drawingCSS
}

// classes returns the CSS of the colors of each look.
func classes() string {
	var b strings.Builder
	for _, l := range looks {
		fmt.Fprintf(&b, ".%[1]s{--f:var(--%[1]s);--o:var(--%[1]s-on);--i:var(--%[1]s-ink)}\n", l.class)
	}
	return b.String()
}
