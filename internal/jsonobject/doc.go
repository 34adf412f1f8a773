// Package jsonobject decodes JSON objects into structs without losing anything, and
// encodes them again as they were.
//
// It is for answers of a server that changes: a value that does not fit its field is
// no error, and an unknown key is not dropped. A struct takes part by embedding an
// [Object], in which the package keeps what the struct's own fields can't say:
//
//   - which keys were there, and which of them were null, so that null, absent and
//     zero stay apart;
//   - the JSON of unknown keys, and of values that do not fit: [Object.Extra].
//
// Only broken JSON is an error, and one that says where. Bytes that are not UTF-8 and
// keys that repeat are let pass; of these, the last one counts.
//
// # Structs
//
// A field's key is the name in its json tag; a field without one is left alone. These
// types are read: strings, bool, int64 and float64, types made from them, and
// [time.Time]; pointers to all of these; []string, map[string]string,
// map[string][]string and map[string]any; and, of other structs that embed an Object,
// pointers to them and slices of them. A value for a field of any other type is kept as
// an extra. Numbers may stand in quotes. At most 63 fields of a struct are read.
//
// A field with the option omitzero is left out while it is zero, unless it came from a
// server. One without it is always there in an object made by hand, as null, "", 0,
// false, [] or {}.
//
// Where the Object itself has the tag jsonobject:"shared", the pointers to the struct
// in one answer are the same wherever the same bytes come again. Most lists repeat
// their inner objects from element to element, and comparing bytes is faster than
// reading them. What such a pointer points to must not be changed.
package jsonobject
