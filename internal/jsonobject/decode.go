package jsonobject

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// maxElements limits the total number of objects, list elements, map entries and unknown
// keys in a body. Without it, a small body could decode to a very large value. A page of
// 100 large objects has a few thousand elements.
const maxElements = 100_000

// maxPooled limits the capacity of the list of strings that a pooled decoder retains.
const maxPooled = 10_000

// Decode decodes a body that contains one JSON object into a T, a struct that embeds an
// [Object]. The result does not refer to the body.
func Decode[T any](body []byte) (*T, error) {
	v := new(T)
	d, err := newDecoder(body, v)
	if err != nil {
		return nil, err
	}
	defer d.free()
	return v, d.decodeBody(reflect.ValueOf(v).Elem())
}

// DecodeList decodes a body that contains an array of JSON objects, each into a T as
// [Decode] does. The elements of the result are never nil.
func DecodeList[T any](body []byte) ([]*T, error) {
	d, err := newDecoder(body, new(T))
	if err != nil {
		return nil, err
	}
	defer d.free()
	if err := d.checkKind('[', "array"); err != nil {
		return nil, err
	}
	t := d.stateOf(reflect.TypeFor[T]())
	items := make([]*T, 0, t.length)
	for more := d.enter(']'); more; more = d.more(']') {
		if err := d.checkKind('{', "object"); err != nil {
			return nil, fmt.Errorf("element %d: %w", len(items), err)
		}
		v := new(T)
		if d.object(t, reflect.ValueOf(v).Elem()); d.invalid {
			return nil, fmt.Errorf("element %d: %w", len(items), d.end())
		}
		items = append(items, v)
	}
	t.expect(len(items))
	return items, d.end()
}

// Unmarshal decodes one JSON object into v, a pointer to a struct that embeds an
// [Object]. Fields whose keys are absent from data keep their values. If data is null,
// Unmarshal does nothing. A struct can implement [json.Unmarshaler] by calling it.
func Unmarshal(data []byte, v any) error {
	d, err := newDecoder(data, v)
	if err != nil {
		return err
	}
	defer d.free()
	if d.peek() == 'n' {
		d.literal("null")
		return d.end()
	}
	return d.decodeBody(reflect.ValueOf(v).Elem())
}

// decoder decodes objects. If a value does not fit its field, the decoder stores its JSON
// as an extra and leaves the field zero. Only invalid JSON and too many elements are
// errors.
type decoder struct {
	scanner
	types    map[reflect.Type]*typeState
	elements int // Number of objects, list elements, map entries and unknown keys: see maxElements.

	// A cache of short strings from this body and from earlier ones, which may be responses to
	// other clients, because most short strings are repeated.
	cache [1 << cacheBits]string

	list []string // A buffer for lists of strings.
}

// typeState is the state of a decoder for one type.
type typeState struct {
	*layout

	// next[i] is the field that followed field i in the last object. The element after
	// them is the first field of the last object.
	next []int

	inner  []*typeState // For each field that contains objects; nil until it is first decoded.
	length int          // The length of the last array.
	shared []sharedObject
	oldest int // The index of the next entry of shared to replace when it is full.
}

// sharedObject is an object that was decoded before, and its JSON.
type sharedObject struct {
	raw     []byte
	pointer reflect.Value
}

// maxShared limits the number of objects of a type that are compared with each new one.
// Most lists have few different objects, and equal ones are close to each other.
const maxShared = 32

const (
	cacheBits = 9  // The size of decoder.cache, in bits of its index.
	maxCached = 32 // The maximum length of the strings in decoder.cache.
)

var decoders = sync.Pool{New: func() any {
	return &decoder{types: make(map[reflect.Type]*typeState)}
}}

// newDecoder returns a decoder for body. It returns an error if v is not a pointer to a
// struct that embeds an Object.
func newDecoder(body []byte, v any) (*decoder, error) {
	if err := checkPointer(v); err != nil {
		return nil, err
	}
	d := decoders.Get().(*decoder)
	d.scanner = scanner{body: body}
	return d, nil
}

func checkPointer(v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || !embedsObject(p.Type().Elem()) {
		return fmt.Errorf("%T is not a pointer to a struct that embeds a jsonobject.Object", v)
	}
	return nil
}

func (d *decoder) free() {
	for _, t := range d.types {
		clear(t.shared)
		t.shared, t.oldest = t.shared[:0], 0
	}
	if cap(d.list) > maxPooled {
		d.list = nil
	}
	clear(d.list[:cap(d.list)]) // Its strings may be as long as a body.
	d.scanner, d.elements = scanner{}, 0
	decoders.Put(d)
}

