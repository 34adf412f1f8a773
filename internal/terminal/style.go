package terminal

import (
	"bytes"
	"strconv"
)

// style is the appearance of text.
type style struct {
	foreground, background color
	attributes             uint16 // Bit n is attribute n: 1 bold, 2 faint, 3 italic, 4 underlined and so on.
}

// color is the default color (0), an index into a palette of 256 colors, or an RGB value.
type color uint32

const (
	paletteColor color = 1 << 24
	exactColor   color = 2 << 24
)

// Bits of style.attributes.
const (
	bold       = 1 << 1
	faint      = 1 << 2
	underlined = 1 << 4
	blinking   = 1<<5 | 1<<6
)

// apply applies the parameters of an SGR sequence (ESC [ ... m) to the style.
func (s *style) apply(parameters []byte) {
	if len(parameters) > 0 && parameters[0] > ';' { // A private sequence, which does not set the style.
		return
	}
	for more := true; more; {
		var field []byte
		field, parameters, more = bytes.Cut(parameters, []byte(";"))
		if bytes.IndexByte(field, ':') > 0 {
			s.applyGroup(bytes.Split(field, []byte(":")))
			continue
		}
		n := parseNumber(field)
		switch {
		case n == 0:
			*s = style{}
		case 1 <= n && n <= 9:
			s.attributes |= 1 << n
		case n == 21: // Underlined twice.
			s.attributes |= underlined
		case n == 22:
			s.attributes &^= bold | faint
		case n == 25:
			s.attributes &^= blinking
		case 23 <= n && n <= 29:
			s.attributes &^= 1 << (n - 20)
		case 30 <= n && n <= 37:
			s.foreground = paletteColor | color(n-30)
		case 90 <= n && n <= 97:
			s.foreground = paletteColor | color(n-90+8)
		case 40 <= n && n <= 47:
			s.background = paletteColor | color(n-40)
		case 100 <= n && n <= 107:
			s.background = paletteColor | color(n-100+8)
		case n == 39:
			s.foreground = 0
		case n == 49:
			s.background = 0
		case n == 38 || n == 48 || n == 58:
			group := append(make([][]byte, 0, 5), field)
			for size := 2; more && len(group) < size; {
				field, parameters, more = bytes.Cut(parameters, []byte(";"))
				group = append(group, field)
				if len(group) == 2 {
					size = groupSize(field)
				}
			}
			s.applyGroup(group)
		}
	}
}

// groupSize returns the number of parameters of a color: the kind, the mode, and either an
// index or a red, a green and a blue byte.
func groupSize(mode []byte) int {
	switch parseNumber(mode) {
	case 2:
		return 5
	case 5:
		return 3
	default:
		return 2
	}
}

// applyGroup applies a parameter with several parts: a color or a kind of underline.
func (s *style) applyGroup(group [][]byte) {
	kind, last := parseNumber(group[0]), len(group)-1
	if last < 1 {
		return
	}
	if kind == 4 {
		s.attributes &^= underlined
		if parseNumber(group[1]) > 0 {
			s.attributes |= underlined
		}
		return
	}
	var c color
	switch mode := parseNumber(group[1]); {
	case mode == 5 && last >= 2:
		c = paletteColor | color(parseNumber(group[2])&0xff)
	case mode == 2 && last >= 4:
		c = exactColor
		for i, part := range group[last-2:] { // Before them there may be the number of a color space.
			c |= color(parseNumber(part)&0xff) << (16 - 8*i)
		}
	default:
		return
	}
	switch kind {
	case 38:
		s.foreground = c
	case 48:
		s.background = c
	}
}

// appendTo appends a sequence that sets the style and does not depend on an earlier style.
func (s style) appendTo(b []byte) []byte {
	b = append(b, "\x1b[0"...)
	for n := 1; n <= 9; n++ {
		if s.attributes&(1<<n) != 0 {
			b = append(b, ';', byte('0'+n))
		}
	}
	b = s.foreground.appendTo(b, 30)
	b = s.background.appendTo(b, 40)
	return append(b, 'm')
}

// appendTo appends the parameters of the color. The first is base for the first color of
// the palette.
func (c color) appendTo(b []byte, base int64) []byte {
	n := int64(c & 0xff)
	var parameters []int64
	switch {
	case c == 0:
	case c&exactColor != 0:
		parameters = []int64{base + 8, 2, int64(c >> 16 & 0xff), int64(c >> 8 & 0xff), n}
	case n < 8:
		parameters = []int64{base + n}
	case n < 16:
		parameters = []int64{base + 60 + n - 8}
	default:
		parameters = []int64{base + 8, 5, n}
	}
	for _, p := range parameters {
		b = strconv.AppendInt(append(b, ';'), p, 10)
	}
	return b
}
