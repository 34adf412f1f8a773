package gitlabjobs

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// screen is one line of a terminal. It applies carriage returns, backspaces and
// erase sequences to the text that is written to it.
//
// It differs from a terminal in one way, for readers of logs: the text that is
// written after a return to the first column replaces the line, even if it is
// shorter. A terminal would show the end of the old text behind it.
//
// The cursor moves right only by writing and is never beyond the cells, so that
// the time is linear in the bytes written.
type screen struct {
	cells  []cell
	cursor int
	blank  int  // So many cells at the beginning are erased.
	begins bool // The cursor returned to the first column: the next character replaces the cells.
	style  textStyle
	output []byte // To build text in.
}

// cell is a character; 0 for none, where one was erased.
type cell struct {
	char  rune
	style textStyle
}

// clear makes the line empty. The style stays, as it does from line to line.
func (s *screen) clear() { s.cells, s.cursor, s.blank, s.begins = s.cells[:0], 0, 0, false }

// empty reports whether there is nothing to see.
func (s *screen) empty() bool { return s.shown() == 0 }

// shown is how many cells there are to see.
func (s *screen) shown() int {
	n := len(s.cells)
	for n > s.blank && s.cells[n-1].char == 0 {
		n--
	}
	if n == s.blank {
		return 0
	}
	return n
}

// put writes a character at the cursor. One that cannot be seen has no place.
func (s *screen) put(r rune) {
	switch {
	case ' ' <= r && r <= '~':
	case r == '\r':
		s.home()
		return
	case r == '\b':
		s.cursor = max(0, s.cursor-1)
		return
	case r != '\t' && unicode.IsControl(r):
		return
	}
	if s.begins {
		s.clear()
	}
	c := cell{r, s.style}
	if s.cursor < len(s.cells) {
		s.cells[s.cursor] = c
		s.blank = min(s.blank, s.cursor)
	} else {
		s.cells = append(s.cells, c)
	}
	s.cursor++
}

// home moves the cursor to the first column.
func (s *screen) home() { s.cursor, s.begins = 0, len(s.cells) > 0 }

// do is what a control sequence, without its ESC [, does to a line. Most do
// nothing: those that move to other lines, and what is not for looks.
func (s *screen) do(sequence []byte) {
	end := len(sequence) - 1
	param := sequence[:end]
	switch sequence[end] {
	case 'm':
		s.style.apply(param)
	case 'G': // To a column.
		switch n := number10(param); {
		case n > 1:
			s.cursor = min(s.cursor, n-1)
		case n >= 0:
			s.home()
		}
	case 'K', 'J': // Erases in the line, or in the screen that it is all of.
		n := number10(param)
		if n == 1 || n == 2 {
			to := min(s.cursor+1, len(s.cells))
			for ; s.blank < to; s.blank++ {
				s.cells[s.blank] = cell{}
			}
		}
		if n == 0 || n == 2 {
			s.cells, s.begins = s.cells[:s.cursor], false
			s.blank = min(s.blank, s.cursor)
		}
	}
}

// text is what there is to see, plain and with its colours.
func (s *screen) text() (text, styled string) {
	cells := s.cells[:s.shown()]
	b := s.output[:0]
	defer func() { s.output = b }()
	colours := false
	for _, c := range cells {
		b = utf8.AppendRune(b, visible(c.char))
		colours = colours || c.style != textStyle{}
	}
	text = string(b)
	if !colours {
		return text, text
	}
	b = b[:0]
	var last textStyle
	for _, c := range cells {
		if c.style != last {
			b = c.style.appendTo(b)
			last = c.style
		}
		b = utf8.AppendRune(b, visible(c.char))
	}
	if last != (textStyle{}) {
		b = textStyle{}.appendTo(b)
	}
	return text, string(b)
}

func visible(r rune) rune {
	if r == 0 {
		return ' '
	}
	return r
}

// escapeSequence returns the length of what begins with ESC, and if that is a
// control sequence, what of it comes after the ESC [. It is not complete where
// more bytes could be part of it.
func escapeSequence(b []byte) (size int, control []byte, complete bool) {
	if len(b) < 2 {
		return len(b), nil, false
	}
	switch b[1] {
	case '[':
		for i, c := range b[2:] {
			switch {
			case 0x40 <= c && c <= 0x7e:
				return i + 3, b[2 : i+3], true
			case c < 0x20 || c > 0x3f:
				return i + 2, nil, true // It is none: only its beginning goes.
			}
		}
		return len(b), nil, false
	case ']', 'P', 'X', '^', '_': // A string, such as a title or a link's address.
		i := bytes.IndexAny(b[2:], "\a\x1b")
		switch {
		case i < 0 || b[i+2] == 0x1b && i+3 == len(b):
			return len(b), nil, false
		case b[i+2] == '\a':
			return i + 3, nil, true
		case b[i+3] == '\\':
			return i + 4, nil, true
		default:
			return i + 2, nil, true
		}
	}
	i := 1
	for i < len(b) && 0x20 <= b[i] && b[i] <= 0x2f {
		i++
	}
	switch {
	case i == len(b):
		return i, nil, false
	case 0x30 <= b[i] && b[i] <= 0x7e:
		return i + 1, nil, true
	default:
		return i, nil, true
	}
}

