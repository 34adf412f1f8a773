package jsonobject

import (
	"bytes"
	"reflect"
	"slices"
)

// Object records information about the JSON object that a struct was decoded from. The
// zero Object belongs to a struct that was not decoded from JSON. Copies of an Object are
// independent of each other.
type Object struct {
	// Bit i of a mask is for field i of the struct's layout.
	present uint64   // The key was present.
	null    uint64   // The value was null.
	extra   *[]extra // A pointer, so that comparable structs remain comparable.
}

// decoded is the bit in Object.present that marks a struct as decoded from JSON.
const decoded = 1 << maxFields

// extra is the name and the JSON of a value that is not in a field of the struct.
type extra struct {
	name string
	raw  []byte
}

// Extra returns the JSON of a value that is not in a field of the struct, because its key
// is unknown or because it does not fit the field. For any other key, it returns false.
// Callers must not modify the value.
func (o Object) Extra(name string) ([]byte, bool) {
	if o.extra == nil {
		return nil, false
	}
	for _, e := range *o.extra {
		if e.name == name {
			return e.raw, true
		}
	}
	return nil, false
}

// Has reports whether v, a pointer to a struct that embeds an [Object], was decoded from
// JSON that has the key, with null or with a value that fits the field of that key.
func Has(v any, key string) bool {
	if checkPointer(v) != nil {
		return false
	}
	i, ok := layoutOf(reflect.TypeOf(v).Elem()).byName[key]
	return ok && v.(embedder).object().present&(1<<i) != 0
}

// embedder is a pointer to a struct that embeds an Object.
type embedder interface{ object() *Object }

func (o *Object) object() *Object { return o }

// objectOf returns the Object that the struct v embeds.
func objectOf(v reflect.Value) *Object {
	return v.Addr().Interface().(embedder).object()
}

// extras are the extras of an Object that is being decoded. The list begins as a copy of
// the Object's extras, because a copy of the struct may still use the original list.
type extras struct {
	list   []extra
	byName map[string]int // Created when the list is long, because a response can have any number of unknown keys.
}

func (o *Object) extras() extras {
	if o.extra == nil {
		return extras{}
	}
	return extras{list: slices.Clone(*o.extra)}
}

func (e *extras) find(name string) int {
	if e.byName == nil {
		return slices.IndexFunc(e.list, func(x extra) bool { return x.name == name })
	}
	if i, ok := e.byName[name]; ok {
		return i
	}
	return -1
}

// keep stores the JSON of an extra. It copies raw, which is a part of the caller's body.
func (e *extras) keep(name string, raw []byte) {
	raw = bytes.Clone(raw)
	if i := e.find(name); i >= 0 {
		e.list[i].raw = raw
		return
	}
	e.list = append(e.list, extra{name: name, raw: raw})
	switch {
	case e.byName != nil:
		e.byName[name] = len(e.list) - 1
	case len(e.list) == 16:
		e.byName = make(map[string]int)
		for i, x := range e.list {
			e.byName[x.name] = i
		}
	}
}

// drop removes the extra with a name, because a later value of that key fits its field.
func (e *extras) drop(name string) {
	if i := e.find(name); i >= 0 {
		e.list[i].raw = nil
	}
}

func (o *Object) setExtras(e extras) {
	o.extra = nil
	if len(e.list) == 0 {
		return
	}
	if kept := slices.DeleteFunc(e.list, func(x extra) bool { return x.raw == nil }); len(kept) > 0 {
		o.extra = &kept
	}
}
