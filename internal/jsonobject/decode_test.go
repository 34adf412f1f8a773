package jsonobject_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/jsonobject"
)

func decode(t *testing.T, body string) *ticket {
	t.Helper()
	v, err := jsonobject.Decode[ticket]([]byte(body))
	require.NoError(t, err, body)
	return v
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := jsonobject.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// encodes checks that the encoding of v is want.
func encodes(t *testing.T, want string, v any, note ...any) {
	t.Helper()
	if got := marshal(t, v); got != want {
		assert.Fail(t, fmt.Sprintf("%s\nshould be\n%s", got, want), note...)
	}
}

func TestEveryKindOfFieldIsRead(t *testing.T) {
	t.Parallel()
	v := decode(t, full)
	assert.EqualValues(t, 1, v.ID)
	assert.Equal(t, "first", v.Name)
	assert.Equal(t, state("new"), v.State)
	assert.True(t, v.Open)
	assert.InDelta(t, 0.5, v.Ratio, 0)
	assert.Equal(t, time.Date(2024, 3, 5, 9, 3, 51, 0, time.UTC), v.At)
	assert.Equal(t, []string{"a", "b"}, v.Tags)
	require.Len(t, v.Parts, 2)
	assert.EqualValues(t, 1, v.Parts[0].Size)
	assert.Equal(t, "x", v.Parts[0].Kind)
	assert.EqualValues(t, 2, v.Parts[1].Size)
	assert.Equal(t, map[string]string{"a": "b"}, v.Labels)
	assert.Equal(t, map[string][]string{"a": {"b", "c"}}, v.Notes)
	assert.Equal(t, map[string]any{"a": []any{1.0, nil}}, v.Options)
	assert.Equal(t, new(int64(0)), v.Count)
	assert.Equal(t, new(""), v.Title)
	assert.Equal(t, new(state("old")), v.Previous)
	assert.Equal(t, new(false), v.Locked)
	assert.Equal(t, new(1.5), v.Percent)
	assert.Equal(t, "2024-03-05T11:03:51.123456+02:00", v.Due.Format(time.RFC3339Nano))
	assert.Equal(t, "Ada", v.Owner.Name)
	assert.EqualValues(t, 3, v.Draft.Size)
	assert.Zero(t, v.Odd)
	for key, want := range map[string]string{"odd": "1", "new": `{"x":[1,2.50]}`} {
		raw, ok := v.Extra(key)
		assert.True(t, ok)
		assert.Equal(t, want, string(raw))
	}
	encodes(t, full, v)

	spaced := strings.NewReplacer(`":`, "\" :\t", `,"`, " ,\r\n\"", "{", "{ ", "}", " }", "[", "[ ", "]", " ]").Replace(full)
	encodes(t, full, decode(t, " "+spaced+"\n"), "white space means nothing")
}

// Null, absent and zero values are encoded as they were decoded.
func TestNullAbsentAndZeroStayApart(t *testing.T) {
	t.Parallel()
	zeros := map[string]string{
		"id": "0", "name": `""`, "state": `""`, "open": "false", "ratio": "0", "tags": "[]", "parts": "[]", "labels": "{}",
		"notes": "{}", "options": "{}", "count": "0", "title": `""`, "previous": `""`, "locked": "false", "percent": "0",
		"at": `"0001-01-01T00:00:00.000Z"`, "due": `"0001-01-01T00:00:00.000Z"`, "owner": "{}", "draft": "{}",
	}
	encodes(t, `{}`, decode(t, `{}`))
	for key, zero := range zeros {
		null, there := `{"`+key+`":null}`, `{"`+key+`":`+zero+`}`
		encodes(t, null, decode(t, null))
		assert.True(t, jsonobject.Has(decode(t, null), key))
		if key != "at" { // The zero time.Time is encoded as null.
			encodes(t, there, decode(t, there))
			encodes(t, there, decode(t, `{"`+key+`":null,"`+key+`":`+zero+`}`), "the last one counts")
		}
		encodes(t, null, decode(t, `{"`+key+`":`+zero+`,"`+key+`":null}`), "the last one counts")
		for other := range zeros {
			assert.Equal(t, key == other, jsonobject.Has(decode(t, there), other), "%s in %s", other, there)
		}
	}
	assert.False(t, jsonobject.Has(decode(t, `{"new":1}`), "new"))
	assert.False(t, jsonobject.Has(decode(t, `{"name":1}`), "name"))
	assert.False(t, jsonobject.Has(ticket{}, "name"))
	for _, first := range []string{`"x"`, "null"} {
		v := decode(t, `{"name":`+first+`,"name":1}`)
		assert.False(t, jsonobject.Has(v, "name"), "the last one does not fit")
		encodes(t, `{"name":1}`, v)
	}
}

// A value that does not fit is an extra, and its field is zero.
func TestAValueThatDoesNotFitIsKept(t *testing.T) {
	t.Parallel()
	for key, values := range map[string][]string{
		"id":       {`"x"`, `1.5`, `true`, `{}`, `9223372036854775808`, `""`},
		"name":     {`1`, `false`, `[]`, `{"a":1}`},
		"state":    {`1`},
		"open":     {`"true"`, `1`, `[true]`},
		"ratio":    {`"x"`, `1e999`, `"NaN"`, `"Inf"`, `true`},
		"at":       {`1`, `"yesterday"`, `"2024-03-05 09:03:51"`, `{}`},
		"tags":     {`"a"`, `["a",1]`, `[null,"a"]`, `{}`},
		"parts":    {`{}`, `[{},1]`, `[null,{}]`, `"x"`},
		"labels":   {`[]`, `{"a":1}`, `{"a":1,"b":"c"}`},
		"notes":    {`{"a":"b"}`, `{"a":[1],"b":[]}`, `1`},
		"options":  {`[]`, `"x"`, `{"a":1e999}`},
		"count":    {`"x"`, `[]`},
		"title":    {`1`},
		"locked":   {`0`},
		"percent":  {`"x"`},
		"due":      {`"x"`},
		"owner":    {`"x"`, `[{}]`},
		"draft":    {`1`},
		"odd":      {`1`},
		"new":      {`[1, 2]`},
		"-":        {`"x"`},
		"Comment":  {`"x"`},
		"Object":   {`{}`},
		"a\xffb":   {`1`},
		"\"escape": {`"\u00e9"`},
	} {
		for _, value := range values {
			name, err := json.Marshal(key)
			require.NoError(t, err)
			body := `{"id":1,` + string(name) + `:` + value + `,"open":true}`
			if key == "id" || key == "open" {
				body = `{"` + key + `":` + value + `}`
			}
			v := decode(t, body)
			raw, ok := v.Extra(strings.ToValidUTF8(key, "\uFFFD"))
			assert.True(t, ok, body)
			assert.Equal(t, value, string(raw))
			if key != "open" && key != "id" {
				assert.True(t, v.Open, body)
			}
			var want, got map[string]any
			if again := marshal(t, v); json.Unmarshal([]byte(body), &want) == nil {
				require.NoError(t, json.Unmarshal([]byte(again), &got), again)
				assert.Equal(t, want, got)
			}
			if known := decode(t, full); key != "a\xffb" {
				require.NoError(t, jsonobject.Unmarshal([]byte(`{`+string(name)+`:`+value+`}`), known))
				other := decode(t, full)
				require.NoError(t, jsonobject.Unmarshal([]byte(`{`+string(name)+`:null}`), other))
				assert.Equal(t, other.Owner, known.Owner)
				assert.Equal(t, other.Parts, known.Parts)
				assert.Equal(t, other.Name, known.Name)
				assert.Equal(t, other.Tags, known.Tags)
				assert.Equal(t, other.Title, known.Title, "what was there before is gone")
			}
		}
	}
}

func TestNumbersCanBeInQuotes(t *testing.T) {
	t.Parallel()
	v := decode(t, `{"id":"12","ratio":"1.5","count":"\u0033","percent":"-2e1"}`)
	assert.EqualValues(t, 12, v.ID)
	assert.InDelta(t, 1.5, v.Ratio, 0)
	assert.Equal(t, new(int64(3)), v.Count)
	assert.Equal(t, new(-20.0), v.Percent)
	assert.Equal(t, int64(math.MinInt64), decode(t, `{"id":-9223372036854775808}`).ID)
	for _, number := range []string{"0", "-1", "10", "19", "90", "1.05", "0.9", "1e+2", "1E-2", "-0.5e19"} {
		var want float64
		require.NoError(t, json.Unmarshal([]byte(number), &want))
		assert.InDelta(t, want, decode(t, `{"ratio":`+number+`}`).Ratio, 0, number)
	}
}

func TestIntegersCanHaveAnyLength(t *testing.T) {
	t.Parallel()
	for length := range 21 {
		for _, number := range []string{"0", strings.Repeat("9", length), "1" + strings.Repeat("0", length), "-" + strings.Repeat("8", length+1)} {
			for _, end := range []string{`}`, `,"open":true}`, ` }`, "\n,\"open\":true}", `.5}`, `e1}`, `]`, ``} {
				body := `{"id":` + number + end
				var want struct{ ID int64 }
				wantErr := json.Unmarshal([]byte(body), &want)
				v, err := jsonobject.Decode[ticket]([]byte(body))
				require.Equal(t, json.Valid([]byte(body)), err == nil, body)
				if err != nil {
					continue
				}
				_, kept := v.Extra("id")
				require.Equal(t, wantErr != nil, kept, body)
				require.Equal(t, want.ID, v.ID, body)
			}
		}
	}
}

// Most lists repeat their short strings. Names that differ in one character are common too.
func TestRepeatedStringsShareMemory(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"%d", "%02d:go", "job %d", "build:%02d", "deploy-prod-%03d", "%03d-deploy-prod", "rspec unit %02d/25"} {
		const names = 28
		var list []string
		for i := range 2 * names {
			list = append(list, fmt.Sprintf(`{"name":"`+pattern+`"}`, i%names))
		}
		items, err := jsonobject.DecodeList[ticket]([]byte("[" + strings.Join(list, ",") + "]"))
		require.NoError(t, err)
		shared := 0
		for i := range names {
			require.Equal(t, items[i].Name, items[i+names].Name)
			if unsafe.StringData(items[i].Name) == unsafe.StringData(items[i+names].Name) {
				shared++
			}
		}
		assert.Greater(t, shared, names*3/4, pattern)
	}
}

