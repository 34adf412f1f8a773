package gitlabjobs_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// hostileBodies are bodies that are small once compressed. Each is a value that is repeated
// until the body has the given size, and what is before and after it.
var hostileBodies = map[string]struct{ before, value, after string }{
	"jobs":                               {`[{"id":1}`, `,{}`, `]`},
	"a list of numbers":                  {`[{"id":1,"tag_list":[1`, `,1`, `]}]`},
	"a list of empty strings":            {`[{"id":1,"tag_list":[""`, `,""`, `]}]`},
	"artifacts":                          {`[{"id":1,"artifacts":[{}`, `,{}`, `]}]`},
	"the same list repeated":             {`[{"id":1`, `,"tag_list":[""]`, `}]`},
	"the same object repeated":           {`[{"id":1`, `,"artifacts_file":{}`, `}]`},
	"the same map repeated":              {`[{"id":1,"commit":{"id":"1"`, `,"trailers":{}`, `}}]`},
	"the same unknown key":               {`[{"id":1`, `,"x":1`, `}]`},
	"a list of lists in a map":           {`[{"id":1,"commit":{"extended_trailers":{"a":["1"]`, `,"a":[""]`, `}}}]`},
	"the same key of a map":              {`[{"id":1,"commit":{"trailers":{"a":""`, `,"a":""`, `}}}]`},
	"a field that does not fit its type": {`[{"id":1`, `,"tag":5`, `}]`},
}

// largeBody is the size of the bodies of the tests that measure the heap.
var largeBody = inFull(8<<20, 2<<20)

func repeated(before, value, after string) string {
	return before + strings.Repeat(value, largeBody/len(value)) + after
}

// A small body does not become a large value, in the heap or in a pool, whatever is
// repeated in it.
func TestAHostileBodyUsesLittleMemory(t *testing.T) { //nolint:paralleltest // It measures the heap.
	agents := func(client *gitlabjobs.Client) error {
		_, err := client.JobToken.AllowedAgents(t.Context())
		return err
	}
	jobs := func(client *gitlabjobs.Client) error {
		_, err := client.Jobs.ListByProject(t.Context(), "1", nil)
		return err
	}
	const free = `{"job":{"id":1},"allowed_agents":[{"id":1,"configuration":{"a":`
	measure := func(name, body string, call func(*gitlabjobs.Client) error) {
		t.Run(name, func(t *testing.T) {
			client := answering(t, answer{body: body})
			var before, after, left runtime.MemStats
			runtime.GC()
			runtime.GC() // What the pools held before is gone.
			runtime.ReadMemStats(&before)
			err := call(client)
			runtime.ReadMemStats(&after)
			runtime.GC() // Pools keep what they have through one.
			runtime.ReadMemStats(&left)
			require.ErrorContains(t, err, "more than 100000 elements")
			// The buffer of the body takes two to three times its size, since it grows.
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*largeBody+64<<20), "bytes allocated")
			assert.Less(t, int64(left.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20), "bytes left")
			t.Logf("%d MiB allocated, %d KiB left: %v", (after.TotalAlloc-before.TotalAlloc)>>20, (int64(left.HeapAlloc)-int64(before.HeapAlloc))>>10, err)
			runtime.KeepAlive(client)
		})
	}
	for name, tc := range hostileBodies {
		measure(name, repeated(tc.before, tc.value, tc.after), jobs)
	}
	var keys strings.Builder
	keys.WriteString(`[{"id":1`)
	for i := 0; keys.Len() < largeBody; i++ {
		fmt.Fprintf(&keys, `,"%d":1`, i)
	}
	measure("unknown keys", keys.String()+"}]", jobs)
	measure("a free-form list", repeated(free+`[1`, `,1`, `]}}]}`), agents)
	measure("free-form empty lists", repeated(free+`[[]`, `,[]`, `]}}]}`), agents)
	measure("free-form empty objects", repeated(free+`[{}`, `,{}`, `]}}]}`), agents)
	measure("free-form keys", repeated(free+`{"":1`, `,"":1`, `}}}]}`), agents)
	measure("free-form nulls", repeated(free+`[null`, `,null`, `]}}]}`), agents)
}

// What a decoder keeps for the next body is small, even if everything fits.
func TestADecoderFreesLargeBuffers(t *testing.T) { //nolint:paralleltest // It measures the heap.
	for name, body := range map[string]string{
		"a long list":             `{"id":1,"tag_list":[""` + strings.Repeat(`,""`, 90_000) + `]}`,
		"a long string":           `{"id":1,"name":"` + strings.Repeat("a", largeBody) + `"}`,
		"a long string in a list": `{"id":1,"tag_list":["` + strings.Repeat("a", largeBody) + `"]}`,
		"a long unknown value":    `{"id":1,"x":"` + strings.Repeat("a", largeBody) + `"}`,
		"a long shared object":    `{"id":1,"user":{"name":"` + strings.Repeat("a", largeBody) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			client := answering(t, answer{body: body})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := client.Jobs.Get(t.Context(), "1", 1)
			require.NoError(t, err)
			runtime.GC()
			runtime.ReadMemStats(&after)
			assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
			runtime.KeepAlive(client)
		})
	}
}
