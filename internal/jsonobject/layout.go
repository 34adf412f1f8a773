package jsonobject

import (
	"reflect"
	"strings"
	"sync"
	"time"
)

// layout is how a struct is laid out in JSON, read once from its tags.
type layout struct {
	fields []field
	byName map[string]int
	shared bool // Equal objects of an answer are one.
}

type field struct {
	name     string
	key      string // The name as it comes in JSON, nearly always: in quotes, with a colon.
	index    int    // Of the struct field.
	kind     kind
	pointer  bool         // The field is a pointer to its kind.
	inner    reflect.Type // The struct of an object or of a list of objects.
	omitZero bool         // Left out of a value made by hand while zero.
}

// kind is what a field holds.
type kind uint8

const (
	unsupported kind = iota
	text
	boolean
	integer
	float
	timestamp
	object
	texts    // []string
	objects  // A slice of structs.
	textMap  // map[string]string
	textsMap // map[string][]string
	anyMap   // map[string]any
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	textsType    = reflect.TypeFor[[]string]()
	textMapType  = reflect.TypeFor[map[string]string]()
	textsMapType = reflect.TypeFor[map[string][]string]()
	anyMapType   = reflect.TypeFor[map[string]any]()
	holderType   = reflect.TypeFor[holder]()
)

// maxFields is how many fields have a bit in an Object's masks.
const maxFields = 63

var layouts sync.Map // reflect.Type to *layout: facts about types.

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{byName: make(map[string]int)}
	for i := range t.NumField() {
		f := t.Field(i)
		l.shared = l.shared || f.Anonymous && f.Tag.Get("jsonobject") == "shared"
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() || len(l.fields) == maxFields {
			continue
		}
		l.byName[name] = len(l.fields)
		l.fields = append(l.fields, newField(name, i, f.Type, options == "omitzero"))
	}
	actual, _ := layouts.LoadOrStore(t, l)
	return actual.(*layout)
}

func newField(name string, index int, t reflect.Type, omitZero bool) field {
	f := field{name: name, key: `"` + name + `":`, index: index, omitZero: omitZero}
	if t.Kind() == reflect.Pointer {
		f.pointer, t = true, t.Elem()
	}
	f.kind = kindOf(t)
	switch {
	case f.kind == object && f.pointer:
		f.inner = t
	case f.kind == objects && !f.pointer:
		f.inner = t.Elem()
	case f.kind >= object && (f.kind < texts || f.pointer):
		f.kind = unsupported
	}
	return f
}

func kindOf(t reflect.Type) kind {
	switch t {
	case timeType:
		return timestamp
	case textsType:
		return texts
	case textMapType:
		return textMap
	case textsMapType:
		return textsMap
	case anyMapType:
		return anyMap
	}
	switch t.Kind() {
	case reflect.String:
		return text
	case reflect.Bool:
		return boolean
	case reflect.Int64:
		return integer
	case reflect.Float64:
		return float
	case reflect.Struct:
		if holds(t) {
			return object
		}
	case reflect.Slice:
		if holds(t.Elem()) {
			return objects
		}
	default:
	}
	return unsupported
}

// holds reports whether a struct embeds an Object, and not a pointer to one, with
// which it would be a holder itself.
func holds(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(holderType) && !t.Implements(holderType)
}