// The caller can reuse the body after decoding.
func TestNothingOfTheBodyIsKept(t *testing.T) {
	t.Parallel()
	body := []byte(full)
	v, err := jsonobject.Decode[ticket](body)
	require.NoError(t, err)
	list := []byte("[" + full + "," + full + "]")
	items, err := jsonobject.DecodeList[ticket](list)
	require.NoError(t, err)
	unmarshaled, data := new(ticket), []byte(full)
	require.NoError(t, unmarshaled.UnmarshalJSON(data))
	for _, b := range [][]byte{body, list, data} {
		copy(b, strings.Repeat("#", len(b)))
	}
	for _, v := range []*ticket{v, items[0], items[1], unmarshaled} {
		encodes(t, full, v)
	}
}

// Decoding into a struct does not change an earlier copy of it.
func TestCopiesShareNothingThatChanges(t *testing.T) {
	t.Parallel()
	v := decode(t, full)
	copied := *v
	require.NoError(t, v.UnmarshalJSON([]byte(`{"odd":2,"newer":3,"parts":[{"size":9},{"size":9}],"tags":["x","y"],"labels":{"a":"x"},"name":null}`)))
	encodes(t, full, &copied)
	raw, _ := v.Extra("odd")
	assert.Equal(t, "2", string(raw))
	raw, _ = v.Extra("newer")
	assert.Equal(t, "3", string(raw))
}

