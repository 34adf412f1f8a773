package main

import "fmt"

// connector is the line from a bar of the critical path to the next one. It is vertical at x,
// and ends with a horizontal part if the next bar is not at x.
type connector struct {
	x, y0, y1 float64
	to        float64 // The end of the horizontal part. 0 if there is none.
	level     bool    // Both bars are in one row: the line goes from x to to.
}

// connect computes the lines.
func (d *drawing) connect() []connector {
	var all []connector
	path := d.tl.critical
	for i := range path {
		if i == 0 {
			continue
		}
		a, aok := d.at[path[i-1]]
		b, bok := d.at[path[i]]
		if !aok || !bok {
			continue
		}
		end := a.x1
		if path[i].pipeline == path[i-1].downstream {
			end = min(a.x0+4, a.x1) // The line begins at the start of a bridge, not at the end of its pipeline.
		}
		down := 1.0
		if b.top < a.top {
			down = -1
		}
		line := connector{x: end - 1, y0: a.middle() + down*barH/2, y1: b.middle() - down*(barH/2+3)}
		switch gap := b.x0 - end; {
		case a.top == b.top:
			line = connector{x: a.x1 + 2, y0: a.middle(), y1: a.middle(), to: max(b.x0-2, a.x1+2), level: true}
		case gap > 5:
			line.y1, line.to = b.middle(), b.x0-2
		default:
			line.x = max(line.x, b.x0) // The line ends at the upper or lower side.
		}
		all = append(all, line)
	}
	return all
}

func (l connector) draw(c *canvas) {
	down := 1.0
	if l.y1 < l.y0 {
		down = -1
	}
	switch {
	case l.level:
		c.draw("path", "class", "path", "d", fmt.Sprintf("M%s %sH%s", num(l.x), num(l.y0), num(l.to)))
	case l.to == 0:
		c.draw("path", "class", "path", "d", fmt.Sprintf("M%s %sV%s", num(l.x), num(l.y0), num(l.y1-5*down)))
		c.draw("path", "class", "tip", "d", fmt.Sprintf("M%s %sl-4 %sh8z", num(l.x), num(l.y1), num(-6*down)))
	case l.to-l.x < 10:
		c.draw("path", "class", "path", "d", fmt.Sprintf("M%s %sV%sH%s", num(l.x), num(l.y0), num(l.y1), num(l.to)))
	default:
		c.draw("path", "class", "path", "d", fmt.Sprintf("M%s %sV%sH%s", num(l.x), num(l.y0), num(l.y1), num(l.to-5)))
		c.draw("path", "class", "tip", "d", fmt.Sprintf("M%s %sl-6 -4v8z", num(l.to), num(l.y1)))
	}
}

// beside returns the position of the note at the right of a bar. If a line would cross the
// note, it is after the line.
func (d *drawing) beside(p place, note string) float64 {
	x, w := p.x1+8, widthOf(note, noteSize)
	for range d.path {
		moved := false
		for _, l := range d.path {
			crosses := !l.level && min(l.y0, l.y1) < p.top+rowH && max(l.y0, l.y1) > p.top
			if crosses && l.x > x-5 && l.x < x+w+3 && l.x+8+w < width-margin-pad {
				x, moved = l.x+8, true
			}
		}
		if !moved {
			break
		}
	}
	return x
}
