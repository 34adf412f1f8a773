package jsonobject_test

import (
	"time"

	"example.com/gitlabjobs/internal/jsonobject"
)

type state string

// ticket has a field of every kind.
type ticket struct {
	jsonobject.Object

	ID      int64               `json:"id"`
	Name    string              `json:"name"`
	State   state               `json:"state"`
	Open    bool                `json:"open"`
	Ratio   float64             `json:"ratio,omitzero"`
	At      time.Time           `json:"at"`
	Tags    []string            `json:"tags"`
	Parts   []part              `json:"parts"`
	Labels  map[string]string   `json:"labels"`
	Notes   map[string][]string `json:"notes,omitzero"`
	Options map[string]any      `json:"options,omitzero"`

	Count    *int64     `json:"count"`
	Title    *string    `json:"title,omitzero"`
	Previous *state     `json:"previous,omitzero"`
	Locked   *bool      `json:"locked,omitzero"`
	Percent  *float64   `json:"percent,omitzero"`
	Due      *time.Time `json:"due,omitzero"`
	Owner    *person    `json:"owner"`
	Draft    *part      `json:"draft,omitzero"`

	Odd     int32  `json:"odd,omitzero"` // Of a type that is not read.
	Comment string // Without a key.
	Hidden  string `json:"-"`
}

func (t *ticket) MarshalJSON() ([]byte, error)    { return jsonobject.Marshal(t) }
func (t *ticket) UnmarshalJSON(data []byte) error { return jsonobject.Unmarshal(data, t) }

// person is repeated from ticket to ticket.
type person struct {
	jsonobject.Object `jsonobject:"shared"`

	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type part struct {
	jsonobject.Object

	Size int64  `json:"size"`
	Kind string `json:"kind,omitzero"`
}

// full has a value of every kind.
const full = `{"id":1,"name":"first","state":"new","open":true,"ratio":0.5,"at":"2024-03-05T09:03:51.000Z","tags":["a","b"],` +
	`"parts":[{"size":1,"kind":"x"},{"size":2}],"labels":{"a":"b"},"notes":{"a":["b","c"]},"options":{"a":[1,null]},` +
	`"count":0,"title":"","previous":"old","locked":false,"percent":1.5,"due":"2024-03-05T11:03:51.123456+02:00",` +
	`"owner":{"id":7,"name":"Ada"},"draft":{"size":3},"odd":1,"new":{"x":[1,2.50]}}`