// plainText reports whether a terminal shows bytes just as they are.
func plainText(b []byte) bool {
	for i := 0; i < len(b); {
		for len(b)-i >= 8 && printable(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
		}
		if i == len(b) {
			break
		}
		c := b[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 || unicode.IsControl(r) {
				return false
			}
			i += size
		case c < ' ' && c != '\t' || c == 0x7f:
			return false
		default:
			i++
		}
	}
	return true
}

// printable reports whether eight bytes are all from space to ~. A byte that is
// not sets its highest bit in one of the three: none carries into another before.
func printable(bytes uint64) bool {
	const each = 0x0101010101010101
	return (bytes|(bytes-each*' ')|(bytes+each))&(each*0x80) == 0
}

// textStyle is how text looks.
type textStyle struct {
	fore, back colour
	attributes uint16 // Bit n is attribute n: 1 bold, 2 faint, 3 italic, 4 underlined and so on.
}

// colour is none, one of a palette of 256, or a red, a green and a blue byte.
type colour uint32

const (
	paletteColour colour = 1 << 24
	exactColour   colour = 2 << 24
)

// apply changes the style by the parameters of a control sequence m (SGR).
func (s *textStyle) apply(params []byte) {
	if len(params) > 0 && params[0] > ';' { // Another sequence, which is private.
		return
	}
	for more := true; more; {
		var field []byte
		field, params, more = bytes.Cut(params, []byte(";"))
		if bytes.IndexByte(field, ':') > 0 {
			s.applyGroup(bytes.Split(field, []byte(":")))
			continue
		}
		n := number10(field)
		switch {
		case n == 0:
			*s = textStyle{}
		case 1 <= n && n <= 9:
			s.attributes |= 1 << n
		case n == 21:
			s.attributes |= 1 << 4
		case n == 22:
			s.attributes &^= 1<<1 | 1<<2
		case n == 25:
			s.attributes &^= 1<<5 | 1<<6
		case 23 <= n && n <= 29:
			s.attributes &^= 1 << (n - 20)
		case 30 <= n && n <= 37:
			s.fore = paletteColour | colour(n-30)
		case 90 <= n && n <= 97:
			s.fore = paletteColour | colour(n-90+8)
		case 40 <= n && n <= 47:
			s.back = paletteColour | colour(n-40)
		case 100 <= n && n <= 107:
			s.back = paletteColour | colour(n-100+8)
		case n == 39:
			s.fore = 0
		case n == 49:
			s.back = 0
		case n == 38 || n == 48 || n == 58:
			group := append(make([][]byte, 0, 5), field)
			for size := 2; more && len(group) < size; {
				field, params, more = bytes.Cut(params, []byte(";"))
				group = append(group, field)
				switch mode := number10(field); {
				case len(group) == 2 && mode == 2:
					size = 5
				case len(group) == 2 && mode == 5:
					size = 3
				}
			}
			s.applyGroup(group)
		}
	}
}

// applyGroup takes a parameter of several parts: a colour, or a kind of line
// under the text.
func (s *textStyle) applyGroup(group [][]byte) {
	kind, last := number10(group[0]), len(group)-1
	if last < 1 {
		return
	}
	if kind == 4 {
		s.attributes &^= 1 << 4
		if number10(group[1]) > 0 {
			s.attributes |= 1 << 4
		}
		return
	}
	var c colour
	switch mode := number10(group[1]); {
	case mode == 5 && last >= 2:
		c = paletteColour | colour(number10(group[2])&0xff)
	case mode == 2 && last >= 4:
		c = exactColour
		for i, part := range group[last-2:] {
			c |= colour(number10(part)&0xff) << (16 - 8*i)
		}
	default:
		return
	}
	switch kind {
	case 38:
		s.fore = c
	case 48:
		s.back = c
	}
}

// around returns text in the style.
func (s textStyle) around(text string) string {
	if text == "" || s == (textStyle{}) {
		return text
	}
	return string(textStyle{}.appendTo(append(s.appendTo(nil), text...)))
}

// appendTo appends the sequence that sets the style, whatever it was before.
func (s textStyle) appendTo(b []byte) []byte {
	b = append(b, "\x1b[0"...)
	for n := 1; n <= 9; n++ {
		if s.attributes&(1<<n) != 0 {
			b = append(b, ';', byte('0'+n))
		}
	}
	b = s.fore.appendTo(b, 30)
	b = s.back.appendTo(b, 40)
	return append(b, 'm')
}

func (c colour) appendTo(b []byte, base int64) []byte {
	n := int64(c & 0xff)
	var params []int64
	switch {
	case c == 0:
	case c&exactColour != 0:
		params = []int64{base + 8, 2, int64(c >> 16 & 0xff), int64(c >> 8 & 0xff), n}
	case n < 8:
		params = []int64{base + n}
	case n < 16:
		params = []int64{base + 60 + n - 8}
	default:
		params = []int64{base + 8, 5, n}
	}
	for _, p := range params {
		b = strconv.AppendInt(append(b, ';'), p, 10)
	}
	return b
}

// number10 is a parameter, 0 where it is left out, or -1 where it is no small
// number.
func number10(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' || n > 1e6 {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}
