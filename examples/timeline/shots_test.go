package main

import (
	"fmt"
	"testing"
)

func TestShotsTmp(t *testing.T) { //nolint:paralleltest // tmp
	s := newStudio(t)
	for _, name := range []string{"one", "demo", "large", "huge", "hostile", "empty"} {
		for _, w := range []int{400, 1280, 2560} {
			for _, scheme := range []string{"light", "dark"} {
				h := 900
				if w == 400 {
					h = 860
				}
				if w == 2560 {
					h = 1300
				}
				s.media(scheme, "screen")
				s.window(w, h)
				s.open(s.url + "/" + name + ".html")
				s.keep(t, fmt.Sprintf("%s-%d-%s", name, w, scheme))
			}
		}
	}
	s.quiet(t)
}
