package terminal

import (
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean replaces characters that would control the terminal: control characters, and marks
// that change the direction of text.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// Width returns the number of columns of a text.
func Width(s string) int {
	width := 0
	for _, columns := range Characters(s) {
		width += columns
	}
	return width
}

// Left makes a text exactly width columns wide: it adds spaces at the end or calls [Middle].
func Left(s string, width int) string {
	s = Middle(s, width)
	return s + strings.Repeat(" ", width-Width(s))
}

// Right makes a text exactly width columns wide: it adds spaces before it or calls [Middle].
func Right(s string, width int) string {
	s = Middle(s, width)
	return strings.Repeat(" ", width-Width(s)) + s
}

// End cuts a text to at most width columns, at its end.
func End(s string, width int) string { return cut(s, width, width-1) }

// Middle cuts a text to at most width columns, in its middle.
func Middle(s string, width int) string { return cut(s, width, width/2) }

// cut replaces the part of a text after head columns by an ellipsis, so that the text has at
// most width columns.
func cut(s string, width, head int) string {
	switch {
	case width <= 0:
		return ""
	case Width(s) <= width:
		return s
	}
	var before strings.Builder
	var after []string
	left, right := head, width-1-head
	for character, columns := range Characters(s) {
		if left >= columns {
			before.WriteString(character)
			left -= columns
			continue
		}
		left = 0
		after = append(after, character)
	}
	first := len(after)
	for first > 0 && right >= Width(after[first-1]) {
		first--
		right -= Width(after[first])
	}
	return before.String() + "…" + strings.Join(after[first:], "")
}

// Names shortens names to at most width columns. Names that differ stay different: it removes
// the parts that are equal, such as in the names of the jobs of a matrix. If this is not
// possible, as in a matrix of many dimensions, it numbers the names.
func Names(names []string, width int) []string {
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = Middle(name, width)
	}
	for _, group := range collisions(names, short) {
		disambiguate(group, names, short, width)
	}
	numbers := make(map[string]int)
	for _, group := range collisions(names, short) {
		for _, i := range group {
			if numbers[names[i]] == 0 {
				numbers[names[i]] = len(numbers) + 1
			}
			mark := fmt.Sprintf("#%d", numbers[names[i]])
			short[i] = End(names[i], max(width-Width(mark), 1)) + mark
		}
	}
	return short
}

// collisions returns the groups of different names that have the same short name, in order.
func collisions(names, short []string) [][]int {
	groups := make(map[string][]int)
	for i := range names {
		groups[short[i]] = append(groups[short[i]], i)
	}
	var alike [][]int
	for i := range names {
		if group := groups[short[i]]; group[0] == i && distinct(group, names) > 1 {
			alike = append(alike, group)
		}
	}
	return alike
}

// distinct returns the number of different texts in a group.
func distinct(group []int, texts []string) int {
	found := make(map[string]bool)
	for _, i := range group {
		found[texts[i]] = true
	}
	return len(found)
}

// disambiguate looks for a position at which to cut the names of a group so that they differ.
// If there is one, it sets the short names.
func disambiguate(group []int, names, short []string, width int) {
	cuts := make([]string, len(names))
	all := distinct(group, names)
	for head := width / 2; head < 3*width/2; head++ { // The middle first.
		for _, i := range group {
			cuts[i] = cut(names[i], width, head%width)
		}
		if distinct(group, cuts) == all {
			for _, i := range group {
				short[i] = cuts[i]
			}
			return
		}
	}
}

// Characters iterates over the user-perceived characters of a text and their columns. The
// number of columns of an emoji depends on the terminal; this is the most common one.
func Characters(s string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for s != "" {
			size, columns := character(s)
			if !yield(s[:size], columns) {
				return
			}
			s = s[size:]
		}
	}
}

// character returns the size of a text's first character in bytes, and its columns.
func character(s string) (size, columns int) {
	const joiner, asEmoji = '\u200d', '\ufe0f'
	r, size := utf8.DecodeRuneInString(s)
	columns = runeColumns(r)
	joined, flag := false, isFlag(r)
	for size < len(s) {
		next, n := utf8.DecodeRuneInString(s[size:])
		switch {
		case joined && runeColumns(next) > 0, flag && isFlag(next):
			joined, flag, columns = false, false, 2
		case next == joiner && columns == 2:
			joined = true
		case next == asEmoji:
			columns = 2
		case runeColumns(next) == 0, unicode.Is(skinTones, next):
		default:
			return size, columns
		}
		size += n
	}
	return size, columns
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	default:
		return 1
	}
}

// isFlag reports whether r is a regional indicator. Two of them form a flag.
func isFlag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

var skinTones = &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0x1f3fb, Hi: 0x1f3ff, Stride: 1}}}