func TestAnExtraThatFitsNowIsNone(t *testing.T) {
	t.Parallel()
	v := decode(t, `{"name":1,"state":2}`)
	require.NoError(t, v.UnmarshalJSON([]byte(`{"name":"a"}`)))
	_, ok := v.Extra("name")
	assert.False(t, ok)
	raw, ok := v.Extra("state")
	assert.True(t, ok)
	assert.Equal(t, "2", string(raw))
	encodes(t, `{"name":"a","state":2}`, v)
	encodes(t, `{"name":"a"}`, decode(t, `{"name":1,"name":"a"}`))
	encodes(t, `{"name":null}`, decode(t, `{"name":1,"name":null}`))
	encodes(t, `{"name":1}`, decode(t, `{"name":"a","name":1}`))
	encodes(t, `{"name":"b"}`, decode(t, `{"name":1,"name":"a","name":[],"name":"b"}`))
	v = decode(t, `{"name":1}`)
	v.Name = "set"
	encodes(t, `{"name":"set"}`, v, "a field that is set wins")
}

func TestAnyNumberOfUnknownKeysIsKept(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 15, 16, 17, 18, 40} {
		var first, second []string
		for i := range n {
			first = append(first, fmt.Sprintf(`"k%d":"first %d"`, i, i))
			second = append(second, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		body := "{" + strings.Join(second, ",") + "}"
		encodes(t, body, decode(t, body))
		encodes(t, body, decode(t, "{"+strings.Join(append(first, second...), ",")+"}"), "the last one counts")
		v := decode(t, `{`+strings.Join(second, ",")+`,"name":1,"name":"a"}`)
		_, ok := v.Extra("name")
		assert.False(t, ok)
		_, ok = v.Extra("unheard of")
		assert.False(t, ok)
	}
}

func TestEqualObjectsOfASharedTypeAreOne(t *testing.T) {
	t.Parallel()
	const a, b = `{"id":1,"name":"a"}`, `{"id":1,"name":"b"}`
	body := `[{"owner":` + a + `,"draft":{"size":1}},{"owner": ` + b + `},{"owner":` + a + `,"draft":{"size":1},"name":"after"}]`
	items, err := jsonobject.DecodeList[ticket]([]byte(body))
	require.NoError(t, err)
	assert.Same(t, items[0].Owner, items[2].Owner)
	assert.Equal(t, "after", items[2].Name)
	assert.Equal(t, "b", items[1].Owner.Name)
	assert.NotSame(t, items[0].Draft, items[2].Draft, "its type is not shared")
	again, err := jsonobject.DecodeList[ticket]([]byte(body))
	require.NoError(t, err)
	assert.NotSame(t, items[0].Owner, again[0].Owner, "bodies share nothing")
}

func TestManyDifferentObjectsAreKeptApart(t *testing.T) {
	t.Parallel()
	var tickets []string
	for i := range 500 {
		tickets = append(tickets, fmt.Sprintf(`{"owner":{"id":%d}}`, i%70))
	}
	for range 40 {
		tickets = append(tickets, `{"owner":{"id":68}}`, `{"owner":{"id":69}}`)
	}
	items, err := jsonobject.DecodeList[ticket]([]byte("[" + strings.Join(tickets, ",") + "]"))
	require.NoError(t, err)
	require.Len(t, items, 580)
	for i, item := range items[:500] {
		assert.EqualValues(t, i%70, item.Owner.ID)
	}
	for i := 502; i < 580; i++ {
		assert.Same(t, items[500+i%2].Owner, items[i].Owner, "the newest are still remembered")
	}
}

func TestABodyHasALimitOfElements(t *testing.T) {
	t.Parallel()
	const most = 100_000
	repeat := func(s string, n int) string { return strings.Repeat(s+",", n-1) + s }
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":""`, i)
		}
		return b.String()[1:]
	}
	for name, tc := range map[string]struct{ at, over string }{
		"objects":           {"[" + repeat("{}", most) + "]", "[" + repeat("{}", most+1) + "]"},
		"inner objects":     {`[{"parts":[` + repeat("{}", most-1) + `]}]`, `[{"parts":[` + repeat("{}", most) + `]}]`},
		"strings":           {`[{"tags":[` + repeat(`""`, most-1) + `]}]`, `[{"tags":[` + repeat(`""`, most) + `]}]`},
		"lists in all":      {`[{"tags":[` + repeat(`""`, most/2) + `]},{"tags":[` + repeat(`""`, most/2-2) + `]}]`, `[{"tags":[` + repeat(`""`, most/2) + `]},{"tags":[` + repeat(`""`, most/2-1) + `]}]`},
		"entries":           {`[{"labels":{` + keys(most-2) + `}}]`, `[{"labels":{` + keys(most-1) + `}}]`},
		"unknown keys":      {`[{` + keys(most-1) + `}]`, `[{` + keys(most) + `}]`},
		"values of any map": {`[{"options":{"a":[` + repeat("1", most-2) + `]}}]`, `[{"options":{"a":[` + repeat("1", most-1) + `]}}]`},
	} {
		_, err := jsonobject.DecodeList[ticket]([]byte(tc.at))
		require.NoError(t, err, name)
		_, err = jsonobject.DecodeList[ticket]([]byte(tc.over))
		require.ErrorContains(t, err, "more than 100000 elements in all its objects and lists", name)
		_, err = jsonobject.DecodeList[ticket]([]byte(tc.at))
		require.NoError(t, err, name)
	}
	v := decode(t, `{"new":[`+repeat("1", most+10)+`]}`)
	raw, ok := v.Extra("new")
	assert.True(t, ok, "a value that is kept as it is has no bound")
	assert.Len(t, raw, 2*most+21)
}

