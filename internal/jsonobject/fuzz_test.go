package jsonobject_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"example.com/gitlabjobs/internal/jsonobject"
)

// FuzzSyntax checks that this package accepts the same JSON as encoding/json, and that
// errors contain the position.
func FuzzSyntax(f *testing.F) {
	for _, s := range []string{
		`0`, `-0`, `-`, `01`, `1.`, `1.5`, `.5`, `1e`, `1e+`, `1E-09`, `+1`, `1 2`, `--1`, `1e5e5`, `0x1`,
		`""`, `"`, `"\`, `"\"`, `"\\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\uD83d"`, `"\udead\ud83d"`, `"a\/b\b\f\n\r\t"`, "\"\t\"", "\"\x7f\xff\"", "\"é\"",
		`"12345678"`, "\"1234567\x1f\"", `"1234567\n890123456789"`, "\"12345678é1234567\"", "\"123\x80\x1f\"",
		`true`, `tru`, `truefalse`, `nul`, `null`, `False`,
		`[]`, `[`, `]`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `[[[]]]`, ` [ 1 , "a" , { } ] `,
		`{}`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"a":2}`, `{"\u0061":1}`, `{1:1}`, `{"a":1]`,
		"\x00", "", " ", "\ufeff1", "1\x00", "\v1",
		strings.Repeat("[", 9_998) + strings.Repeat("]", 9_998), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
		`{"id":1,"labels":{"a":"b"},"notes":{"a":["b",null]},"tags":["a","b"],"at":"2024-03-05T09:03:51.000Z"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, body := range []string{
			`{"new":` + value + `}`, `{"name":` + value + `,"parts":` + value + `}`,
			`{"owner":` + value + `,"open":true}`, `{"labels":` + value + `,"options":` + value + `}`,
			`{"id":` + value + `,"count":` + value + `}`, value,
		} {
			err := jsonobject.Unmarshal([]byte(body), new(ticket))
			valid := json.Valid([]byte(body))
			trimmed := strings.TrimLeft(body, " \t\r\n")
			begins := trimmed != "" && (trimmed[0] == '{' || trimmed[0] == 'n')
			if (err == nil) != (valid && begins) {
				t.Fatalf("%q: %v, valid %v", body, err, valid)
			}
			if begins && !valid && !strings.Contains(err.Error(), "at byte ") {
				t.Fatalf("%q: %v has no position", body, err)
			}
		}
	})
}

// FuzzRoundTrip checks that decoding and encoding the result again does not change it.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{
		full, "[" + full + "," + full + "]", `[{"id":"1","name":null,"x":[1, {}],"at":"2024-03-05T09:03:51.123456+02:00","parts":[{},null]}]`,
		`[{"na\u006de":"\ud83d\u2028<>","labels":{"a":1},"notes":{},"options":{"b":1e999},"owner":{"id":1e3}}]`,
		`[{"owner":{"id":1}},{"owner":{"id":1}},{"owner":{"id":1,"name":"x"}}]`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		items, err := jsonobject.DecodeList[ticket]([]byte(body))
		if err != nil {
			return
		}
		first, err := json.Marshal(items)
		if err != nil {
			t.Fatal(err)
		}
		again, err := jsonobject.DecodeList[ticket](first)
		if err != nil {
			t.Fatalf("%v: what was written can't be read: %s", err, first)
		}
		if second, err := json.Marshal(again); err != nil || string(first) != string(second) {
			t.Fatalf("%v: %s\nbecame\n%s", err, first, second)
		}
	})
}

// FuzzAnything checks that a map of any values is decoded as encoding/json does, or is an
// extra.
func FuzzAnything(f *testing.F) {
	f.Add(`{"a":null,"b":true,"c":"x\u00e9\/","d":-1.5e3,"e":[[],{}],"a":{"f":[1,"2"]}}`)
	f.Add(`{"a":1e999}`)
	f.Add("{\"a\":\"\xff\\ud83d\",\"\xff\":0}")
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, options string) {
		if !json.Valid([]byte(options)) {
			return // It may end early, and the body go on.
		}
		var want map[string]any
		if json.Unmarshal([]byte(options), &want) != nil {
			want = nil
		}
		got, err := jsonobject.Decode[ticket]([]byte(`{"options":` + options + `}`))
		if err != nil {
			if len(options) < 100_000 && !strings.Contains(err.Error(), "depth") {
				t.Fatal(err)
			}
			return
		}
		if !reflect.DeepEqual(want, got.Options) {
			t.Fatalf("%q is %#v, and should be %#v", options, got.Options, want)
		}
	})
}
