package main

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// canvas builds SVG. It escapes all attributes and texts.
type canvas struct{ strings.Builder }

// open begins an element with attributes, which are pairs of a name and a value. It omits
// attributes with empty values.
func (c *canvas) open(name string, attrs ...any) { c.start(name, attrs, ">") }

// draw adds an element without content.
func (c *canvas) draw(name string, attrs ...any) { c.start(name, attrs, "/>\n") }

func (c *canvas) close(name string) { c.WriteString("</" + name + ">\n") }

// text adds an element that contains text.
func (c *canvas) text(name, text string, attrs ...any) {
	c.open(name, attrs...)
	c.escape(text)
	c.close(name)
}

func (c *canvas) start(name string, attrs []any, end string) {
	c.WriteString("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		value := ""
		switch v := attrs[i+1].(type) {
		case float64:
			value = num(v)
		default:
			value = fmt.Sprint(v)
		}
		if value == "" {
			continue
		}
		fmt.Fprintf(c, ` %s="`, attrs[i])
		c.escape(value)
		c.WriteString(`"`)
	}
	c.WriteString(end)
}

func (c *canvas) escape(s string) {
	_ = xml.EscapeText(&c.Builder, []byte(s)) // A Builder never returns an error.
}

// num formats a length to a tenth of a pixel.
func num(f float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
}