func TestAListIsAsLongAsItIs(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 3, 2, 250, 0, 1, 120} {
		parts := strings.TrimSuffix(strings.Repeat(`{"size":1},`, n), ",")
		body := `{"parts":[` + parts + `]}`
		items, err := jsonobject.DecodeList[ticket]([]byte("[" + strings.TrimSuffix(strings.Repeat(body+",", n), ",") + "]"))
		require.NoError(t, err)
		require.NotNil(t, items)
		require.Len(t, items, n)
		if n < 10 {
			assert.LessOrEqual(t, cap(items), 100, "what is expected of a list has a bound")
		}
		for _, item := range items {
			encodes(t, body, item)
		}
	}
}

func TestUnmarshalFollowsTheRulesOfEncodingJSON(t *testing.T) {
	t.Parallel()
	v := ticket{ID: 3}
	require.NoError(t, json.Unmarshal([]byte(` null `), &v))
	assert.EqualValues(t, 3, v.ID)
	assert.False(t, jsonobject.Has(&v, "id"))
	require.NoError(t, json.Unmarshal([]byte(` {"name":"x"} `), &v))
	assert.EqualValues(t, 3, v.ID)
	encodes(t, `{"id":3,"name":"x"}`, &v)
	require.ErrorContains(t, json.Unmarshal([]byte(`[]`), &v), "a JSON array where an object was expected")
}

