package main

import (
	"fmt"
	"strings"
)

func (tl *timeline) title() string {
	p := tl.root
	return clean(fmt.Sprintf("%s, pipeline %d", p.project, p.id))
}

// header draws the part above the axis: title, status, summary and legend.
func (d *drawing) header() {
	tl, c := d.tl, d.front
	x, room := margin+pad, width-2*(margin+pad)
	line := func(class, text string, size, x, y float64) {
		c.text("text", fit(text, size, room), "class", class, "x", x, "y", y)
	}
	left := x
	if tl.root.status != "" {
		l := lookOf(tl.root.status, false)
		c.open("g", "class", l.class, "transform", fmt.Sprintf("translate(%s 31) scale(1.3)", num(x+9)))
		disc(c, l, 0, 0)
		c.close("g")
		left += 28
	}
	line("title", d.tl.title(), 20, left, 38)
	line("sub", d.tl.summary(), 13, x, 64)
	y := 86.0
	if lead, parts := tl.criticalText(); lead != "" {
		c.draw("rect", "class", "path", "x", x+1, "y", y-11, "width", 22.0, "height", 12.0, "rx", 4.0)
		c.open("text", "class", "lead", "x", x+32, "y", y)
		c.escape(lead)
		c.text("tspan", parts, "class", "sub", "dx", 10.0)
		c.close("text")
		y += 24
	}
	d.y = d.legend(x, y+2) + 14
}

// summary returns the commit, the numbers of jobs and pipelines, and the times.
func (tl *timeline) summary() string {
	var parts []string
	if p := tl.root; p.ref != "" {
		ref := clean(p.ref)
		if p.commit != "" {
			ref += " at " + clean(p.commit)
		}
		if p.title != "" {
			ref += " “" + fit(clean(p.title), 13, 300) + "”"
		}
		parts = append(parts, ref)
	}
	what := count(tl.jobs, "job")
	if tl.pipelines > 1 {
		what += " in " + count(tl.pipelines, "pipeline")
	}
	parts = append(parts, what)
	if tl.jobs > 0 {
		duration := short(tl.end.Sub(tl.start))
		if tl.live {
			duration += " so far, as of " + tl.asOf()
		}
		parts = append(parts, duration, "from "+stamp(tl.start))
	}
	return strings.Join(parts, "  ·  ")
}

// legend explains the signs in the drawing. It returns the y coordinate of its end.
func (d *drawing) legend(left, y float64) float64 {
	c := d.front
	used := make(map[string]bool)
	older := false
	for b := range d.tl.root.all {
		used[b.look().class] = true
		older = older || b.attempt < b.attempts
	}
	x := left
	entry := func(text string, sample func(x, y float64), w float64) {
		all := w + 7 + widthOf(text, 12) + 14
		if x+all > width-margin-pad && x > left {
			x, y = left, y+22
		}
		sample(x, y-4)
		c.text("text", text, "class", "key", "x", x+w+7, "y", y)
		x += all
	}
	if d.tl.jobs > 0 {
		entry("queued, then ran", func(x, y float64) {
			c.draw("rect", "class", "queue", "x", x, "y", y-3, "width", 14.0, "height", 6.0)
			c.open("g", "class", "success")
			c.draw("rect", "class", "run", "x", x+14, "y", y-6, "width", 18.0, "height", 12.0, "rx", 2.0)
			c.close("g")
		}, 32)
	}
	for _, l := range looks {
		if used[l.class] {
			entry(l.label, func(x, y float64) {
				c.open("g", "class", l.class)
				disc(c, l, x+7, y)
				c.close("g")
			}, 14)
		}
	}
	if older {
		entry("attempt that was retried", func(x, y float64) {
			c.open("g", "class", "failed")
			c.draw("rect", "class", "run old", "x", x+1, "y", y-6, "width", 24.0, "height", 12.0, "rx", 2.0)
			c.close("g")
		}, 26)
	}
	return y
}
