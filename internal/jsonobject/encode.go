package jsonobject

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"time"
)

// Marshal encodes what v points to, a struct that embeds an [Object]. One that came
// from JSON has the keys it came with, and those of fields that were set since; one
// made by hand has the keys of all fields but those that may be omitted and are zero.
// The characters <, > and & stand for themselves.
func Marshal(v any) ([]byte, error) {
	if err := checkHolder(v); err != nil {
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
	values *json.Encoder // Into buf.
}

// any encodes a value as encoding/json does.
func (e *encoder) any(v any) error {
	if err := e.values.Encode(v); err != nil {
		return err
	}
	e.buf.Truncate(e.buf.Len() - 1) // The line's end.
	return nil
}

func (e *encoder) object(v reflect.Value) error {
	o, l := objectOf(v), layoutOf(v.Type())
	e.buf.WriteByte('{')
	for i, f := range l.fields {
		fv := v.Field(f.index)
		zero := fv.IsZero()
		seen := o.seen&(1<<i) != 0
		if zero && !seen && (o.seen&decoded != 0 || f.omitZero) {
			continue
		}
		if _, odd := o.Extra(f.name); odd && zero {
			continue // Written with the other extras.
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

// comma writes what is between two members.
func (e *encoder) comma() {
	if last := e.buf.Len() - 1; e.buf.Bytes()[last] != '{' {
		e.buf.WriteByte(',')
	}
}

// extras writes the keys that have no place in the struct.
func (e *encoder) extras(o *Object, l *layout, v reflect.Value) error {
	if o.extra == nil {
		return nil
	}
	for _, x := range *o.extra {
		if i, known := l.byName[x.name]; known && !v.Field(l.fields[i].index).IsZero() {
			continue // Set since it was read.
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

// formatTime writes a time in milliseconds, and with more digits only where there are
// any to lose.
func formatTime(t time.Time) string {
	if t.Nanosecond()%int(time.Millisecond) == 0 {
		return t.Format("2006-01-02T15:04:05.000Z07:00")
	}
	return t.Format(time.RFC3339Nano)
}
