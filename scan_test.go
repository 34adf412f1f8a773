package gitlabjobs_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/gitlabjobs"
)

// FuzzJSON: what is JSON to jsontext is JSON to this package, wherever it stands.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`0`, `-0`, `-`, `01`, `1.`, `1.5`, `.5`, `1e`, `1e+`, `1E-09`, `+1`, `1 2`, `--1`, `1e5e5`, `0x1`,
		`""`, `"`, `"\`, `"\"`, `"\\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\uD83d"`, `"\udead\ud83d"`, `"a\/b\b\f\n\r\t"`, "\"\t\"", "\"\x7f\xff\"", "\"é\"",
		`true`, `tru`, `truefalse`, `nul`, `null`, `False`,
		`[]`, `[`, `]`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `[[[]]]`, ` [ 1 , "a" , { } ] `,
		`{}`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"a":2}`, `{"\u0061":1}`, `{1:1}`, `{"a":1]`,
		"\x00", "", " ", "\ufeff1", "1\x00", "\v1",
		strings.Repeat("[", 9_998) + strings.Repeat("]", 9_998), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		`{"id":1,"trailers":{"a":"b"},"extended_trailers":{"a":["b",null]},"parent_ids":["a","b"],"created_at":"2024-03-05T09:03:51.000Z"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, body := range []string{`{"new":` + value + `}`, `{"name":` + value + `,"artifacts":` + value + `}`, `{"commit":` + value + `,"tag":true}`, value} {
			var job gitlabjobs.Job
			got := job.UnmarshalJSON([]byte(body))
			raw := jsontext.Value(body)
			valid := raw.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
			want := valid && (raw.Kind() == '{' || raw.Kind() == 'n')
			if (got == nil) != want {
				t.Fatalf("%q: %v, valid %v", body, got, valid)
			}
		}
	})
}
