package main

import (
	"fmt"
	"math"
)

// Lengths of the drawing, in pixels.
const (
	width    = 1200.0
	margin   = 12.0
	pad      = 12.0 // Inside a band.
	indent   = 14.0 // Of a downstream pipeline.
	rowH     = 23.0
	barH     = 14.0
	stageH   = 24.0
	cardH    = 26.0
	noteW    = 76.0 // The space for notes after the last bar.
	minBar   = 3.0
	nameSize = 12.5
	noteSize = 11.0
)

// drawing draws a timeline as an SVG. The lines of the critical path are between back and
// front.
type drawing struct {
	tl          *timeline
	scale       scale
	back, front *canvas
	y           float64 // The top of the next row.
	at          map[*bar]place
	path        []connector // Computed when the positions of all bars are known.
}

// place is the position of a bar, including its time in the queue.
type place struct{ x0, x1, top float64 }

func (p place) middle() float64 { return p.top + rowH/2 }

// drawSVG draws a timeline as a self-contained file.
func drawSVG(tl *timeline) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + draw(tl))
}

func draw(tl *timeline) string {
	d := &drawing{tl: tl, at: make(map[*bar]place)}
	d.back, d.front = new(canvas), new(canvas)
	labels := math.Ceil(min(max(d.labelWidth(tl.root, 0), 150), 330))
	d.scale = scale{start: tl.start, span: tl.end.Sub(tl.start), x0: margin + pad + labels + 10, x1: width - margin - noteW}
	d.pipeline(tl.root, 0) // Computes the positions.
	d.back, d.front = new(canvas), new(canvas)
	d.header()
	top := d.y
	shift := top + 22
	for b, p := range d.at {
		p.top += shift
		d.at[b] = p
	}
	d.path = d.connect()
	if len(d.at) > 0 {
		d.axis(top + 14)
	}
	d.y = shift
	d.pipeline(tl.root, 0)
	bottom := d.y
	if bottom-top > 700 {
		d.axis(bottom + 12)
		d.y += 20
	}
	height := math.Ceil(d.y + 8)

	var c canvas
	c.open("svg", "xmlns", "http://www.w3.org/2000/svg", "class", "timeline", "width", width, "height", height,
		"viewBox", fmt.Sprintf("0 0 %s %s", num(width), num(height)), "role", "group", "aria-label", "Timeline of "+d.tl.title())
	c.WriteString("\n")
	c.text("title", d.tl.title())
	c.WriteString("<style><![CDATA[\n" + style() + "]]></style>\n")
	signs(&c)
	c.draw("rect", "class", "page", "width", width, "height", height)
	c.WriteString(d.back.String())
	if len(d.at) > 0 {
		d.grid(&c, shift, bottom)
	}
	for _, line := range d.path {
		line.draw(&c)
	}
	c.WriteString(d.front.String())
	c.close("svg")
	return c.String()
}

// signs defines the signs as named symbols.
func signs(c *canvas) {
	c.open("defs")
	for _, l := range looks {
		c.open("symbol", "id", "sign-"+l.class, "viewBox", "0 0 12 12")
		fill := ""
		if l.class == "manual" {
			fill = "currentColor"
		}
		c.draw("path", "d", l.sign, "fill", fill)
		c.close("symbol")
	}
	c.close("defs")
}

// disc draws a sign on a disc of its color at a point.
func disc(c *canvas, l look, x, y float64) {
	c.draw("circle", "class", "disc", "cx", x, "cy", y, "r", 7.0)
	c.draw("use", "class", "sign", "href", "#sign-"+l.class, "x", x-5.0, "y", y-5.0, "width", 10.0, "height", 10.0)
}

// axis draws the times above or below the bars.
func (d *drawing) axis(y float64) {
	c, s := d.front, d.scale
	from := d.tl.start.Format("15:04:05")
	c.text("text", from, "class", "tick from", "x", s.x0, "y", y, "text-anchor", "middle")
	free := s.x0 + widthOf(from, noteSize)/2 + 6
	until := s.x1 + noteW
	if d.tl.live {
		label := "as of " + d.tl.asOf()
		c.text("text", label, "class", "tick today", "x", until-8, "y", y, "text-anchor", "end")
		until -= 8 + widthOf(label, noteSize) + 6
	}
	for _, t := range s.ticks(9) {
		x, label := s.x(s.start.Add(t)), "+"+tick(t)
		w := widthOf(label, noteSize) / 2
		if x-w < free || x+w > until {
			continue
		}
		c.text("text", label, "class", "tick", "x", x, "y", y, "text-anchor", "middle")
		free = x + w + 6
	}
}

func (d *drawing) grid(c *canvas, top, bottom float64) {
	s := d.scale
	line := func(class string, x float64) {
		x = math.Round(x) + 0.5
		c.draw("line", "class", class, "x1", x, "x2", x, "y1", top-4, "y2", bottom)
	}
	line("grid", s.x0)
	for _, t := range s.ticks(9) {
		line("grid", s.x(s.start.Add(t)))
	}
	if d.tl.live {
		line("now", s.x1)
	}
}
