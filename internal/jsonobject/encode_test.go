package jsonobject_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/jsonobject"
)

func TestAStructMadeByHandHasTheKeysThatAreAlwaysThere(t *testing.T) {
	t.Parallel()
	encodes(t, `{"id":0,"name":"","state":"","open":false,"at":null,"tags":[],"parts":[],"labels":{},"count":null,"owner":null}`, &ticket{})
	encodes(t, `{"id":0,"name":"a","state":"b","open":true,"ratio":1.5,"at":"2024-03-05T09:00:00.000Z","tags":["x"],"parts":[{"size":1},{"size":2}],`+
		`"labels":{"a":"2","b":"1"},"notes":{},"options":{"a":"<&>"},"count":5,"due":"2024-03-05T09:00:00.000Z","owner":{"id":0,"name":"Ada"},"draft":{"size":0},"odd":3}`,
		&ticket{
			Name: "a", State: "b", Open: true, Ratio: 1.5, At: time.Date(2024, 3, 5, 9, 0, 0, 0, time.UTC), Tags: []string{"x"},
			Parts: []part{{Size: 1}, {Size: 2}}, Labels: map[string]string{"b": "1", "a": "2"}, Notes: map[string][]string{},
			Options: map[string]any{"a": "<&>"}, Count: new(int64(5)), Due: new(time.Date(2024, 3, 5, 9, 0, 0, 0, time.UTC)),
			Owner: &person{Name: "Ada"}, Draft: &part{}, Odd: 3,
		})
}

func TestAFieldThatIsSetLaterIsEncoded(t *testing.T) {
	t.Parallel()
	v := decode(t, `{"id":1,"name":null,"count":7}`)
	v.Name, v.Count, v.Open = "a", nil, true
	encodes(t, `{"id":1,"name":"a","open":true,"count":null}`, v)
	v = decode(t, `{"tags":["a"],"labels":{"a":"b"},"at":"2024-03-05T09:03:51Z","parts":[{}]}`)
	v.Tags, v.Labels, v.At, v.Parts = nil, nil, time.Time{}, nil
	encodes(t, `{"at":null,"tags":[],"parts":[],"labels":{}}`, v)
}

func TestTimesHaveMillisecondsOrMore(t *testing.T) {
	t.Parallel()
	for _, want := range []string{
		"2024-03-05T09:03:51.000Z", "2024-03-05T09:03:51.120Z", "2024-03-05T09:03:51.123Z", "2024-03-05T09:03:51.123456Z",
		"2024-03-05T09:03:51.000001Z", "2024-03-05T11:03:51.000+02:00",
	} {
		for _, key := range []string{"at", "due"} {
			body := `{"` + key + `":"` + want + `"}`
			encodes(t, body, decode(t, body))
		}
	}
}

func TestExtrasAreEncodedWithoutWhiteSpace(t *testing.T) {
	t.Parallel()
	encodes(t, `{"name":[1,"a b"],"x":{"a":1.50,"b":"<\u00e9>"},"<y>":2}`,
		decode(t, "{\"name\": [ 1,\n\"a b\" ], \"x\" :{ \"a\" : 1.50, \"b\":\"<\\u00e9>\" }, \"<y>\":2}"))
}

func TestAValueThatCannotBeEncodedIsAnError(t *testing.T) {
	t.Parallel()
	for _, v := range []*ticket{
		{Ratio: math.NaN()}, {Percent: new(math.Inf(1))}, {Options: map[string]any{"a": func() {}}},
	} {
		_, err := jsonobject.Marshal(v)
		require.Error(t, err)
		_, err = json.Marshal([]any{v})
		require.Error(t, err)
	}
	type nested struct {
		jsonobject.Object

		List []ticket `json:"list"`
		One  *ticket  `json:"one"`
	}
	_, err := jsonobject.Marshal(&nested{List: []ticket{{Ratio: math.NaN()}}})
	require.Error(t, err)
	_, err = jsonobject.Marshal(&nested{One: &ticket{Ratio: math.NaN()}})
	require.Error(t, err)
}
