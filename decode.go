package gitlabjobs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
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
	if err := d.want('{', "object"); err != nil {
		return nil, err
	}
	v := new(T)
	if err := d.object(reflect.ValueOf(v).Elem()); err != nil {
		return nil, err
	}
	return v, d.end()
}

// decodeList decodes a body that holds an array of JSON objects. Its elements
// are never nil.
func decodeList[T any](body []byte) ([]*T, error) {
	d := newDecoder(body)
	defer d.free()
	if err := d.want('[', "array"); err != nil {
		return nil, err
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, err
	}
	items := []*T{}
	for d.dec.PeekKind() != ']' {
		if len(items) == maxElements {
			return nil, fmt.Errorf("more than %d elements on one page", maxElements)
		}
		if err := d.want('{', "object"); err != nil {
			return nil, fmt.Errorf("element %d: %w", len(items), err)
		}
		v := new(T)
		if err := d.object(reflect.ValueOf(v).Elem()); err != nil {
			return nil, fmt.Errorf("element %d: %w", len(items), err)
		}
		items = append(items, v)
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, err
	}
	return items, d.end()
}

func unmarshalObject(data []byte, v any) error {
	d := newDecoder(data)
	defer d.free()
	if d.dec.PeekKind() == 'n' {
		return nil // As encoding/json asks of an Unmarshaler.
	}
	if err := d.want('{', "object"); err != nil {
		return err
	}
	if err := d.object(reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	return d.end()
}

// decoder reads objects leniently: a value that does not fit its field is kept
// as it is, and the field stays zero. Only broken JSON is an error.
type decoder struct {
	dec    *jsontext.Decoder
	src    bytes.Buffer
	body   []byte
	shared []sharedObject
	next   int // The entry of shared to replace once it is full.

	elements int // Of all arrays of objects so far.
}

// sharedObject is an object that was read before, and its bytes.
type sharedObject struct {
	raw   []byte
	value any
}

// maxShared bounds the objects that are compared with each new one. A page has
// few different commits, users and pipelines, mostly one after the other.
const maxShared = 32

var decoders = sync.Pool{New: func() any { return &decoder{dec: new(jsontext.Decoder)} }}

func newDecoder(body []byte) *decoder {
	d := decoders.Get().(*decoder)
	d.body = body
	d.src = *bytes.NewBuffer(body)
	d.dec.Reset(&d.src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return d
}

func (d *decoder) free() {
	clear(d.shared)
	d.shared, d.next, d.elements, d.body = d.shared[:0], 0, 0, nil
	d.src = bytes.Buffer{}
	d.dec.Reset(&d.src) // Lets go of the body.
	decoders.Put(d)
}

// want reports, as an error, a next value that is not of the kind asked for.
func (d *decoder) want(kind jsontext.Kind, name string) error {
	switch got := d.dec.PeekKind(); got {
	case kind:
		return nil
	case 0: // Nothing, or no JSON: the decoder knows which.
		_, err := d.dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return errors.New("the body is empty")
		}
		return err
	default:
		return fmt.Errorf("a JSON %s where an %s was expected", kindName(got), name)
	}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case '0':
		return "number"
	case 'n':
		return "null"
	default:
		return "boolean"
	}
}

// end makes sure that nothing follows the value.
func (d *decoder) end() error {
	if _, err := d.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the JSON value")
	}
	return nil
}

func (d *decoder) object(v reflect.Value) error {
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	o, l := objectOf(v), layoutOf(v.Type())
	o.seen |= decoded
	extras := o.extras()
	for d.dec.PeekKind() != '}' {
		key, err := d.dec.ReadValue()
		if err != nil {
			return err
		}
		i, known := l.byName[string(key[1:len(key)-1])]
		name := ""
		if !known {
			name = unquote(key) // It may be a known one, escaped.
			i, known = l.byName[name]
		}
		if known {
			name = l.fields[i].name
		}
		start := d.start()
		fits := false
		if known {
			fits, err = d.field(o, i, v.Field(l.fields[i].index))
		} else {
			err = d.dec.SkipValue()
		}
		switch {
		case err != nil:
			return err
		case fits:
			extras.drop(name)
		default:
			extras.keep(name, d.body[start:d.dec.InputOffset()])
		}
	}
	o.setExtras(extras)
	_, err := d.dec.ReadToken()
	return err
}

// field reads the next value into a field. It reports false, and leaves the
// field zero, where the value does not fit.
func (d *decoder) field(o *object, i int, v reflect.Value) (bool, error) {
	kind := d.dec.PeekKind()
	if kind == 'n' {
		v.SetZero()
		o.seen |= 1 << i
		o.null |= 1 << i
		return true, d.dec.SkipValue()
	}
	fits, err := d.value(kind, v.Addr().Interface())
	if !fits || err != nil {
		v.SetZero()
		return false, err
	}
	o.seen |= 1 << i
	o.null &^= 1 << i
	return true, nil
}

// start is the offset of the next value's first byte.
func (d *decoder) start() int64 {
	n := d.dec.InputOffset()
	for int(n) < len(d.body) {
		switch d.body[n] {
		case ' ', '\t', '\r', '\n', ',', ':':
			n++
		default:
			return n
		}
	}
	return n
}

