package jsonobject_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/jsonobject"
)

func TestBrokenJSONIsAnErrorThatSaysWhere(t *testing.T) {
	t.Parallel()
	for body, text := range map[string]string{
		``:                          "the body is empty",
		" \n":                       "the body is empty",
		`<html>`:                    "invalid JSON at byte 1: invalid character '<'",
		`{"id":1,}`:                 "invalid JSON at byte 9: invalid character '}'",
		`{"id":1`:                   "invalid JSON at byte 7: unexpected end",
		`{"id":tru}`:                "invalid JSON at byte 10: invalid character '}'",
		`{"name":"a` + "\n" + `"}`:  "invalid JSON at byte 11: invalid character '\\n'",
		`{"new":[1 2]}`:             "invalid JSON at byte 11: invalid character '2'",
		`{"id":1} {}`:               "unexpected data after the JSON value, at byte 10",
		`{"id":1}x`:                 "unexpected data after the JSON value, at byte 9",
		`[]`:                        "a JSON array where an object was expected",
		`"a"`:                       "a JSON string where an object was expected",
		`-1`:                        "a JSON number where an object was expected",
		`7`:                         "a JSON number where an object was expected",
		`null`:                      "a JSON null where an object was expected",
		`true`:                      "a JSON boolean where an object was expected",
		`false`:                     "a JSON boolean where an object was expected",
		`{"owner":{"id":1}, "odd"}`: "invalid JSON at byte 25: invalid character '}'",
	} {
		_, err := jsonobject.Decode[ticket]([]byte(body))
		require.ErrorContains(t, err, text, body)
		if strings.HasPrefix(text, "invalid") {
			var syntax *json.SyntaxError
			require.ErrorAs(t, err, &syntax)
		}
		_, err = jsonobject.DecodeList[ticket]([]byte(`[{"id":1},` + body + `]`))
		require.Error(t, err, body)
		require.NoError(t, jsonobject.Unmarshal([]byte(full), new(ticket)), "what was broken is over")
	}
	for body, text := range map[string]string{
		``:              "the body is empty",
		`{}`:            "a JSON object where an array was expected",
		`null`:          "a JSON null where an array was expected",
		`[{},null]`:     "element 1: a JSON null where an object was expected",
		`[{},{},{"id"}`: "element 2: invalid JSON at byte 13: invalid character '}'",
		`[{},]`:         "element 1: invalid JSON at byte 5: invalid character ']'",
		`[{}{}]`:        "invalid JSON at byte 4: invalid character '{'",
		`[{}`:           "invalid JSON at byte 3: unexpected end",
		`[`:             "element 0: invalid JSON at byte 1: unexpected end",
		`[{"id":1}, `:   "element 1: invalid JSON at byte 11: unexpected end",
		`[{}]]`:         "unexpected data after the JSON value, at byte 5",
	} {
		_, err := jsonobject.DecodeList[ticket]([]byte(body))
		require.ErrorContains(t, err, text, body)
	}
}

