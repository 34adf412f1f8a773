// Package jsonobject decodes JSON objects into structs and encodes them again without
// losing information.
//
// It is for the responses of a server whose fields change between versions. A value of an
// unexpected type is not an error, and unknown keys are not dropped. The structs embed an
// [Object], which records:
//
//   - the keys that were present, and which of them were null, to distinguish null, absent
//     and zero;
//   - the JSON of unknown keys, and of values that do not fit their fields: see
//     [Object.Extra].
//
// Values and keys in an object cause no errors. Decoding fails only if the body is not
// valid JSON, if it does not contain an object (or a list of objects), or if it has too
// many elements. A syntax error contains its position. Invalid UTF-8 and duplicate keys are
// accepted. The last of several duplicates is used.
//
// # Structs
//
// The key of a field is the name in its json tag. Fields without a name are ignored. Fields
// can have these types:
//
//   - string, bool, int64, float64, types derived from them, and [time.Time];
//   - pointers to these types;
//   - []string, map[string]string, map[string][]string and map[string]any;
//   - pointers to other structs that embed an Object, and slices of such structs.
//
// The value of a field of any other type is stored as an extra. Numbers may be in quotes.
// At most 63 fields of a struct are decoded. Values of further fields are extras.
//
// A zero field of a decoded struct is encoded only if its key was present in the JSON. A
// zero field of another struct is encoded as null, "", 0, false, [] or {}, unless it has
// the option omitzero.
//
// If the embedded Object has the tag jsonobject:"shared", equal JSON objects in one
// response are decoded into one struct, and all pointers point to it. Most lists repeat the
// same inner objects in each element, and comparing bytes is faster than decoding them.
// Callers must not modify shared structs.
package jsonobject
