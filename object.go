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

// keep remembers a field that has no place in the struct. What was kept before
// is copied, not changed: a copy of the struct may still hold it.
func (o *object) keep(name string, raw []byte) {
	kept := append(o.without(name), extra{name: name, raw: bytes.Clone(raw)})
	o.extra = &kept
}

// drop forgets what was kept of a field, now that it has a value that fits.
func (o *object) drop(name string) {
	if _, ok := o.Extra(name); ok {
		kept := o.without(name)
		o.extra = &kept
	}
}

func (o *object) without(name string) []extra {
	if o.extra == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(*o.extra), func(e extra) bool { return e.name == name })
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
