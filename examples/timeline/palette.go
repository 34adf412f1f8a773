package main

import (
	"fmt"
	"strings"

	"example.com/gitlabjobs"
)

// color is a named color of the style, in the light and the dark scheme.
type color struct{ name, light, dark string }

// palette has three colors for each look: one for bars, one for text on bars, and one for text
// on the page. Color-blind readers can tell them apart.
var palette = []color{
	{"page", "#ffffff", "#12161c"},
	{"band", "#f4f6f9", "#1a1f27"},
	{"card", "#ffffff", "#12161c"},
	{"line", "#d5dbe3", "#333c49"},
	{"edge", "#7d8a9b", "#77859a"},
	{"grid", "#e2e7ed", "#2a323d"},
	{"ink", "#17202c", "#e9edf3"},
	{"soft", "#536072", "#a3aebd"},
	{"queue", "#b4bfcc", "#566375"},
	{"path", "#17202c", "#ffffff"},
	{"success", "#0b7a5c", "#3dbd93"},
	{"success-on", "#ffffff", "#08110e"},
	{"success-ink", "#0b6b51", "#3dbd93"},
	{"failed", "#c8400a", "#ff7f4d"},
	{"failed-on", "#ffffff", "#1a0a04"},
	{"failed-ink", "#b43a09", "#ff8a5c"},
	{"warning", "#f0b429", "#f5c451"},
	{"warning-on", "#241a00", "#1d1500"},
	{"warning-ink", "#855900", "#f5c451"},
	{"running", "#2369c0", "#6cb0f5"},
	{"running-on", "#ffffff", "#06101b"},
	{"running-ink", "#1d5cab", "#6cb0f5"},
	{"waiting", "#5d6b7e", "#9aa7b8"},
	{"waiting-on", "#ffffff", "#0d1116"},
	{"waiting-ink", "#536072", "#a3aebd"},
	{"canceled", "#5d6b7e", "#9aa7b8"},
	{"canceled-on", "#ffffff", "#0d1116"},
	{"canceled-ink", "#536072", "#a3aebd"},
	{"skipped", "#5d6b7e", "#9aa7b8"},
	{"skipped-on", "#ffffff", "#0d1116"},
	{"skipped-ink", "#536072", "#a3aebd"},
	{"manual", "#84459c", "#cf9be3"},
	{"manual-on", "#ffffff", "#150b19"},
	{"manual-ink", "#7a3d92", "#cf9be3"},
}

// variables returns the palette as CSS. The scheme is that of data-scheme or, without it, that
// of the system. Printed pages are light.
func variables() string {
	var light, dark strings.Builder
	for _, c := range palette {
		fmt.Fprintf(&light, "--%s:%s;", c.name, c.light)
		fmt.Fprintf(&dark, "--%s:%s;", c.name, c.dark)
	}
	return ":root{color-scheme:light;" + light.String() + "}\n" +
		"@media screen and (prefers-color-scheme:dark){:root:not([data-scheme=light]){color-scheme:dark;" + dark.String() + "}}\n" +
		"@media screen{:root[data-scheme=dark]{color-scheme:dark;" + dark.String() + "}}\n"
}

// look is the style of a status: a class and a sign, so that color is never the only mark.
type look struct {
	class, label, sign string // The sign is an SVG path in a square of 12 by 12.
}

var looks = []look{
	{"success", "succeeded", "M2.6 6.4 5 8.8 9.4 3.6"},
	{"failed", "failed", "M3.2 3.2 8.8 8.8M8.8 3.2 3.2 8.8"},
	{"warning", "failed (allowed)", "M6 2.4V6.9M6 9.4V9.5"},
	{"running", "running", "M6 2.2A3.8 3.8 0 1 0 9.8 6"},
	{"waiting", "waiting", "M6 3V6.2L8.2 7.8"},
	{"canceled", "canceled", "M3 9 9 3"},
	{"skipped", "skipped", "M2.8 3.2 5.6 6 2.8 8.8M6.4 3.2 9.2 6 6.4 8.8"},
	{"manual", "manual", "M4.4 3 9 6 4.4 9Z"},
}

func lookOf(status gitlabjobs.Status, allowFailure bool) look {
	i := 4
	switch status {
	case gitlabjobs.StatusSuccess:
		i = 0
	case gitlabjobs.StatusFailed:
		i = 1
		if allowFailure {
			i = 2
		}
	case gitlabjobs.StatusRunning:
		i = 3
	case gitlabjobs.StatusCanceled, gitlabjobs.StatusCanceling:
		i = 5
	case gitlabjobs.StatusSkipped:
		i = 6
	case gitlabjobs.StatusManual:
		i = 7
	default: // Waiting.
	}
	return looks[i]
}

func (b *bar) look() look { return lookOf(b.status, b.allowFailure) }