// count adds n elements. It stops decoding if there are more than maxElements.
func (d *decoder) count(n int) {
	if d.elements += n; d.elements > maxElements {
		d.fail()
	}
}

func (d *decoder) stateOf(rt reflect.Type) *typeState {
	t := d.types[rt]
	if t == nil {
		l := layoutOf(rt)
		t = &typeState{layout: l, next: make([]int, len(l.fields)+1), inner: make([]*typeState, len(l.fields))}
		d.types[rt] = t
	}
	return t
}

// innerOf returns the state for the type of the objects in field i.
func (d *decoder) innerOf(t *typeState, i int) *typeState {
	if t.inner[i] == nil {
		t.inner[i] = d.stateOf(t.fields[i].inner)
	}
	return t.inner[i]
}

// expect records the length of an array, because the next array is often as long.
func (t *typeState) expect(length int) { t.length = min(length, 100) }

// decodeBody decodes a body that contains one object.
func (d *decoder) decodeBody(v reflect.Value) error {
	if err := d.checkKind('{', "object"); err != nil {
		return err
	}
	d.object(d.stateOf(v.Type()), v)
	return d.end()
}

// checkKind returns an error if the next value does not begin with kind.
func (d *decoder) checkKind(kind byte, name string) error {
	switch got := kindName(d.peek()); {
	case d.peek() == kind:
		return nil
	case d.pos == len(d.body) && d.depth == 0:
		return errors.New("the body is empty")
	case got == "":
		d.fail()
		return d.end()
	default:
		return fmt.Errorf("a JSON %s where an %s was expected", got, name)
	}
}

// end returns an error if the body was not valid JSON, or if data follows the value.
func (d *decoder) end() error {
	if d.elements > maxElements {
		return fmt.Errorf("more than %d elements in all its objects and lists: for a list, use a smaller PerPage", maxElements)
	}
	if d.invalid {
		return syntaxError(d.body)
	}
	if d.peek(); d.pos < len(d.body) {
		return fmt.Errorf("unexpected data after the JSON value, at byte %d", d.pos+1)
	}
	return nil
}

// syntaxError returns the error of encoding/json for an invalid body, with its position.
func syntaxError(body []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(body, &raw)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("invalid JSON at byte %d: %w", syntax.Offset, err)
	}
	if err == nil {
		err = errors.New("invalid JSON")
	}
	return err
}

func (d *decoder) object(t *typeState, v reflect.Value) {
	d.count(1)
	o := objectOf(v)
	o.present |= decoded
	extras := o.extras()
	last := len(t.fields)
	for more := d.enter('}'); more; more = d.more('}') {
		i, name := d.key(t, last)
		if i >= 0 {
			last = i
		}
		c := d.peek()
		start := d.pos
		switch {
		case i < 0:
			d.skip()
		case d.field(c, o, t, i, v):
			if len(extras.list) > 0 { // There are rarely any, and this is done for each field.
				extras.drop(t.fields[i].name)
			}
			continue
		default:
			name = t.fields[i].name
		}
		if d.count(1); d.invalid {
			return
		}
		extras.keep(name, d.body[start:d.pos])
	}
	o.setExtras(extras)
}

// key reads a key of an object. It returns the index of the field with that key, or -1 and
// the key if there is no such field. last is the index of the previous field.
func (d *decoder) key(t *typeState, last int) (int, string) {
	// Objects of a type nearly always have their keys in the same order.
	if i := t.next[last]; i < len(t.fields) && d.skipPrefix(t.fields[i].key) {
		return i, ""
	}
	raw, plain := d.name()
	if !plain {
		raw = []byte(unquote(raw)) // An escaped key may be the key of a field.
	}
	i, ok := t.byName[string(raw)]
	if !ok {
		return -1, string(raw)
	}
	t.next[last] = i
	return i, ""
}

// field decodes the next value, which begins with c, into field i of v. If the value does
// not fit, it returns false and leaves the field zero.
func (d *decoder) field(c byte, o *Object, t *typeState, i int, v reflect.Value) bool {
	f := &t.fields[i]
	fv := v.Field(f.index)
	if c == 'n' {
		d.literal("null")
		fv.SetZero()
		o.present |= 1 << i
		o.null |= 1 << i
		return true
	}
	o.null &^= 1 << i
	if !d.value(c, t, i, fv) {
		fv.SetZero()
		o.present &^= 1 << i // An earlier value of this key may have fit.
		return false
	}
	o.present |= 1 << i
	return true
}
