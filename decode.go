package gitlabjobs

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxElements bounds the jobs of a page, and the objects in all their lists, so
// that a small body cannot become a large value. GitLab sends at most 100 jobs a
// page.
const maxElements = 100_000

// decodeOne decodes a body that holds one JSON object.
func decodeOne[T any](body []byte) (*T, error) {
	d := newDecoder(body)
	defer d.free()
	v := new(T)
	return v, d.whole(reflect.ValueOf(v).Elem())
}

// decodeList decodes a body that holds an array of JSON objects. Its elements
// are never nil.
func decodeList[T any](body []byte) ([]*T, error) {
	d := newDecoder(body)
	defer d.free()
	if err := d.want('[', "array"); err != nil {
		return nil, err
	}
	k := d.known(reflect.TypeFor[T]())
	items := make([]*T, 0, k.length)
	for more := d.enter(']'); more; more = d.more(']') {
		if len(items) == maxElements {
			return nil, fmt.Errorf("more than %d elements on one page", maxElements)
		}
		if err := d.want('{', "object"); err != nil {
			return nil, fmt.Errorf("element %d: %w", len(items), err)
		}
		v := new(T)
		if d.object(k, reflect.ValueOf(v).Elem()); d.broken {
			return nil, fmt.Errorf("element %d: %w", len(items), d.end())
		}
		items = append(items, v)
	}
	k.expect(len(items))
	return items, d.end()
}

func unmarshalObject(data []byte, v any) error {
	d := newDecoder(data)
	defer d.free()
	if d.peek() == 'n' {
		d.literal("null") // Which changes nothing, as encoding/json asks of an Unmarshaler.
		return d.end()
	}
	return d.whole(reflect.ValueOf(v).Elem())
}

// decoder reads objects leniently: a value that does not fit its field is kept
// as it is, and the field stays zero. Only broken JSON is an error.
type decoder struct {
	scanner
	types    map[reflect.Type]*known
	elements int // Of all arrays of objects so far.

	// Strings that came by, in this answer or in others: most of those that are
	// short come again.
	words [512]string
	seed  maphash.Seed

	list []string // To gather a list of strings in.
}

// known is what a decoder knows of a type.
type known struct {
	*layout
	next   []int // The field that came after each one, last time; at the end, the one that came first.
	length int   // Of the last array.
	shared []sharedObject
	oldest int // The entry of shared to replace once it is full.
}

// sharedObject is an object that was read before, and its bytes.
type sharedObject struct {
	raw   []byte
	value any
}

// maxShared bounds the objects of a type that are compared with each new one. A
// page has few different commits, users and pipelines, mostly one after the other.
const maxShared = 32

// maxWord is how long the strings in decoder.words are at most.
const maxWord = 32

var decoders = sync.Pool{New: func() any {
	return &decoder{types: make(map[reflect.Type]*known), seed: maphash.MakeSeed()}
}}

func newDecoder(body []byte) *decoder {
	d := decoders.Get().(*decoder)
	d.scanner = scanner{body: body}
	return d
}

func (d *decoder) free() {
	for _, k := range d.types {
		clear(k.shared)
		k.shared, k.oldest = k.shared[:0], 0
	}
	d.scanner, d.elements = scanner{}, 0
	decoders.Put(d)
}

func (d *decoder) known(t reflect.Type) *known {
	k := d.types[t]
	if k == nil {
		l := layoutOf(t)
		k = &known{layout: l, next: make([]int, len(l.fields)+1)}
		d.types[t] = k
	}
	return k
}

// expect remembers the length of an array: the next one is often as long.
func (k *known) expect(length int) { k.length = min(length, 100) }

// find returns which field has a name, or -1. last is the field before it.
func (k *known) find(name []byte, last int) int {
	if i := k.next[last]; k.fields[i].name == string(name) {
		return i
	}
	i, ok := k.byName[string(name)]
	if !ok {
		return -1
	}
	k.next[last] = i
	return i
}

// whole reads a body that is one object.
func (d *decoder) whole(v reflect.Value) error {
	if err := d.want('{', "object"); err != nil {
		return err
	}
	d.object(d.known(v.Type()), v)
	return d.end()
}

// want reports, as an error, a next value that is not of the kind asked for.
func (d *decoder) want(kind byte, name string) error {
	switch got := kindName(d.peek()); {
	case d.peek() == kind:
		return nil
	case d.pos == len(d.body):
		return errors.New("the body is empty")
	case got == "":
		d.fail()
		return d.end()
	default:
		return fmt.Errorf("a JSON %s where an %s was expected", got, name)
	}
}

// kindName names the kind of value that a byte begins, if there is one.
func kindName(c byte) string {
	switch {
	case c == '{':
		return "object"
	case c == '[':
		return "array"
	case c == '"':
		return "string"
	case isNumber(c):
		return "number"
	case c == 'n':
		return "null"
	case c == 't', c == 'f':
		return "boolean"
	default:
		return ""
	}
}

func isNumber(c byte) bool { return c == '-' || isDigit(c) }

// end makes sure that all was JSON, and that nothing follows the value.
func (d *decoder) end() error {
	if d.broken {
		// jsontext says what is wrong, and where.
		_, err := jsontext.NewDecoder(bytes.NewReader(d.body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)).ReadValue()
		if err == nil {
			err = errors.New("it is not JSON")
		}
		return err
	}
	if d.peek(); d.pos < len(d.body) {
		return errors.New("more follows the JSON value")
	}
	return nil
}

func (d *decoder) object(k *known, v reflect.Value) {
	o := objectOf(v)
	o.seen |= decoded
	extras := o.extras()
	last := len(k.fields)
	for more := d.enter('}'); more; more = d.more('}') {
		raw, plain := d.name()
		if !plain {
			raw = []byte(unquote(raw)) // It may be a known one, escaped.
		}
		i := k.find(raw, last)
		d.peek()
		start := d.pos
		switch {
		case i < 0:
			d.skip()
		case d.field(o, i, v.Field(k.fields[i].index)):
			last = i
			extras.drop(k.fields[i].name)
			continue
		default:
			last = i
		}
		if d.broken {
			return
		}
		extras.keep(string(raw), d.body[start:d.pos])
	}
	o.setExtras(extras)
}

// field reads the next value into a field. It reports false, and leaves the
// field zero, where the value does not fit.
func (d *decoder) field(o *object, i int, v reflect.Value) bool {
	c := d.peek()
	if c == 'n' {
		d.literal("null")
		v.SetZero()
		o.seen |= 1 << i
		o.null |= 1 << i
		return true
	}
	if !d.value(c, v.Addr().Interface()) {
		v.SetZero()
		return false
	}
	o.seen |= 1 << i
	o.null &^= 1 << i
	return true
}

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
	default: // Free-form values.
		return json.Unmarshal(d.skip(), p, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) == nil
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
		if d.peek() != '{' || d.elements == maxElements {
			fits = false
			d.skip()
			continue
		}
		d.elements++
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
	*p = make(map[string]T)
	for more := d.enter('}'); more; more = d.more('}') {
		raw, plain := d.name()
		var v T
		fits = read(d.peek(), &v) && fits
		(*p)[d.say(raw, plain)] = v
	}
	return fits
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