type pointing struct {
	*jsonobject.Object
	ID int64 `json:"id"`
}

func TestATypeThatEmbedsNoObjectIsAnError(t *testing.T) {
	t.Parallel()
	const text = "is not a pointer to a struct that embeds a jsonobject.Object"
	for _, v := range []any{nil, 1, new(1), ticket{}, (*ticket)(nil), new(struct{ ID int64 }), new(new(ticket)), &pointing{}, pointing{}} {
		require.ErrorContains(t, jsonobject.Unmarshal([]byte(`{"id":1}`), v), text)
		_, err := jsonobject.Marshal(v)
		require.ErrorContains(t, err, text)
		assert.False(t, jsonobject.Has(v, "id"))
	}
	_, err := jsonobject.Decode[pointing]([]byte(`{}`))
	require.ErrorContains(t, err, text)
	_, err = jsonobject.DecodeList[int]([]byte(`[]`))
	require.ErrorContains(t, err, text)
}

type odd struct {
	jsonobject.Object

	Value   part       `json:"value"`
	Pointer *[]part    `json:"pointer"`
	List    *[]string  `json:"list"`
	Double  **person   `json:"double"`
	Many    []*person  `json:"many"`
	Plain   *time.Time `json:"plain"`
	Inner   *pointing  `json:"inner"`
	ID      string     `json:"id,omitempty"`
}

