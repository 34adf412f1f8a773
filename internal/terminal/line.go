// Package terminal emulates one line of a terminal.
//
// Programs overwrite text with carriage returns, backspaces and ANSI escape sequences, and
// color it with other sequences. A [Line] applies these to the text written to it, and
// returns the visible text, plain and with colors. It ignores sequences that move the
// cursor to other lines.
package terminal

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// Line is one line of a terminal. The zero value is an empty line without a style.
//
// It differs from a terminal in one respect, which makes logs easier to read: text that is
// written after a return to the first column replaces the whole line, even if the text is
// shorter. A terminal would still show the end of the old text.
//
// Only writing moves the cursor to the right, so it is never beyond the cells. Processing a
// text therefore takes time linear in its length.
type Line struct {
	cells    []cell
	cursor   int
	erased   int  // The number of cells at the beginning that are known to be erased.
	returned bool // The cursor returned to the first column: the next character replaces the cells.
	style    style
	buffer   []byte // A buffer for the text that is returned.
}

// cell is a character, or 0 if one was erased, and its style.
type cell struct {
	char  rune
	style style
}

// Clear removes the text of the line. It keeps the current style, which also applies to the
// next line of a terminal.
func (l *Line) Clear() { l.cells, l.cursor, l.erased, l.returned = l.cells[:0], 0, 0, false }

// IsEmpty reports whether the line shows nothing.
func (l *Line) IsEmpty() bool { return l.visibleCells() == 0 }

// visibleCells returns the number of cells up to the last character.
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

// Write writes the first character or escape sequence of text to the line, and returns its
// length. text must not be empty. more reports whether more text follows: if it is true and
// the character or sequence is incomplete, Write does nothing and returns 0.
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

// control applies a control sequence, which is passed without its ESC [. It ignores
// sequences that do not affect the visible line.
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
	case 'K', 'J': // Erase in the line or in the screen. The line is the whole screen.
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

// Text returns the visible text, plain and styled. Both are the same if the text has no
// style. The styled text does not depend on an earlier style, and resets the style at its
// end.
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

// shown returns the visible character of the cell, which is a space if it was erased.
func (c cell) shown() rune {
	if c.char == 0 {
		return ' '
	}
	return c.char
}

// Styled returns text in the current style. The text must be plain: see [IsPlain].
func (l *Line) Styled(text string) string {
	if text == "" || l.style == (style{}) {
		return text
	}
	return string(style{}.appendTo(append(l.style.appendTo(nil), text...)))
}

// IsPlain reports whether a terminal shows text unchanged, because it is valid UTF-8 without
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

// arePrintable reports whether eight bytes are all in the range from space to ~. For a byte
// outside of that range, one of the three terms has the highest bit set. Bytes before the
// first such byte cause no carry or borrow.
func arePrintable(bytes uint64) bool {
	const each = 0x0101010101010101
	return (bytes|(bytes-each*' ')|(bytes+each))&(each*0x80) == 0
}
