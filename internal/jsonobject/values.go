package jsonobject

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// value decodes the next value into v, the field i of a struct. The value begins with c. If
// the value does not fit, it skips the value and returns false.
func (d *decoder) value(c byte, t *typeState, i int, v reflect.Value) bool {
	f := &t.fields[i]
	if f.kind == object {
		return d.pointer(c, d.innerOf(t, i), f.inner, v)
	}
	if f.pointer {
		p := reflect.New(v.Type().Elem())
		v.Set(p)
		v = p.Elem()
	}
	switch f.kind {
	case text:
		s, fits := d.string(c)
		v.SetString(s)
		return fits
	case boolean:
		d.skip()
		v.SetBool(c == 't')
		return c == 't' || c == 'f'
	case integer:
		n, fits := d.int(c)
		v.SetInt(n)
		return fits
	case float:
		n, fits := d.float(c)
		v.SetFloat(n)
		return fits
	case timestamp:
		return d.time(c, v.Addr().Interface().(*time.Time))
	case texts:
		list, fits := d.strings(c)
		*v.Addr().Interface().(*[]string) = list
		return fits
	case objects:
		return d.objects(c, d.innerOf(t, i), v)
	case textMap:
		return readMap(d, c, v.Addr().Interface().(*map[string]string), d.string)
	case textsMap:
		return readMap(d, c, v.Addr().Interface().(*map[string][]string), d.strings)
	case anyMap:
		return d.anything(c, v.Addr().Interface().(*map[string]any))
	default:
		d.skip()
		return false
	}
}

// pointer decodes an object and sets v to a pointer to it. If the type is shared and an
// object with the same bytes was decoded before, v points to that object.
func (d *decoder) pointer(c byte, t *typeState, rt reflect.Type, v reflect.Value) bool {
	if c != '{' {
		d.skip()
		return false
	}
	start := d.pos
	for i := range t.shared {
		// raw ends with the closing brace, so a body with the prefix raw begins with an
		// equal object.
		if s := &t.shared[i]; bytes.HasPrefix(d.body[start:], s.raw) {
			v.Set(s.pointer)
			d.pos += len(s.raw)
			return true
		}
	}
	p := reflect.New(rt)
	v.Set(p)
	if d.object(t, p.Elem()); d.invalid {
		return false
	}
	if t.isShared {
		t.share(sharedObject{raw: d.body[start:d.pos], pointer: p})
	}
	return true
}

func (t *typeState) share(s sharedObject) {
	if len(t.shared) < maxShared {
		t.shared = append(t.shared, s)
		return
	}
	t.shared[t.oldest%maxShared] = s
	t.oldest++
}

// objects decodes an array of objects. If an element is not an object, the array does not
// fit.
func (d *decoder) objects(c byte, t *typeState, v reflect.Value) bool {
	if c != '[' {
		d.skip()
		return false
	}
	n, fits := 0, true
	v.SetZero() // A copy of the struct may still use the old array.
	for more := d.enter(']'); more; more = d.more(']') {
		if d.peek() != '{' {
			fits = false
			d.skip()
			continue
		}
		if n == v.Cap() {
			v.Grow(max(1, t.length-n))
		}
		n++
		v.SetLen(n)
		d.object(t, v.Index(n-1))
	}
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	t.expect(n)
	return fits && !d.invalid
}

// readMap decodes an object whose values have one type, and decodes each value with read.
func readMap[T any](d *decoder, c byte, p *map[string]T, read func(byte) (T, bool)) bool {
	if c != '{' {
		d.skip()
		return false
	}
	fits := true
	d.count(1)
	*p = make(map[string]T)
	for more := d.enter('}'); more; more = d.more('}') {
		d.count(1)
		name := d.stringOf(d.name())
		v, ok := read(d.peek())
		fits = fits && ok
		(*p)[name] = v
	}
	return fits
}

// anything decodes an object with values of any type, as encoding/json does.
func (d *decoder) anything(c byte, p *map[string]any) bool {
	raw := d.skip()
	d.count(elements(raw))
	if c != '{' || d.invalid {
		return false
	}
	var m map[string]any // A new one: a copy of the struct may hold the old one.
	err := json.Unmarshal(raw, &m)
	*p = m
	return err == nil
}