// value reads the next value into what p points to. It reports false, with the
// value read, where that does not fit.
func (d *decoder) value(kind jsontext.Kind, p any) (bool, error) {
	switch p := p.(type) {
	case **Commit:
		return sharedInto(d, kind, p)
	case **User:
		return sharedInto(d, kind, p)
	case **Pipeline:
		return sharedInto(d, kind, p)
	case **Runner:
		return sharedInto(d, kind, p)
	case **RunnerManager:
		return sharedInto(d, kind, p)
	case **JobProject:
		return sharedInto(d, kind, p)
	case **ArtifactsFile:
		return objectInto(d, kind, p)
	case **AgentJob:
		return objectInto(d, kind, p)
	case **AgentProject:
		return objectInto(d, kind, p)
	case **JobEnvironment:
		return objectInto(d, kind, p)
	case *[]Artifact:
		return objectsInto(d, kind, p)
	case *[]AllowedAgent:
		return objectsInto(d, kind, p)
	case *[]AgentGroup:
		return objectsInto(d, kind, p)
	}
	raw, err := d.dec.ReadValue()
	if err != nil {
		return false, err
	}
	return scalar(kind, raw, p), nil
}

// objectInto reads an object of its own.
func objectInto[T any](d *decoder, kind jsontext.Kind, p **T) (bool, error) {
	if kind != '{' {
		return false, d.dec.SkipValue()
	}
	*p = new(T)
	return true, d.object(reflect.ValueOf(*p).Elem())
}

// sharedInto reads an object that GitLab repeats from job to job: where the
// same bytes were read before, their object serves again.
func sharedInto[T any](d *decoder, kind jsontext.Kind, p **T) (bool, error) {
	start := d.start()
	for _, s := range d.shared {
		// An object's bytes end with its own brace, so an equal prefix is an equal object.
		if v, ok := s.value.(*T); ok && bytes.HasPrefix(d.body[start:], s.raw) {
			*p = v
			return true, d.dec.SkipValue()
		}
	}
	fits, err := objectInto(d, kind, p)
	if !fits || err != nil {
		return fits, err
	}
	s := sharedObject{raw: d.body[start:d.dec.InputOffset()], value: *p}
	if len(d.shared) < maxShared {
		d.shared = append(d.shared, s)
	} else {
		d.shared[d.next%maxShared] = s
		d.next++
	}
	return true, nil
}

// objectsInto reads an array of objects. One element of another kind makes the
// whole of it a value that does not fit.
func objectsInto[T any](d *decoder, kind jsontext.Kind, p *[]T) (bool, error) {
	if kind != '[' {
		return false, d.dec.SkipValue()
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return false, err
	}
	items, fits := []T{}, true
	for {
		switch k := d.dec.PeekKind(); {
		case k == ']':
			*p = items
			_, err := d.dec.ReadToken()
			return fits, err
		case k != '{' || d.elements == maxElements:
			fits = false
			if err := d.dec.SkipValue(); err != nil {
				return false, err
			}
		default:
			d.elements++
			items = append(items, *new(T))
			if err := d.object(reflect.ValueOf(&items[len(items)-1]).Elem()); err != nil {
				return false, err
			}
		}
	}
}

// scalar sets what p points to from raw, a value of the given kind, and reports
// whether it fits.
func scalar(kind jsontext.Kind, raw []byte, p any) bool {
	switch p := p.(type) {
	case *string:
		return setString(kind, raw, p)
	case *Status:
		return setString(kind, raw, (*string)(p))
	case *FailureReason:
		return setString(kind, raw, (*string)(p))
	case **string:
		*p = new(string)
		return setString(kind, raw, *p)
	case *bool:
		*p = kind == 't'
		return kind == 't' || kind == 'f'
	case **bool:
		b := kind == 't'
		*p = &b
		return kind == 't' || kind == 'f'
	case *int64:
		return setInt(kind, raw, p)
	case **int64:
		*p = new(int64)
		return setInt(kind, raw, *p)
	case **float64:
		*p = new(float64)
		return setFloat(kind, raw, *p)
	case *time.Time:
		var s string
		if !setString(kind, raw, &s) {
			return false
		}
		t, err := time.Parse(time.RFC3339, s)
		*p = t
		return err == nil
	case *[]string, *map[string]string, *map[string][]string:
		return !nullInside(raw) && lenient(raw, p)
	default: // Free-form values.
		return lenient(raw, p)
	}
}

func lenient(raw []byte, p any) bool {
	return json.Unmarshal(raw, p, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) == nil
}

// nullInside reports whether a list or a map of strings holds a null, which a Go
// string can't be told from.
func nullInside(raw []byte) bool {
	if !bytes.Contains(raw, []byte("null")) {
		return false
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return false
		}
		if token.Kind() == 'n' {
			return true
		}
	}
}

func setString(kind jsontext.Kind, raw []byte, p *string) bool {
	if kind != '"' {
		return false
	}
	*p = unquote(raw)
	return true
}

// unquote returns what a JSON string says. Bytes that are not UTF-8 become
// U+FFFD.
func unquote(raw []byte) string {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	s, _ := jsontext.AppendUnquote(nil, raw) // The decoder has checked its syntax.
	return string(s)
}

// digits returns a number's text. Older servers send some numbers as strings.
func digits(kind jsontext.Kind, raw []byte) string {
	if kind == '"' {
		return unquote(raw)
	}
	return string(raw)
}

func setInt(kind jsontext.Kind, raw []byte, p *int64) bool {
	n, err := strconv.ParseInt(digits(kind, raw), 10, 64)
	*p = n
	return err == nil && (kind == '0' || kind == '"')
}

func setFloat(kind jsontext.Kind, raw []byte, p *float64) bool {
	f, err := strconv.ParseFloat(digits(kind, raw), 64)
	*p = f
	return err == nil && (kind == '0' || kind == '"') && !math.IsInf(f, 0) && !math.IsNaN(f)
}
