package gitlabjobs

import (
	"bytes"
	"hash/maphash"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// value reads the next value, which begins with c, into what p points to. It
// reports false, with the value read, where that does not fit.
func (d *decoder) value(c byte, p any) bool {
	switch p := p.(type) {
	case *string:
		return d.string(c, p)
	case *Status:
		return d.string(c, (*string)(p))
	case *FailureReason:
		return d.string(c, (*string)(p))
	case **string:
		*p = new(string)
		return d.string(c, *p)
	case *bool:
		return d.bool(c, p)
	case **bool:
		*p = new(bool)
		return d.bool(c, *p)
	case *int64:
		return d.int(c, p)
	case **int64:
		*p = new(int64)
		return d.int(c, *p)
	case **float64:
		*p = new(float64)
		return d.float(c, *p)
	case *time.Time:
		return d.time(c, p)
	case *[]string:
		return d.strings(c, p)
	case **Commit:
		return sharedInto(d, c, p)
	case **User:
		return sharedInto(d, c, p)
	case **Pipeline:
		return sharedInto(d, c, p)
	case **Runner:
		return sharedInto(d, c, p)
	case **RunnerManager:
		return sharedInto(d, c, p)
	case **JobProject:
		return sharedInto(d, c, p)
	case **ArtifactsFile:
		return objectInto(d, c, p)
	case **AgentJob:
		return objectInto(d, c, p)
	case **AgentProject:
		return objectInto(d, c, p)
	case **JobEnvironment:
		return objectInto(d, c, p)
	case *[]Artifact:
		return objectsInto(d, c, p)
	case *[]AllowedAgent:
		return objectsInto(d, c, p)
	case *[]AgentGroup:
		return objectsInto(d, c, p)
	case *map[string]string:
		return mapInto(d, c, p, d.string)
	case *map[string][]string:
		return mapInto(d, c, p, d.strings)
	case *map[string]any:
		return mapInto(d, c, p, d.any)
	default: // No field of this package has another type.
		d.skip()
		return false
	}
}

// objectInto reads an object of its own.
func objectInto[T any](d *decoder, c byte, p **T) bool {
	if c != '{' {
		d.skip()
		return false
	}
	*p = new(T)
	d.object(d.known(reflect.TypeFor[T]()), reflect.ValueOf(*p).Elem())
	return !d.broken
}

// sharedInto reads an object that GitLab repeats from job to job: where the
// same bytes were read before, their object serves again.
func sharedInto[T any](d *decoder, c byte, p **T) bool {
	k := d.known(reflect.TypeFor[T]())
	start := d.pos
	for _, s := range k.shared {
		// An object's bytes end with its own brace, so an equal prefix is an equal object.
		if bytes.HasPrefix(d.body[start:], s.raw) {
			*p = s.value.(*T)
			d.pos += len(s.raw)
			return true
		}
	}
	if !objectInto(d, c, p) {
		return false
	}
	s := sharedObject{raw: d.body[start:d.pos], value: *p}
	if len(k.shared) < maxShared {
		k.shared = append(k.shared, s)
	} else {
		k.shared[k.oldest%maxShared] = s
		k.oldest++
	}
	return true
}

// objectsInto reads an array of objects. One element of another kind makes the
// whole of it a value that does not fit.
func objectsInto[T any](d *decoder, c byte, p *[]T) bool {
	if c != '[' {
		d.skip()
		return false
	}
	k := d.known(reflect.TypeFor[T]())
	items, fits := []T{}, true
	for more := d.enter(']'); more; more = d.more(']') {
		if d.peek() != '{' {
			fits = false
			d.skip()
			continue
		}
		if len(items) == 0 {
			items = slices.Grow(items, k.length)
		}
		items = append(items, *new(T))
		d.object(k, reflect.ValueOf(&items[len(items)-1]).Elem())
	}
	k.expect(len(items))
	*p = items
	return fits && !d.broken
}

// The functions below read a value of one kind. They report whether it fits.

func (d *decoder) string(c byte, p *string) bool {
	if c != '"' {
		d.skip()
		return false
	}
	raw, plain := d.text()
	*p = d.say(raw, plain)
	return true
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

func (d *decoder) strings(c byte, p *[]string) bool {
	if c != '[' {
		d.skip()
		return false
	}
	fits := true
	d.list = d.list[:0]
	for more := d.enter(']'); more; more = d.more(']') {
		d.count()
		var s string
		fits = d.string(d.peek(), &s) && fits
		d.list = append(d.list, s)
	}
	*p = append([]string{}, d.list...)
	return fits
}

// mapInto reads an object whose values are of one kind.
func mapInto[T any](d *decoder, c byte, p *map[string]T, read func(byte, *T) bool) bool {
	if c != '{' {
		d.skip()
		return false
	}
	fits := true
	d.count()
	*p = make(map[string]T)
	for more := d.enter('}'); more; more = d.more('}') {
		d.count()
		raw, plain := d.name()
		var v T
		fits = read(d.peek(), &v) && fits
		(*p)[d.say(raw, plain)] = v
	}
	return fits
}

// any reads a value of any kind, as encoding/json reads it into an any.
func (d *decoder) any(c byte, p *any) bool {
	switch {
	case c == '{':
		var m map[string]any
		fits := mapInto(d, c, &m, d.any)
		*p = m
		return fits
	case c == '[':
		list, fits := []any{}, true
		d.count()
		for more := d.enter(']'); more; more = d.more(']') {
			d.count()
			var v any
			fits = d.any(d.peek(), &v) && fits
			list = append(list, v)
		}
		*p = list
		return fits
	case c == '"':
		var s string
		d.string(c, &s)
		*p = s
	case c == 't', c == 'f':
		d.skip()
		*p = c == 't'
	case isNumber(c):
		var f float64
		fits := d.float(c, &f)
		*p = f
		return fits
	default: // null
		d.skip()
	}
	return true
}

func (d *decoder) bool(c byte, p *bool) bool {
	d.skip()
	*p = c == 't'
	return c == 't' || c == 'f'
}

func (d *decoder) int(c byte, p *int64) bool {
	digits, fits := d.digitsOf(c)
	n, err := strconv.ParseInt(string(digits), 10, 64)
	*p = n
	return fits && err == nil
}

func (d *decoder) float(c byte, p *float64) bool {
	digits, fits := d.digitsOf(c)
	f, err := strconv.ParseFloat(string(digits), 64)
	*p = f
	return fits && err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// digitsOf returns a number's text. Older servers send some numbers as strings.
func (d *decoder) digitsOf(c byte) ([]byte, bool) {
	if c != '"' {
		return d.skip(), isNumber(c)
	}
	raw, plain := d.text()
	if !plain {
		raw = []byte(unquote(raw))
	}
	return raw, true
}

func (d *decoder) time(c byte, p *time.Time) bool {
	if c != '"' {
		d.skip()
		return false
	}
	raw, plain := d.text()
	if !plain {
		raw = []byte(unquote(raw))
	}
	t, err := time.Parse(time.RFC3339, string(raw))
	*p = t
	return err == nil
}

// unquote returns what the inside of a JSON string says. Bytes that are not UTF-8
// become U+FFFD.
func unquote(inner []byte) string {
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	s, _ := jsontext.AppendUnquote(nil, `"`+string(inner)+`"`) // The scanner has checked its syntax.
	return string(s)
}