// elements estimates the number of values in valid JSON: it counts objects, arrays and
// commas.
func elements(raw []byte) (n int) {
	for s := (scanner{body: raw}); s.pos < len(raw); {
		switch raw[s.pos] {
		case '"':
			s.text()
			continue
		case ',', '{', '[':
			n++
		}
		s.pos++
	}
	return n
}

// Each of the methods below reads a value of one type, and reports whether it fits.

func (d *decoder) string(c byte) (string, bool) {
	if c != '"' {
		d.skip()
		return "", false
	}
	return d.stringOf(d.text()), true
}

// stringOf returns the value of a string, from the cache if the string is short.
func (d *decoder) stringOf(raw []byte, plain bool) string {
	switch {
	case !plain:
		return unquote(raw)
	case len(raw) > maxCached:
		return string(raw)
	}
	cached := &d.cache[hash(raw)]
	if *cached != string(raw) {
		*cached = string(raw)
	}
	return *cached
}

// hash returns the index of a string in decoder.cache, from its length, its first eight
// bytes and its last eight bytes. Strings with the same index only replace each other, so
// it is fast rather than strong.
func hash(b []byte) uint64 {
	h := uint64(len(b))
	if len(b) >= 8 {
		h += binary.LittleEndian.Uint64(b) + 3*binary.LittleEndian.Uint64(b[len(b)-8:])
	} else {
		for _, c := range b {
			h = h<<8 + uint64(c)
		}
	}
	// The highest bits of the product depend on all bits of h. The factor is 2⁶⁴ divided by the
	// golden ratio, which distributes similar numbers evenly.
	return h * 0x9e37_79b9_7f4a_7c15 >> (64 - cacheBits)
}

func (d *decoder) strings(c byte) ([]string, bool) {
	if c != '[' {
		d.skip()
		return nil, false
	}
	fits := true
	d.list = d.list[:0]
	for more := d.enter(']'); more; more = d.more(']') {
		d.count(1)
		s, ok := d.string(d.peek())
		fits = fits && ok
		d.list = append(d.list, s)
	}
	return append([]string{}, d.list...), fits
}

func (d *decoder) int(c byte) (int64, bool) {
	if n, ok := d.shortInt(); ok {
		return n, true
	}
	digits, fits := d.digitsOf(c)
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, fits && err == nil
}

// shortInt reads an integer of 1 to 18 digits, which always fits, if it has no sign and no
// leading zero, and a comma or a brace follows directly. Most integers are like this. For
// any other value, it reads nothing and returns false.
func (d *decoder) shortInt() (n int64, ok bool) {
	rest := d.body[d.pos:min(d.pos+19, len(d.body))]
	for i, c := range rest {
		switch {
		case isDigit(c):
			n = n*10 + int64(c-'0')
		case (c == ',' || c == '}') && i > 0 && rest[0] != '0':
			d.pos += i
			return n, true
		default:
			return 0, false
		}
	}
	return 0, false
}

func (d *decoder) float(c byte) (float64, bool) {
	digits, fits := d.digitsOf(c)
	f, err := strconv.ParseFloat(string(digits), 64)
	return f, fits && err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// digitsOf returns the text of a number, which may be in quotes because some servers send
// numbers as strings.
func (d *decoder) digitsOf(c byte) ([]byte, bool) {
	if c != '"' {
		return d.skip(), isNumber(c)
	}
	return d.bytes(), true
}

func (d *decoder) time(c byte, p *time.Time) bool {
	if c != '"' {
		d.skip()
		return false
	}
	t, err := time.Parse(time.RFC3339, string(d.bytes()))
	*p = t
	return err == nil
}

// bytes reads a string and returns its value.
func (d *decoder) bytes() []byte {
	raw, plain := d.text()
	if !plain {
		raw = []byte(unquote(raw))
	}
	return raw
}

// unquote returns the value of a JSON string. inner is the part between the quotes. Invalid
// UTF-8 is replaced with U+FFFD.
func unquote(inner []byte) string {
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	quoted := `"` + string(inner) + `"`
	s, err := strconv.Unquote(quoted) // Faster than encoding/json, but JSON has two escapes that Go does not have.
	if err != nil {
		_ = json.Unmarshal([]byte(quoted), &s) // The scanner has checked its syntax.
	}
	return s
}
