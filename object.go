package gitlabjobs

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// object is what each type that GitLab sends remembers of the JSON object it
// came from, so that null, absent and zero stay apart and nothing is lost.
// Bit i of a mask stands for field i of the type's layout.
type object struct {
	seen  uint64   // The key was there.
	null  uint64   // Its value was null.
	extra *[]extra // Behind a pointer, so that the types that can be compared still can.
}

// extra is a field that has no place in the struct, as the server sent it.
type extra struct {
	name string
	raw  []byte
}

// Extra returns the JSON value of a field of the server's answer that has no
// place in the struct: a field that this version of the package does not know,
// or one whose value does not fit its type here. It reports false for any
// other. The value must not be changed.
func (o object) Extra(name string) ([]byte, bool) {
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

// extras are an object's extra fields while it is decoded. What the object had
// before is copied, not changed: a copy of the struct may still hold it.
type extras struct {
	list   []extra
	byName map[string]int // Made once the list is long: a hostile answer has any number of fields.
}

func (o *object) extras() extras {
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

// keep remembers a field that has no place in the struct.
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

// drop forgets what was kept of a field, now that it has a value that fits.
func (e *extras) drop(name string) {
	if i := e.find(name); i >= 0 {
		e.list[i].raw = nil
	}
}

func (o *object) setExtras(e extras) {
	o.extra = nil
	if len(e.list) == 0 {
		return
	}
	if kept := slices.DeleteFunc(e.list, func(x extra) bool { return x.raw == nil }); len(kept) > 0 {
		o.extra = &kept
	}
}

// layout is how a type that holds an object is laid out in JSON, read once from
// its json tags.
type layout struct {
	fields []field
	byName map[string]int
}

type field struct {
	name     string
	index    int  // Of the struct field.
	omitZero bool // Left out of a value made by hand while zero: GitLab does not always send it.
}

var layouts sync.Map // reflect.Type to *layout: facts about types, never about clients.

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{byName: make(map[string]int)}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		l.byName[name] = len(l.fields)
		l.fields = append(l.fields, field{
			name:     name,
			index:    i,
			omitZero: options == "omitzero",
		})
	}
	actual, _ := layouts.LoadOrStore(t, l)
	return actual.(*layout)
}

// decoded marks, in object.seen, a value that came from a server.
const decoded = 1 << 63

func (o *object) base() *object { return o }

// objectOf returns the object that v, one of this package's types, embeds.
func objectOf(v reflect.Value) *object {
	return v.Addr().Interface().(interface{ base() *object }).base()
}
