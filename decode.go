package gitlabjobs

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"sync"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// maxElements bounds the objects, list elements, map entries and unknown keys of a
// body, all counted together, so that a small body cannot become a large value. A
// page of 100 jobs has a few thousand.
const maxElements = 100_000

// maxPooled bounds the bytes of each buffer that a pooled value keeps.
const maxPooled = 1 << 20

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
	elements int // Objects, list elements, map entries and unknown keys so far: see maxElements.

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
	if cap(d.list)*int(unsafe.Sizeof("")) > maxPooled {
		d.list = nil
	}
	clear(d.list[:cap(d.list)]) // A string in it may be as long as a body.
	d.scanner, d.elements = scanner{}, 0
	decoders.Put(d)
}

// count counts an element. One too many ends the decoding.
func (d *decoder) count() {
	if d.elements++; d.elements > maxElements {
		d.fail()
	}
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
	if d.elements > maxElements {
		return fmt.Errorf("more than %d elements in all its objects and lists: for a list, use a smaller PerPage", maxElements)
	}
	if d.broken {
		// jsontext says what is wrong, and where.
		_, err := jsontext.NewDecoder(bytes.NewBuffer(d.body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)).ReadValue()
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
	d.count()
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
		if d.count(); d.broken {
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