// wide contains the characters with two columns: East Asian characters and emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x231a, Hi: 0x231b, Stride: 1},
		{Lo: 0x23e9, Hi: 0x23ec, Stride: 1},
		{Lo: 0x23f0, Hi: 0x23f3, Stride: 3},
		{Lo: 0x25fd, Hi: 0x25fe, Stride: 1},
		{Lo: 0x2614, Hi: 0x2615, Stride: 1},
		{Lo: 0x2648, Hi: 0x2653, Stride: 1},
		{Lo: 0x267f, Hi: 0x2693, Stride: 0x14},
		{Lo: 0x26a1, Hi: 0x26a1, Stride: 1},
		{Lo: 0x26aa, Hi: 0x26ab, Stride: 1},
		{Lo: 0x26bd, Hi: 0x26be, Stride: 1},
		{Lo: 0x26c4, Hi: 0x26c5, Stride: 1},
		{Lo: 0x26ce, Hi: 0x26d4, Stride: 6},
		{Lo: 0x26ea, Hi: 0x26ea, Stride: 1},
		{Lo: 0x26f2, Hi: 0x26f3, Stride: 1},
		{Lo: 0x26f5, Hi: 0x26fa, Stride: 5},
		{Lo: 0x26fd, Hi: 0x26fd, Stride: 1},
		{Lo: 0x2705, Hi: 0x2705, Stride: 1},
		{Lo: 0x270a, Hi: 0x270b, Stride: 1},
		{Lo: 0x2728, Hi: 0x2728, Stride: 1},
		{Lo: 0x274c, Hi: 0x274e, Stride: 2},
		{Lo: 0x2753, Hi: 0x2755, Stride: 1},
		{Lo: 0x2757, Hi: 0x2757, Stride: 1},
		{Lo: 0x2795, Hi: 0x2797, Stride: 1},
		{Lo: 0x27b0, Hi: 0x27bf, Stride: 15},
		{Lo: 0x2b1b, Hi: 0x2b1c, Stride: 1},
		{Lo: 0x2b50, Hi: 0x2b55, Stride: 5},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0x4dbf, Stride: 1},
		{Lo: 0x4e00, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff01, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x16fe0, Hi: 0x18aff, Stride: 1},
		{Lo: 0x1b000, Hi: 0x1b2ff, Stride: 1},
		{Lo: 0x1f004, Hi: 0x1f004, Stride: 1},
		{Lo: 0x1f0cf, Hi: 0x1f0cf, Stride: 1},
		{Lo: 0x1f18e, Hi: 0x1f18e, Stride: 1},
		{Lo: 0x1f191, Hi: 0x1f19a, Stride: 1},
		{Lo: 0x1f200, Hi: 0x1f320, Stride: 1},
		{Lo: 0x1f32d, Hi: 0x1f335, Stride: 1},
		{Lo: 0x1f337, Hi: 0x1f37c, Stride: 1},
		{Lo: 0x1f37e, Hi: 0x1f393, Stride: 1},
		{Lo: 0x1f3a0, Hi: 0x1f3ca, Stride: 1},
		{Lo: 0x1f3cf, Hi: 0x1f3d3, Stride: 1},
		{Lo: 0x1f3e0, Hi: 0x1f3f0, Stride: 1},
		{Lo: 0x1f3f4, Hi: 0x1f3f4, Stride: 1},
		{Lo: 0x1f3f8, Hi: 0x1f43e, Stride: 1},
		{Lo: 0x1f440, Hi: 0x1f440, Stride: 1},
		{Lo: 0x1f442, Hi: 0x1f4fc, Stride: 1},
		{Lo: 0x1f4ff, Hi: 0x1f53d, Stride: 1},
		{Lo: 0x1f54b, Hi: 0x1f54e, Stride: 1},
		{Lo: 0x1f550, Hi: 0x1f567, Stride: 1},
		{Lo: 0x1f57a, Hi: 0x1f57a, Stride: 1},
		{Lo: 0x1f595, Hi: 0x1f596, Stride: 1},
		{Lo: 0x1f5a4, Hi: 0x1f5a4, Stride: 1},
		{Lo: 0x1f5fb, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6c5, Stride: 1},
		{Lo: 0x1f6cc, Hi: 0x1f6cc, Stride: 1},
		{Lo: 0x1f6d0, Hi: 0x1f6d2, Stride: 1},
		{Lo: 0x1f6d5, Hi: 0x1f6df, Stride: 1},
		{Lo: 0x1f6eb, Hi: 0x1f6ec, Stride: 1},
		{Lo: 0x1f6f4, Hi: 0x1f6fc, Stride: 1},
		{Lo: 0x1f7e0, Hi: 0x1f7f0, Stride: 1},
		{Lo: 0x1f90c, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x1fa70, Hi: 0x1faff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}
