package jsonobject

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
)

// value reads the next value, which begins with c, into v, the ith field of a type.
// It reports false, with the value read, where that does not fit.
func (d *decoder) value(c byte, k *known, i int, v reflect.Value) bool {
	f := &k.fields[i]
	if f.kind == object {
		return d.pointer(c, d.innerOf(k, i), f.inner, v)
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
		return d.objects(c, d.innerOf(k, i), v)
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

// pointer reads an object and makes v point to it. Where the same bytes were read
// before, and the type is shared, it is their object again.
func (d *decoder) pointer(c byte, k *known, t reflect.Type, v reflect.Value) bool {
	if c != '{' {
		d.skip()
		return false
	}
	start := d.pos
	for i := range k.read {
		// An object's bytes end with its own brace, so an equal prefix is an equal object.
		if s := &k.read[i]; bytes.HasPrefix(d.body[start:], s.raw) {
			v.Set(s.pointer)
			d.pos += len(s.raw)
			return true
		}
	}
	p := reflect.New(t)
	v.Set(p)
	if d.object(k, p.Elem()); d.broken {
		return false
	}
	if k.shared {
		k.share(sharedObject{raw: d.body[start:d.pos], pointer: p})
	}
	return true
}

func (k *known) share(s sharedObject) {
	if len(k.read) < maxShared {
		k.read = append(k.read, s)
		return
	}
	k.read[k.oldest%maxShared] = s
	k.oldest++
}

// objects reads an array of objects. One element of another kind makes the whole of it
// a value that does not fit.
func (d *decoder) objects(c byte, k *known, v reflect.Value) bool {
	if c != '[' {
		d.skip()
		return false
	}
	n, fits := 0, true
	v.SetZero() // What was there may be held by a copy of the struct.
	for more := d.enter(']'); more; more = d.more(']') {
		if d.peek() != '{' {
			fits = false
			d.skip()
			continue
		}
		if n == v.Cap() {
			v.Grow(max(1, k.length-n))
		}
		n++
		v.SetLen(n)
		d.object(k, v.Index(n-1))
	}
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	k.expect(n)
	return fits && !d.broken
}

// readMap reads an object whose values are of one kind.
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
		name := d.say(d.name())
		v, ok := read(d.peek())
		fits = fits && ok
		(*p)[name] = v
	}
	return fits
}

// anything reads an object of any values, as encoding/json does.
func (d *decoder) anything(c byte, p *map[string]any) bool {
	raw := d.skip()
	d.count(elements(raw))
	if c != '{' || d.broken {
		return false
	}
	var m map[string]any // A new one: a copy of the struct may hold the old one.
	err := json.Unmarshal(raw, &m)
	*p = m
	return err == nil
}

// elements returns about how many values valid JSON has: objects, arrays, and the commas
// in them.
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

// The methods below read a value of one kind. They report whether it fits.

func (d *decoder) string(c byte) (string, bool) {
	if c != '"' {
		d.skip()
		return "", false
	}
	return d.say(d.text()), true
}

// say returns what a string says.
func (d *decoder) say(raw []byte, plain bool) string {
	switch {
	case !plain:
		return unquote(raw)
	case len(raw) > maxWord:
		return string(raw)
	}
	word := &d.words[maphash.Bytes(d.seed, raw)%uint64(len(d.words))]
	if *word != string(raw) {
		*word = string(raw)
	}
	return *word
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
	digits, fits := d.digitsOf(c)
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, fits && err == nil
}

func (d *decoder) float(c byte) (float64, bool) {
	digits, fits := d.digitsOf(c)
	f, err := strconv.ParseFloat(string(digits), 64)
	return f, fits && err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// digitsOf returns a number's text. Some servers send numbers as strings.
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

// bytes returns what the next value says, a string.
func (d *decoder) bytes() []byte {
	raw, plain := d.text()
	if !plain {
		raw = []byte(unquote(raw))
	}
	return raw
}

// unquote returns what the inside of a JSON string says. Bytes that are not UTF-8
// become U+FFFD.
func unquote(inner []byte) string {
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	quoted := make([]byte, 0, len(inner)+2)
	quoted = append(append(append(quoted, '"'), inner...), '"')
	var s string
	_ = json.Unmarshal(quoted, &s) // The scanner has checked its syntax.
	return s
}
