package jsonobject

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"reflect"
	"sync"
)

// maxElements bounds the objects, list elements, map entries and unknown keys of a
// body, all counted together, so that a small body cannot become a large value. A
// page of 100 large objects has a few thousand.
const maxElements = 100_000

// maxPooled bounds the list of strings that a pooled decoder keeps.
const maxPooled = 10_000

// Decode decodes a body that holds one JSON object into a T, a struct that embeds an
// [Object]. The result keeps nothing of the body.
func Decode[T any](body []byte) (*T, error) {
	v := new(T)
	d, err := newDecoder(body, v)
	if err != nil {
		return nil, err
	}
	defer d.free()
	return v, d.whole(reflect.ValueOf(v).Elem())
}

// DecodeList decodes a body that holds an array of JSON objects, each into a T as
// [Decode] does. Its elements are never nil.
func DecodeList[T any](body []byte) ([]*T, error) {
	d, err := newDecoder(body, new(T))
	if err != nil {
		return nil, err
	}
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

// Unmarshal decodes one JSON object into v, a pointer to a struct that embeds an
// [Object]. What has no key in data keeps its value, and null changes nothing, as
// [json.Unmarshaler] asks: a struct's UnmarshalJSON needs no more than this.
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
	return d.whole(reflect.ValueOf(v).Elem())
}

// decoder reads objects leniently: a value that does not fit its field is kept
// as it is, and the field stays zero. Only broken JSON is an error.
type decoder struct {
	scanner
	types    map[reflect.Type]*known
	elements int // Objects, list elements, map entries and unknown keys so far: see maxElements.

	// Strings that came by, in this body or in others: most of those that are
	// short come again.
	words [512]string
	seed  maphash.Seed

	list []string // To gather a list of strings in.
}

// known is what a decoder knows of a type.
type known struct {
	*layout
	next   []int    // The field that came after each one, last time; at the end, the one that came first.
	inner  []*known // Of each field that holds objects, once it has come.
	length int      // Of the last array.
	read   []sharedObject
	oldest int // The entry of read to replace once it is full.
}

// sharedObject is an object that was read before, and its bytes.
type sharedObject struct {
	raw     []byte
	pointer reflect.Value
}

// maxShared bounds the objects of a type that are compared with each new one. A
// list repeats few different ones, mostly one after the other.
const maxShared = 32

// maxWord is how long the strings in decoder.words are at most.
const maxWord = 32

var decoders = sync.Pool{New: func() any {
	return &decoder{types: make(map[reflect.Type]*known), seed: maphash.MakeSeed()}
}}

// newDecoder returns a decoder of a body into v.
func newDecoder(body []byte, v any) (*decoder, error) {
	if err := checkHolder(v); err != nil {
		return nil, err
	}
	d := decoders.Get().(*decoder)
	d.scanner = scanner{body: body}
	return d, nil
}

func checkHolder(v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() || !holds(p.Type().Elem()) {
		return fmt.Errorf("%T is not a pointer to a struct that embeds a jsonobject.Object: give one", v)
	}
	return nil
}

func (d *decoder) free() {
	for _, k := range d.types {
		clear(k.read)
		k.read, k.oldest = k.read[:0], 0
	}
	if cap(d.list) > maxPooled {
		d.list = nil
	}
	clear(d.list[:cap(d.list)]) // A string in it may be as long as a body.
	d.scanner, d.elements = scanner{}, 0
	decoders.Put(d)
}

// count counts an element, or several. One too many ends the decoding.
func (d *decoder) count(n int) {
	if d.elements += n; d.elements > maxElements {
		d.fail()
	}
}

func (d *decoder) known(t reflect.Type) *known {
	k := d.types[t]
	if k == nil {
		l := layoutOf(t)
		k = &known{layout: l, next: make([]int, len(l.fields)+1), inner: make([]*known, len(l.fields))}
		d.types[t] = k
	}
	return k
}

// innerOf returns what is known of the objects in field i.
func (d *decoder) innerOf(k *known, i int) *known {
	if k.inner[i] == nil {
		k.inner[i] = d.known(k.fields[i].inner)
	}
	return k.inner[i]
}

// expect remembers the length of an array: the next one is often as long.
func (k *known) expect(length int) { k.length = min(length, 100) }

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

// end makes sure that all was JSON, and that nothing follows the value.
func (d *decoder) end() error {
	if d.elements > maxElements {
		return fmt.Errorf("more than %d elements in all its objects and lists: for a list, use a smaller PerPage", maxElements)
	}
	if d.broken {
		return syntaxError(d.body)
	}
	if d.peek(); d.pos < len(d.body) {
		return fmt.Errorf("more follows the JSON value, from byte %d on", d.pos+1)
	}
	return nil
}

// syntaxError says what is wrong with a broken body, and where, as encoding/json sees it.
func syntaxError(body []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(body, &raw)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("broken JSON at byte %d: %w", syntax.Offset, err)
	}
	if err == nil {
		err = errors.New("it is not JSON")
	}
	return err
}

func (d *decoder) object(k *known, v reflect.Value) {
	d.count(1)
	o := objectOf(v)
	o.seen |= decoded
	extras := o.extras()
	last := len(k.fields)
	for more := d.enter('}'); more; more = d.more('}') {
		i, name := d.key(k, last)
		if i >= 0 {
			last = i
		}
		d.peek()
		start := d.pos
		switch {
		case i < 0:
			d.skip()
		case d.field(o, k, i, v):
			extras.drop(k.fields[i].name)
			continue
		default:
			name = k.fields[i].name
		}
		if d.count(1); d.broken {
			return
		}
		extras.keep(name, d.body[start:d.pos])
	}
	o.setExtras(extras)
}

// key reads a key of an object. It returns the field that has it, or else -1 and the
// key. last is the field before it.
func (d *decoder) key(k *known, last int) (int, string) {
	// Objects of a type come with their keys in the same order, nearly always.
	if i := k.next[last]; i < len(k.fields) && d.follows(k.fields[i].key) {
		return i, ""
	}
	raw, plain := d.name()
	if !plain {
		raw = []byte(unquote(raw)) // It may be a known one, escaped.
	}
	i, ok := k.byName[string(raw)]
	if !ok {
		return -1, string(raw)
	}
	k.next[last] = i
	return i, ""
}

// field reads the next value into field i of v. It reports false, and leaves the
// field zero, where the value does not fit.
func (d *decoder) field(o *Object, k *known, i int, v reflect.Value) bool {
	f := &k.fields[i]
	fv := v.Field(f.index)
	c := d.peek()
	if c == 'n' {
		d.literal("null")
		fv.SetZero()
		o.seen |= 1 << i
		o.null |= 1 << i
		return true
	}
	if !d.value(c, k, i, fv) {
		fv.SetZero()
		return false
	}
	o.seen |= 1 << i
	o.null &^= 1 << i
	return true
}