// A value is valid or invalid as in encoding/json, at every position of a body.
func TestSyntaxIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	pieces := []string{
		`0`, `-`, `-0`, `01`, `1.`, `1.5`, `.5`, `1e`, `1e+`, `1E-09`, `1e5e5`, `+1`, `--1`, `0x1`, `1 2`, `9`, `-9.9e99`,
		`""`, `"`, `"\`, `"\"`, `"\\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u12G4"`, "\"\\u12`4\"", `"\u12@4"`, `"\u12/4"`, `"\u12:4"`, `"\uafAF"`, `"\u0990"`,
		`"\u123`, `"\u1234`, `"a\/b\b\f\n\r\t\""`, "\"\t\"", "\"\x1f\"", "\"\x20\"", "\"\x7f\xff\"", "\"é\"", `'a'`,
		`true`, `tru`, `truefalse`, `nul`, `null`, `fals`, `false`, `False`,
		`[]`, `[`, `]`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `[[[]]]`, ` [ 1 , "a" , { } ] `,
		`{}`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"a":2}`, `{"\u0061":1}`, `{1:1}`, `{"a":1]`, `{"a"1}`,
		"\x00", "", " ", "\ufeff1", "1\x00", "\v1", "\x1f1", "1,", ",", ":", "1:",
	}
	for _, piece := range pieces {
		for _, field := range []string{"new", "id", "name", "open", "ratio", "at", "tags", "parts", "labels", "notes", "options", "count", "owner", "draft", "odd"} {
			for _, body := range []string{
				`{"` + field + `":` + piece + `}`, `{"` + field + `":` + piece, `{"` + field + `":[` + piece + `]}`, `{"` + field + `":{"a":` + piece + `},"open":true}`,
				`{"` + field + `":{"a":[` + piece + `]}}`, `{"` + field + `":{"size":` + piece + `,"x":` + piece + `}}`, `{"` + field + `"` + piece + `:1}`,
			} {
				err := jsonobject.Unmarshal([]byte(body), new(ticket))
				assert.Equal(t, json.Valid([]byte(body)), err == nil, "%s: %v", body, err)
			}
		}
	}
}

func TestDepthIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	for depth, ok := range map[int]bool{9_998: true, 9_999: true, 10_000: false, 20_000: false} {
		for _, field := range []string{"new", "options", "tags", "name"} {
			body := []byte(`{"` + field + `":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `,"id":1}`)
			err := jsonobject.Unmarshal(body, new(ticket))
			assert.Equal(t, ok, err == nil, "%d of %s: %v", depth, field, err)
			assert.Equal(t, json.Valid(body), err == nil)
		}
	}
	side := []byte(`{"new":[` + strings.Repeat("[[]],", 20_000) + `{"a":[{}]}]}`)
	require.NoError(t, jsonobject.Unmarshal(side, new(ticket)), "what is beside adds nothing")
}

// Strings are decoded as encoding/json does, with a special character at any position.
func TestStringsAreWhatEncodingJSONMakesOfThem(t *testing.T) {
	t.Parallel()
	specials := []string{"", `\"`, `\\`, `\n`, `\u00e9`, `\ud83d\ude00`, `\ud83d`, `\u0000`, "é", "\xff", "\x7f", "~", " ", "!", "#", "[", "]", "\x80", "\xa2", "\xdc", "😀", `"`, "\x1f", "\x00", `\`, `\x`}
	for length := range 20 {
		for at := range length + 1 {
			for _, special := range specials {
				inner := strings.Repeat("x", at) + special + strings.Repeat("y", length-at)
				body := []byte(`{"name":"` + inner + `","` + inner + `":1,"labels":{"` + inner + `":"` + inner + `"},"title":"` + inner + `"}`)
				var want struct{ Name string }
				wantErr := json.Unmarshal(body, &want)
				var got ticket
				err := jsonobject.Unmarshal(body, &got)
				require.Equal(t, wantErr == nil, err == nil, "%q: %v", body, err)
				if err != nil {
					continue
				}
				require.Equal(t, want.Name, got.Name, "%q", body)
				require.Equal(t, want.Name, *got.Title)
				require.Equal(t, map[string]string{want.Name: want.Name}, got.Labels)
				_, ok := got.Extra(want.Name)
				require.True(t, ok, "%q", body)
			}
		}
	}
}

func TestAKeyMayBeEscaped(t *testing.T) {
	t.Parallel()
	v := decode(t, `{"na\u006de":"a","n\u0065w":1,"labels":{"\u0061":"b"}}`)
	assert.Equal(t, "a", v.Name)
	assert.Equal(t, map[string]string{"a": "b"}, v.Labels)
	encodes(t, `{"name":"a","labels":{"a":"b"},"new":1}`, v)
}

func TestKeysMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"id":1,"name":"a","open":true}`, `{"open":true,"name":"a","id":1}`, `{"name":"a","id":1,"open":true}`, `{"id":1,"name":"a","open":true}`} {
		encodes(t, `{"id":1,"name":"a","open":true}`, decode(t, body))
	}
}
