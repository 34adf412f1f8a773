package main

import (
	"fmt"
	"math"
	"slices"
)

// labelWidth returns the width of the widest name.
func (d *drawing) labelWidth(p *pipeline, depth int) float64 {
	widest := 0.0
	for _, s := range p.stages {
		for _, t := range s.tasks {
			widest = max(widest, float64(depth)*indent+20+widthOf(t.name, nameSize)+widthOf(times(t), nameSize)+6)
			for _, b := range t.attempts {
				if b.downstream != nil {
					widest = max(widest, d.labelWidth(b.downstream, depth+1))
				}
			}
		}
	}
	return widest
}

// times returns the number of attempts, such as ×2, if there are several.
func times(t *task) string {
	if len(t.attempts) < 2 {
		return ""
	}
	return fmt.Sprintf(" ×%d", len(t.attempts))
}

// surface returns the class of the background of a pipeline's rows.
func surface(depth int) string {
	if depth == 0 {
		return "in-band"
	}
	return "in-card"
}

// pipeline draws the stages of a pipeline and, within them, its downstream pipelines.
func (d *drawing) pipeline(p *pipeline, depth int) {
	x := margin + pad + float64(depth)*indent
	c := d.front
	if text := p.note(); text != "" {
		for _, line := range wrap(text, nameSize, width-margin-pad-float64(depth)*4-x) {
			c.text("text", line, "class", "soft", "x", x, "y", d.y+16)
			d.y += rowH
		}
		d.y += 4
		return
	}
	for i, s := range p.stages {
		top := d.y
		if depth > 0 && i > 0 {
			d.back.draw("line", "class", "rule", "x1", x, "x2", width-margin-pad-float64(depth)*4, "y1", top+0.5, "y2", top+0.5)
		}
		c.text("text", isolate(fit(s.name, 12.5, d.scale.x0-x-16)), "class", "stage", "x", x, "y", d.y+16)
		d.y += stageH
		d.behind(func() {
			for _, t := range s.tasks {
				d.task(t, depth)
			}
			d.y += 5
		}, func(c *canvas) {
			if depth == 0 {
				c.draw("rect", "class", "band", "x", margin, "y", top, "width", width-2*margin, "height", d.y-top, "rx", 6.0)
				d.y += 5
			}
		})
	}
}

// behind draws a box behind content. It draws the content first, because its size is unknown.
func (d *drawing) behind(content func(), box func(*canvas)) {
	outer := d.back
	d.back = new(canvas)
	content()
	box(outer)
	outer.WriteString(d.back.String())
	d.back = outer
}

// task draws the row of a task. Attempts that overlap the next attempt are in separate rows
// below it.
func (d *drawing) task(t *task, depth int) {
	rows := [][]*bar{nil}
	begin := math.Inf(1)
	for _, b := range slices.Backward(t.attempts) {
		p := d.extent(b)
		if p.x1 > begin+0.5 {
			rows = append(rows, nil)
		}
		last := len(rows) - 1
		rows[last] = append([]*bar{b}, rows[last]...)
		begin = p.x0
	}
	for _, bars := range rows {
		for i, b := range bars {
			end := i == len(bars)-1
			d.bar(b, depth, end, func(c *canvas) {
				switch {
				case b == t.last():
					d.label(c, t, depth)
				case end:
					c.text("text", fmt.Sprintf("attempt %d of %d", b.attempt, b.attempts), "class", "note",
						"x", margin+pad+float64(depth)*indent+20, "y", d.y+rowH/2+4)
				}
			})
		}
		d.y += rowH
	}
	for _, b := range t.attempts {
		if b.downstream != nil {
			d.card(b.downstream, depth+1)
		}
	}
}

// label draws the name of a task with the sign of its last attempt.
func (d *drawing) label(c *canvas, t *task, depth int) {
	x, y := margin+pad+float64(depth)*indent, d.y+rowH/2
	c.draw("rect", "class", "over", "x", x, "y", d.y+1, "width", d.scale.x0-12-x, "height", rowH-2)
	disc(c, t.last().look(), x+7, y)
	more := times(t)
	name := fit(t.name, nameSize, d.scale.x0-14-(x+20)-widthOf(more, nameSize))
	c.open("text", "class", "name", "x", x+20, "y", y+4.5)
	c.escape(isolate(name))
	if more != "" {
		c.open("tspan", "class", "soft", "dx", 5.0)
		c.escape(more[1:])
		c.WriteString("</tspan>")
	}
	c.close("text")
}

// card draws a pipeline within another one.
func (d *drawing) card(p *pipeline, depth int) {
	x, top := margin+pad+float64(depth)*indent, d.y+1
	inset := float64(depth) * 4
	c := d.front
	l := lookOf(p.status, false)
	c.open("g", "class", l.class)
	y := top + 15.0
	left := x
	if p.status != "" {
		disc(c, l, x+7, y-0.5)
		left += 20
	}
	c.text("text", fit(p.heading(), 12.5, width-margin-pad-inset-left), "class", "head", "x", left, "y", y+4)
	c.close("g")
	d.y = top + cardH

	d.behind(func() { d.pipeline(p, depth) }, func(c *canvas) {
		c.draw("rect", "class", "card", "x", x-8, "y", top+0.5, "width", width-margin-inset-(x-8), "height", d.y-top-1, "rx", 6.0)
	})
	d.y += 5
}

// extent returns the horizontal position of an attempt.
func (d *drawing) extent(b *bar) place {
	p := place{top: d.y}
	if b.begin().IsZero() {
		p.x0 = d.scale.x(b.ended)
		p.x1 = p.x0
		return p
	}
	p.x0, p.x1 = d.scale.x(b.begin()), d.scale.x(b.ended)
	p.x1 = max(p.x1, p.x0+minBar)
	return p
}
