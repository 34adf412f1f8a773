package main

// bar draws an attempt as a group, which is a link if the attempt has a URL. The function
// inside draws the rest of the group.
func (d *drawing) bar(b *bar, depth int, lastInRow bool, inside func(*canvas)) {
	c, l, p := d.front, b.look(), d.extent(b)
	d.at[b] = p
	class := "job " + surface(depth) + " " + l.class
	if b.attempt < b.attempts {
		class = "older " + class
	}
	name := "g"
	if b.url != "" {
		name = "a"
		c.open("a", "class", class, "href", b.url, "target", "_blank", "rel", "noopener noreferrer")
	} else {
		c.open("g", "class", class, "role", "img")
	}
	c.text("title", b.label(d.tl))
	middle := p.middle()
	hit := place{x0: p.x0 - 4, x1: max(p.x1+4, p.x0+12)}
	c.draw("rect", "class", "hit", "x", hit.x0, "y", p.top+1, "width", hit.x1-hit.x0, "height", rowH-2, "rx", 5.0)
	if b.begin().IsZero() {
		d.statusNote(c, b, p)
	} else {
		d.times(c, b, p)
		if lastInRow {
			d.note(c, b, p)
		}
	}
	if b.critical {
		c.draw("rect", "class", "path", "x", p.x0-2.5, "y", middle-barH/2-2.5, "width", p.x1-p.x0+5, "height", barH+5, "rx", 5.0)
	}
	inside(c)
	c.close(name)
}

// times draws the time in the queue as a thin bar and the run time as a thick one. The bar of
// a bridge is thin.
func (d *drawing) times(c *canvas, b *bar, p place) {
	middle, x := p.middle(), p.x0
	if !b.started.IsZero() && !b.queued.IsZero() {
		x = min(max(d.scale.x(b.started), p.x0), p.x1-minBar/2)
	}
	if !b.queued.IsZero() {
		end := x
		if b.started.IsZero() {
			end = p.x1
		}
		if end > p.x0 {
			c.draw("rect", "class", "queue", "x", p.x0, "y", middle-3, "width", end-p.x0, "height", 6.0, "rx", 1.0)
		}
	}
	if b.started.IsZero() {
		return
	}
	class, h := "run", barH
	if b.bridge {
		h = 8
	}
	if b.attempt < b.attempts {
		class = "run old"
	}
	w := p.x1 - x
	c.draw("rect", "class", class, "x", x, "y", middle-h/2, "width", w, "height", h, "rx", min(3, w/2))
	if !b.bridge && w >= 18 {
		sign := "sign"
		if b.attempt < b.attempts {
			sign = "sign plain"
		}
		c.draw("use", "class", sign, "href", "#sign-"+b.look().class, "x", x+4, "y", middle-5, "width", 10.0, "height", 10.0)
	}
}

// statusNote draws the status of an attempt that never began.
func (d *drawing) statusNote(c *canvas, b *bar, p place) {
	text := clean(string(b.status))
	if b.downstreamErr != nil && b.bridge {
		text += ", nothing triggered"
	}
	text = fit(text, noteSize, 220)
	right := width - margin - pad - 16
	x, anchor := d.beside(p, text), ""
	if x+widthOf(text, noteSize) > right {
		x, anchor = p.x0-8, "end"
	}
	c.draw("circle", "class", "disc", "cx", p.x0, "cy", p.middle(), "r", 2.5)
	c.text("text", text, "class", "note", "x", x, "y", p.middle()+4, "text-anchor", anchor)
}

// note draws the duration of an attempt after its bar, or within the bar if a line would
// cross the text.
func (d *drawing) note(c *canvas, b *bar, p place) {
	text := b.look().label
	if !b.started.IsZero() {
		text = short(b.ran())
	}
	x := d.beside(p, text)
	run := p.x1 - d.scale.x(b.started)
	if x > p.x1+8 && !b.bridge && !b.started.IsZero() && run > widthOf(text, noteSize)+30 {
		c.text("text", text, "class", "note on", "x", p.x1-6, "y", p.middle()+4, "text-anchor", "end")
		return
	}
	c.text("text", text, "class", "note", "x", x, "y", p.middle()+4)
}
