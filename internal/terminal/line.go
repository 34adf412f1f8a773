// Package terminal returns what a terminal shows of a line that a program has written.
//
// Programs overwrite what they wrote, with carriage returns, backspaces and ANSI escape sequences that erase, and they
// color it with others. A [Line] applies these to the text that it is given, and returns the text that is left, plain and
// with its colors. It is one line: sequences that move the cursor to other lines do nothing.
package terminal

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// Line is one line of a terminal. The zero value is an empty line without a style.
//
// It differs from a terminal in one way, for readers of logs: text that is written after
// a return to the first column replaces the line, even if the text is shorter. A terminal
// would still show the end of the old text behind it.
//
// The cursor moves right only by writing and is never beyond the cells. So the time to
// show a text is linear in its length.
type Line struct {
	cells    []cell
	cursor   int
	erased   int  // The number of cells at the beginning that are known to be erased.
	returned bool // The cursor returned to the first column: the next character replaces the cells.
	style    style
	buffer   []byte // Text is built in it.
}

// cell is a character, or 0 if one was erased, and its style.
type cell struct {
	char  rune
	style style
}

// Clear makes the line empty. The style that is on stays, as it does from line to line.
func (l *Line) Clear() { l.cells, l.cursor, l.erased, l.returned = l.cells[:0], 0, 0, false }

// IsEmpty reports whether the line shows nothing.
func (l *Line) IsEmpty() bool { return l.visibleCells() == 0 }

// visibleCells returns how many cells the line shows: those up to the last character.
func (l *Line) visibleCells() int {
	n := len(l.cells)
	for n > l.erased && l.cells[n-1].char == 0 {
		n--
	}
	if n == l.erased {
		return 0
	}
	return n
}

// Write shows the first character or escape sequence of text, which must not be empty, and
// returns its length. If it is incomplete and more is true, because more of the text will
// follow, Write shows nothing and returns 0.
func (l *Line) Write(text []byte, more bool) (n int) {
	switch c := text[0]; {
	case c == escape:
		size, control, complete := parseSequence(text)
		if !complete && more {
			return 0
		}
		if control != nil {
			l.control(control)
		}
		return size
	case c < utf8.RuneSelf:
		l.put(rune(c))
		return 1
	case more && !utf8.FullRune(text):
		return 0
	default:
		r, size := utf8.DecodeRune(text)
		l.put(r)
		return size
	}
}

// put writes a character at the cursor, or moves the cursor. Control characters that a
// terminal does not show are ignored.
func (l *Line) put(r rune) {
	switch {
	case ' ' <= r && r <= '~':
	case r == '\r':
		l.toFirstColumn()
		return
	case r == '\b':
		l.cursor = max(0, l.cursor-1)
		return
	case r != '\t' && unicode.IsControl(r):
		return
	}
	if l.returned {
		l.Clear()
	}
	c := cell{r, l.style}
	if l.cursor < len(l.cells) {
		l.cells[l.cursor] = c
		l.erased = min(l.erased, l.cursor)
	} else {
		l.cells = append(l.cells, c)
	}
	l.cursor++
}

func (l *Line) toFirstColumn() { l.cursor, l.returned = 0, len(l.cells) > 0 }

// control applies a control sequence, without its ESC [. Sequences that are not for the
// looks of the line do nothing.
func (l *Line) control(sequence []byte) {
	last := len(sequence) - 1
	parameter := sequence[:last]
	switch sequence[last] {
	case 'm':
		l.style.apply(parameter)
	case 'G': // Move to a column.
		switch n := parseNumber(parameter); {
		case n > 1:
			l.cursor = min(l.cursor, n-1)
		case n >= 0:
			l.toFirstColumn()
		}
	case 'K', 'J': // Erase in the line, or in the screen, which the line is all of.
		n := parseNumber(parameter)
		if n == 1 || n == 2 {
			l.eraseToCursor()
		}
		if n == 0 || n == 2 {
			l.cells, l.returned = l.cells[:l.cursor], false
			l.erased = min(l.erased, l.cursor)
		}
	}
}

// eraseToCursor erases the cells up to the cursor and the one under it.
func (l *Line) eraseToCursor() {
	end := min(l.cursor+1, len(l.cells))
	for ; l.erased < end; l.erased++ {
		l.cells[l.erased] = cell{}
	}
}

// Text returns the text that the line shows, plain and styled. Both are the same if the
// text has no style. The styled text begins without a style and resets its own at its end.
func (l *Line) Text() (plain, styled string) {
	cells := l.cells[:l.visibleCells()]
	b := l.buffer[:0]
	defer func() { l.buffer = b }()
	hasStyle := false
	for _, c := range cells {
		b = utf8.AppendRune(b, c.shown())
		hasStyle = hasStyle || c.style != style{}
	}
	plain = string(b)
	if !hasStyle {
		return plain, plain
	}
	b = b[:0]
	var current style
	for _, c := range cells {
		if c.style != current {
			b = c.style.appendTo(b)
			current = c.style
		}
		b = utf8.AppendRune(b, c.shown())
	}
	if current != (style{}) {
		b = style{}.appendTo(b)
	}
	return plain, string(b)
}

// shown returns what the terminal shows in the cell: a space if it was erased.
func (c cell) shown() rune {
	if c.char == 0 {
		return ' '
	}
	return c.char
}

// Styled returns text in the style that is on. The text must be one that a terminal shows
// as it is: see [IsPlain].
func (l *Line) Styled(text string) string {
	if text == "" || l.style == (style{}) {
		return text
	}
	return string(style{}.appendTo(append(l.style.appendTo(nil), text...)))
}

// IsPlain reports whether a terminal shows text just as it is: it is valid UTF-8 without
// control characters other than tabs.
func IsPlain(text []byte) bool {
	for i := 0; i < len(text); {
		for len(text)-i >= 8 && arePrintable(binary.LittleEndian.Uint64(text[i:])) {
			i += 8
		}
		if i == len(text) {
			break
		}
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text[i:])
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

// arePrintable reports whether eight bytes are all from space to ~. In one of the three
// terms, a byte that is not has its highest bit set: all bytes before the first such byte
// carry nothing into it.
func arePrintable(bytes uint64) bool {
	const each = 0x0101010101010101
	return (bytes|(bytes-each*' ')|(bytes+each))&(each*0x80) == 0
}