func TestFieldsOfOtherTypesAreExtras(t *testing.T) {
	t.Parallel()
	const body = `{"value":{"size":1},"pointer":[{}],"list":["a"],"double":{"id":1},"many":[{"id":1}],"inner":{"id":1}}`
	v, err := jsonobject.Decode[odd]([]byte(body))
	require.NoError(t, err)
	encodes(t, body, v)
	v.Object = jsonobject.Object{}
	assert.Equal(t, odd{}, *v)

	none, err := jsonobject.Decode[struct{ jsonobject.Object }]([]byte(`{"a":1,"b":{}}`))
	require.NoError(t, err)
	encodes(t, `{"a":1,"b":{}}`, none, "there may be no field at all")
}

// wide has two fields more than the maximum.
type wide struct {
	jsonobject.Object

	F0  int64 `json:"f0,omitzero"`
	F1  int64 `json:"f1,omitzero"`
	F2  int64 `json:"f2,omitzero"`
	F3  int64 `json:"f3,omitzero"`
	F4  int64 `json:"f4,omitzero"`
	F5  int64 `json:"f5,omitzero"`
	F6  int64 `json:"f6,omitzero"`
	F7  int64 `json:"f7,omitzero"`
	F8  int64 `json:"f8,omitzero"`
	F9  int64 `json:"f9,omitzero"`
	F10 int64 `json:"f10,omitzero"`
	F11 int64 `json:"f11,omitzero"`
	F12 int64 `json:"f12,omitzero"`
	F13 int64 `json:"f13,omitzero"`
	F14 int64 `json:"f14,omitzero"`
	F15 int64 `json:"f15,omitzero"`
	F16 int64 `json:"f16,omitzero"`
	F17 int64 `json:"f17,omitzero"`
	F18 int64 `json:"f18,omitzero"`
	F19 int64 `json:"f19,omitzero"`
	F20 int64 `json:"f20,omitzero"`
	F21 int64 `json:"f21,omitzero"`
	F22 int64 `json:"f22,omitzero"`
	F23 int64 `json:"f23,omitzero"`
	F24 int64 `json:"f24,omitzero"`
	F25 int64 `json:"f25,omitzero"`
	F26 int64 `json:"f26,omitzero"`
	F27 int64 `json:"f27,omitzero"`
	F28 int64 `json:"f28,omitzero"`
	F29 int64 `json:"f29,omitzero"`
	F30 int64 `json:"f30,omitzero"`
	F31 int64 `json:"f31,omitzero"`
	F32 int64 `json:"f32,omitzero"`
	F33 int64 `json:"f33,omitzero"`
	F34 int64 `json:"f34,omitzero"`
	F35 int64 `json:"f35,omitzero"`
	F36 int64 `json:"f36,omitzero"`
	F37 int64 `json:"f37,omitzero"`
	F38 int64 `json:"f38,omitzero"`
	F39 int64 `json:"f39,omitzero"`
	F40 int64 `json:"f40,omitzero"`
	F41 int64 `json:"f41,omitzero"`
	F42 int64 `json:"f42,omitzero"`
	F43 int64 `json:"f43,omitzero"`
	F44 int64 `json:"f44,omitzero"`
	F45 int64 `json:"f45,omitzero"`
	F46 int64 `json:"f46,omitzero"`
	F47 int64 `json:"f47,omitzero"`
	F48 int64 `json:"f48,omitzero"`
	F49 int64 `json:"f49,omitzero"`
	F50 int64 `json:"f50,omitzero"`
	F51 int64 `json:"f51,omitzero"`
	F52 int64 `json:"f52,omitzero"`
	F53 int64 `json:"f53,omitzero"`
	F54 int64 `json:"f54,omitzero"`
	F55 int64 `json:"f55,omitzero"`
	F56 int64 `json:"f56,omitzero"`
	F57 int64 `json:"f57,omitzero"`
	F58 int64 `json:"f58,omitzero"`
	F59 int64 `json:"f59,omitzero"`
	F60 int64 `json:"f60,omitzero"`
	F61 int64 `json:"f61,omitzero"`
	F62 int64 `json:"f62,omitzero"`
	F63 int64 `json:"f63,omitzero"`
	F64 int64 `json:"f64,omitzero"`
}

