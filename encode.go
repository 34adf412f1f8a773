package gitlabjobs

import (
	"bytes"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// marshalObject encodes what v points to, a struct that embeds an object. A
// value that came from a server has the keys it came with, and those that were
// set since; one made by hand has the keys that GitLab always sends, and those
// that are set.
func marshalObject(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := jsontext.NewEncoder(&buf, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err := encodeObject(enc, reflect.ValueOf(v).Elem()); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func encodeObject(enc *jsontext.Encoder, v reflect.Value) error {
	o := objectOf(v)
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for i, f := range layoutOf(v.Type()).fields {
		fv := v.Field(f.index)
		zero := fv.IsZero()
		seen := o.seen&(1<<i) != 0
		if zero && !seen && (o.seen&decoded != 0 || f.omitZero) {
			continue
		}
		if _, odd := o.Extra(f.name); odd && zero {
			continue // Written with the other extras.
		}
		if err := enc.WriteToken(jsontext.String(f.name)); err != nil {
			return err
		}
		null := zero && (o.null&(1<<i) != 0 || fv.Type() == timeType)
		if err := encodeField(enc, fv, null); err != nil {
			return err
		}
	}
	if o.extra != nil {
		for _, e := range *o.extra {
			if i, known := layoutOf(v.Type()).byName[e.name]; known && !v.Field(layoutOf(v.Type()).fields[i].index).IsZero() {
				continue // Set since it was read.
			}
			if err := enc.WriteToken(jsontext.String(e.name)); err != nil {
				return err
			}
			if err := enc.WriteValue(e.raw); err != nil {
				return err
			}
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

var timeType = reflect.TypeFor[time.Time]()

func encodeField(enc *jsontext.Encoder, v reflect.Value, null bool) error {
	if null {
		return enc.WriteToken(jsontext.Null)
	}
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return enc.WriteToken(jsontext.String(formatTime(t)))
	}
	return json.MarshalEncode(enc, v.Interface())
}

// formatTime writes a time as GitLab does, in milliseconds, and with more
// digits only where there are any to lose.
func formatTime(t time.Time) string {
	if t.Nanosecond()%int(time.Millisecond) == 0 {
		return t.Format("2006-01-02T15:04:05.000Z07:00")
	}
	return t.Format(time.RFC3339Nano)
}
