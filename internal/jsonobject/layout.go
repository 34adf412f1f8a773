package jsonobject

import (
	"reflect"
	"strings"
	"sync"
	"time"
)

// layout describes the JSON encoding of a struct, as its tags define it.
type layout struct {
	fields   []field
	byName   map[string]int
	isShared bool // Equal objects in one response are decoded into one struct.
}

type field struct {
	name     string
	key      string // The usual encoding of the name in JSON: in quotes, with a colon.
	index    int    // The index of the struct field.
	kind     kind
	pointer  bool         // The field is a pointer to its kind.
	inner    reflect.Type // The struct type of an object or of a list of objects.
	omitZero bool         // The field has the option omitzero.
}

// kind is the kind of values in a field.
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
	embedderType = reflect.TypeFor[embedder]()
)

// maxFields is the maximum number of fields, which is limited by the bits in the masks of
// an Object.
const maxFields = 63

var layouts sync.Map // A cache: reflect.Type to *layout.

func layoutOf(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok {
		return l.(*layout)
	}
	l := &layout{byName: make(map[string]int)}
	for i := range t.NumField() {
		f := t.Field(i)
		l.isShared = l.isShared || f.Anonymous && f.Tag.Get("jsonobject") == "shared"
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
		// A struct that is not a pointer, or a pointer to a list or map.
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
		if embedsObject(t) {
			return object
		}
	case reflect.Slice:
		if embedsObject(t.Elem()) {
			return objects
		}
	default:
	}
	return unsupported
}

// embedsObject reports whether a type is a struct that embeds an Object by value. If it
// embedded a pointer, the struct type itself would implement embedder.
func embedsObject(t reflect.Type) bool {
	if _, known := layouts.Load(t); known { // Only such types have a layout.
		return true
	}
	return t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(embedderType) && !t.Implements(embedderType)
}
