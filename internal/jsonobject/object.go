package jsonobject

import (
	"bytes"
	"reflect"
	"slices"
)

// Object is what a struct remembers of the JSON object it came from. The zero Object
// is that of a struct made by hand. Copies of it share nothing that changes.
type Object struct {
	// Bit i of a mask stands for field i of the struct's layout.
	seen  uint64   // The key was there.
	null  uint64   // Its value was null.
	extra *[]extra // Behind a pointer, so that structs that can be compared still can.
}

// decoded marks, in Object.seen, a value that came from JSON.
const decoded = 1 << maxFields

// extra is a key that has no place in the struct, and its value as it came.
type extra struct {
	name string
	raw  []byte
}

// Extra returns the JSON value of a key that has no place in the struct: one that the
// struct doesn't know, or whose value does not fit its field. It reports false for
// any other. The value must not be changed.
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

// Has reports whether v, a pointer to a struct that embeds an [Object], came with a key
// that it has a field for, with a value that fits or null.
func Has(v any, key string) bool {
	if checkHolder(v) != nil {
		return false
	}
	i, ok := layoutOf(reflect.TypeOf(v).Elem()).byName[key]
	return ok && v.(holder).object().seen&(1<<i) != 0
}

// holder is a pointer to a struct that embeds an Object.
type holder interface{ object() *Object }

func (o *Object) object() *Object { return o }

// objectOf returns the Object that v, a struct of a type that holds one, embeds.
func objectOf(v reflect.Value) *Object {
	return v.Addr().Interface().(holder).object()
}

// extras are an Object's extra keys while it is decoded. What the Object had before
// is copied, not changed: a copy of the struct may still hold it.
type extras struct {
	list   []extra
	byName map[string]int // Made once the list is long: a hostile answer has any number of keys.
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

// keep remembers the value of a key that has no place in the struct. It copies the
// value: the body belongs to the caller.
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

// drop forgets what was kept of a key, now that it has a value that fits.
func (e *extras) drop(name string) {
	if len(e.list) == 0 {
		return
	}
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
