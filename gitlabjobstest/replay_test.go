package gitlabjobstest_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	gt "example.com/gitlabjobs/gitlabjobstest"
)

// recorded is one line of the recording: a request with GitLab's response, or a
// reset of the data set.
type recorded struct {
	Reset  bool              `json:"reset"`
	Group  string            `json:"group"`
	Note   string            `json:"note"`
	Method string            `json:"method"`
	Path   string            `json:"path"`
	Header map[string]string `json:"header"`
	Body   string            `json:"body"`

	Status         int               `json:"status"`
	ResponseHeader map[string]string `json:"response_header"`
	Response       string            `json:"response"`
}

func (r *recorded) response() response {
	header := http.Header{}
	for k, v := range r.ResponseHeader {
		header[http.CanonicalHeaderKey(k)] = []string{v}
	}
	return response{r.Status, header, r.Response}
}

func readRecording(t *testing.T) []recorded {
	t.Helper()
	all, err := recording()
	require.NoError(t, err)
	return all
}

var recording = sync.OnceValues(func() (all []recorded, err error) {
	f, err := os.Open("testdata/recording.jsonl.gz")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	lines := json.NewDecoder(bufio.NewReader(z))
	for {
		var r recorded
		if err := lines.Decode(&r); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
})

func send(t *testing.T, s *gt.Server, r *recorded, placeholders map[string]string) response {
	t.Helper()
	var pairs []string
	for k, v := range placeholders {
		pairs = append(pairs, k, v)
	}
	fill := strings.NewReplacer(pairs...)
	req, err := http.NewRequestWithContext(t.Context(), r.Method, s.URL+fill.Replace(r.Path), strings.NewReader(r.Body))
	require.NoError(t, err)
	for k, v := range r.Header {
		req.Header.Set(k, fill.Replace(v))
	}
	if r.Body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.Transport().RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return response{resp.StatusCode, resp.Header, string(body)}
}

// intendedDifference is an intended difference between the fake's response and
// the recorded one. It covers recorded requests that have the note, whose path
// contains path, and whose differences all start with one of the prefixes.
type intendedDifference struct {
	note, path string
	prefixes   []string
	reason     string
}

func intendedDifferences() []intendedDifference {
	return []intendedDifference{
		{
			note: "bridges after", path: "/projects/7/pipelines/50/bridges",
			prefixes: []string{
				"[0].status is success, not pending", "[0].downstream_pipeline is an object", "[0].finished_at is a string",
				"[1].status is success, not pending", "[1].downstream_pipeline is an object", "[1].finished_at is a string",
			},
			reason: "GitLab starts the downstream pipeline of a played or retried bridge in the background. " +
				"The background jobs did not run while the responses were recorded; the fake runs them before the next request.",
		},
		{
			path: "?page=99999999999999999999", prefixes: []string{"X-", "Link is "},
			reason: "The page number is too large for the database, and both responses are a 500. " +
				"The fake omits the pagination headers that GitLab sets before the error.",
		},
	}
}

func (d *intendedDifference) covers(r *recorded, differences []string) bool {
	if r.Note != d.note || !strings.Contains(r.Path, d.path) {
		return false
	}
	for _, difference := range differences {
		if !slices.ContainsFunc(d.prefixes, func(prefix string) bool { return strings.HasPrefix(difference, prefix) }) {
			return false
		}
	}
	return true
}

// The fake's responses equal the recorded responses of GitLab, except for the
// intended differences.
func TestRecordedResponsesAreTheFakesToo(t *testing.T) {
	t.Parallel()
	groups := map[string]string{"A": "credentials", "B": "actions", "C": "lists"}
	total, equal := map[string]int{}, map[string]int{}
	intended := intendedDifferences()
	needed := make([]bool, len(intended))
	var s *gt.Server
	var placeholders map[string]string
	for _, r := range readRecording(t) {
		if r.Reset {
			s, placeholders = newRecordedServer(t)
			continue
		}
		total[r.Group]++
		differences := comparer{values: true}.compare(r.response(), send(t, s, &r, placeholders))
		if differences == nil {
			equal[r.Group]++
			continue
		}
		i := slices.IndexFunc(intended, func(d intendedDifference) bool { return d.covers(&r, differences) })
		if i < 0 {
			t.Errorf("%s %s %s (%s) %v: %s", r.Group, r.Method, r.Path, r.Note, r.Header, strings.Join(differences, "; "))
			continue
		}
		needed[i] = true
	}
	for i, d := range intended {
		require.True(t, needed[i], "the intended difference %q of %q is no longer needed: remove it", d.note, d.path)
		require.NotEmpty(t, d.reason)
	}
	for _, group := range slices.Sorted(maps.Keys(total)) {
		share := 100 * float64(equal[group]) / float64(total[group])
		t.Logf("%s: %d of %d responses are equal (%.1f %%)", groups[group], equal[group], total[group], share)
		require.Greater(t, share, 97.0)
	}
}
