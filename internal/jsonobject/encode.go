package jsonobject

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"time"
)

// Marshal encodes the struct that v points to, which must embed an [Object]. If the struct
// was decoded from JSON, the result has the keys of that JSON, and the keys of fields that
// were set since. Otherwise the result has the keys of all fields except zero fields with
// the option omitzero. The characters <, > and & are not escaped.
func Marshal(v any) ([]byte, error) {
	if err := checkPointer(v); err != nil {
		return nil, err
	}
	var e encoder
	e.values = json.NewEncoder(&e.buf)
	e.values.SetEscapeHTML(false)
	if err := e.object(reflect.ValueOf(v).Elem()); err != nil {
		return nil, err
	}
	return e.buf.Bytes(), nil
}

type encoder struct {
	buf    bytes.Buffer
	values *json.Encoder // Writes to buf.
}

// any encodes a value as encoding/json does.
func (e *encoder) any(v any) error {
	if err := e.values.Encode(v); err != nil {
		return err
	}
	e.buf.Truncate(e.buf.Len() - 1) // Encode appends a newline.
	return nil
}

func (e *encoder) object(v reflect.Value) error {
	o, l := objectOf(v), layoutOf(v.Type())
	e.buf.WriteByte('{')
	for i, f := range l.fields {
		fv := v.Field(f.index)
		zero := fv.IsZero()
		present := o.present&(1<<i) != 0
		if zero && !present && (o.present&decoded != 0 || f.omitZero) {
			continue
		}
		if _, isExtra := o.Extra(f.name); isExtra && zero {
			continue // extras writes it.
		}
		e.comma()
		e.buf.WriteString(f.key)
		if zero && (o.null&(1<<i) != 0 || f.kind == timestamp) {
			e.buf.WriteString("null")
		} else if err := e.field(f, fv); err != nil {
			return err
		}
	}
	if err := e.extras(o, l, v); err != nil {
		return err
	}
	e.buf.WriteByte('}')
	return nil
}

// comma writes a comma unless the next member is the first of its object.
func (e *encoder) comma() {
	if last := e.buf.Len() - 1; e.buf.Bytes()[last] != '{' {
		e.buf.WriteByte(',')
	}
}

// extras writes the extras of an object.
func (e *encoder) extras(o *Object, l *layout, v reflect.Value) error {
	if o.extra == nil {
		return nil
	}
	for _, x := range *o.extra {
		if i, known := l.byName[x.name]; known && !v.Field(l.fields[i].index).IsZero() {
			continue // The field was set after decoding.
		}
		e.comma()
		if err := e.any(x.name); err != nil {
			return err
		}
		e.buf.WriteByte(':')
		if err := json.Compact(&e.buf, bytes.ToValidUTF8(x.raw, []byte("\uFFFD"))); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) field(f field, v reflect.Value) error {
	if f.pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.Slice && v.IsNil():
		e.buf.WriteString("[]")
	case v.Kind() == reflect.Map && v.IsNil():
		e.buf.WriteString("{}")
	case v.Kind() == reflect.Pointer:
		e.buf.WriteString("null")
	case f.kind == timestamp:
		return e.any(formatTime(v.Interface().(time.Time)))
	case f.kind == object:
		return e.object(v)
	case f.kind == textsMap:
		lists := maps.Clone(v.Interface().(map[string][]string))
		for key, list := range lists {
			if list == nil {
				lists[key] = []string{}
			}
		}
		return e.any(lists)
	case f.kind == objects:
		return e.objects(v)
	default:
		return e.any(v.Interface())
	}
	return nil
}

func (e *encoder) objects(v reflect.Value) error {
	e.buf.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			e.buf.WriteByte(',')
		}
		if err := e.object(v.Index(i)); err != nil {
			return err
		}
	}
	e.buf.WriteByte(']')
	return nil
}

// formatTime formats a time with milliseconds, or with more digits if the time has them.
func formatTime(t time.Time) string {
	if t.Nanosecond()%int(time.Millisecond) == 0 {
		return t.Format("2006-01-02T15:04:05.000Z07:00")
	}
	return t.Format(time.RFC3339Nano)
}