func TestFieldsBeyondThe63rdAreExtras(t *testing.T) {
	t.Parallel()
	var keys []string
	for i := range 65 {
		keys = append(keys, fmt.Sprintf(`"f%d":%d`, i, i+1))
	}
	body := "{" + strings.Join(keys, ",") + "}"
	v, err := jsonobject.Decode[wide]([]byte(body))
	require.NoError(t, err)
	assert.EqualValues(t, 63, v.F62)
	assert.Zero(t, v.F63)
	raw, ok := v.Extra("f63")
	assert.True(t, ok)
	assert.Equal(t, "64", string(raw))
	encodes(t, body, v)
	for _, key := range []string{"f0", "f31", "f32", "f62", "f63"} {
		null := `{"` + key + `":null}`
		v, err := jsonobject.Decode[wide]([]byte(null))
		require.NoError(t, err)
		encodes(t, null, v)
	}
}

func TestAnObjectOfAnyValuesIsReplaced(t *testing.T) {
	t.Parallel()
	v := decode(t, `{"options":{"a":1}}`)
	before := *v
	require.NoError(t, v.UnmarshalJSON([]byte(`{"options":{"b":2}}`)))
	assert.Equal(t, map[string]any{"b": 2.0}, v.Options)
	assert.Equal(t, map[string]any{"a": 1.0}, before.Options, "a copy does not change")
	assert.Equal(t, map[string]any{"b": 2.0}, decode(t, `{"options":{"a":1},"options":{"b":2}}`).Options, "the last one counts")
}

func TestAnObjectOfAnyValuesHasALimitOfElements(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"nested objects": strings.Repeat(`{"a":`, 4000) + "1" + strings.Repeat("}", 4000),
		"nested arrays":  strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
	} {
		_, err := jsonobject.Decode[ticket]([]byte(`{"options":{"a":[` + strings.Repeat(value+",", 30) + `1]}}`))
		require.ErrorContains(t, err, "more than 100000 elements", name)
	}
	commas := strings.Repeat(",", 200_000)
	assert.Equal(t, map[string]any{"a": commas}, decode(t, `{"options":{"a":"`+commas+`"}}`).Options)
}

func TestAnEmptyListInAMapIsNotNull(t *testing.T) {
	t.Parallel()
	v := &ticket{Notes: map[string][]string{"a": nil}}
	got, err := v.MarshalJSON()
	require.NoError(t, err)
	assert.Contains(t, string(got), `"notes":{"a":[]}`)
	assert.Nil(t, v.Notes["a"], "the value is not changed")
}
