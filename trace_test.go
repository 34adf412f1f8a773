package gitlabjobs_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// logServer serves log, by byte_offset and byte_limit if it is a newer one. Where
// a piece has a bound, it never sends more at once.
func logServer(log string, newer bool, piece int, seen *[]string) transport {
	return func(req *http.Request) (*http.Response, error) {
		*seen = append(*seen, req.URL.RawQuery)
		q := req.URL.Query()
		text := log
		if newer {
			offset, _ := strconv.Atoi(q.Get("byte_offset"))
			text = text[min(offset, len(text)):]
			if s := q.Get("byte_limit"); s != "" {
				limit, _ := strconv.Atoi(s)
				if limit < 1 || limit > 512_000 {
					return answer{status: 400, body: `{"error":"byte_limit does not have a valid value"}`}.to(req), nil
				}
				text = text[:min(limit, len(text))]
			}
			if piece > 0 {
				text = text[:min(piece, len(text))]
			}
		}
		return answer{body: text, header: map[string]string{"Content-Type": "text/plain"}}.to(req), nil
	}
}

func TestTraceReadsAPartOnAnyServer(t *testing.T) {
	t.Parallel()
	const log = "0123456789abcdef"
	for name, tc := range map[string]struct {
		newer bool
		piece int
	}{"older": {}, "newer": {newer: true}, "newer, in pieces": {newer: true, piece: 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			client := newClient(t, logServer(log, tc.newer, tc.piece, &seen))
			for _, o := range []gitlabjobs.TraceOptions{
				{}, {Offset: 5}, {Limit: 4}, {Offset: 5, Limit: 4}, {Offset: 15, Limit: 10}, {Offset: 16}, {Offset: 99, Limit: 1}, {Limit: 600_000},
			} {
				if o == (gitlabjobs.TraceOptions{}) && tc.piece > 0 {
					continue // A whole log comes whole.
				}
				want := log[min(o.Offset, 16):]
				if o.Limit > 0 {
					want = want[:min(o.Limit, int64(len(want)))]
				}
				got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &o))
				require.NoError(t, err)
				assert.Equal(t, want, string(got.([]byte)), "%+v", o)
			}
		})
	}
}

func TestTraceAsksOnceWhetherAServerKnowsRanges(t *testing.T) {
	t.Parallel()
	for newer, want := range map[bool][]string{
		true:  {"byte_limit=0&byte_offset=2", "byte_limit=3&byte_offset=2", "byte_limit=3&byte_offset=2"},
		false: {"byte_limit=0&byte_offset=2", ""},
	} {
		var seen []string
		client := newClient(t, logServer("0123456789", newer, 0, &seen))
		for range 2 {
			got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 2, Limit: 3}))
			require.NoError(t, err)
			assert.Equal(t, "234", string(got.([]byte)))
		}
		assert.Equal(t, want, seen)
	}
}

func TestTraceReportsARefusalOfAPart(t *testing.T) {
	t.Parallel()
	for _, a := range []answer{{status: 404, body: `{"message":"404 Not found"}`}, {status: 400, body: `{"error":"job_id is invalid"}`}} {
		r, err := answering(t, a).Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 2})
		var e *gitlabjobs.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, a.status, e.StatusCode)
		assert.Nil(t, r)
	}
}

// endless is a body that never ends, and counts what was read of it.
type endless struct {
	read   int
	closed bool
}

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (e *endless) Close() error               { e.closed = true; return nil }

func TestTraceIsAStream(t *testing.T) {
	t.Parallel()
	body := new(endless)
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		resp := answer{}.to(req)
		resp.Body, resp.ContentLength = body, -1
		return resp, nil
	})
	log, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
	require.NoError(t, err)
	assert.Zero(t, body.read, "nothing is read ahead")
	_, err = io.ReadFull(log, make([]byte, 1000))
	require.NoError(t, err)
	assert.Equal(t, 1000, body.read)
	require.NoError(t, log.Close())
	assert.True(t, body.closed)
}

func TestALogThatStallsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			resp := answer{}.to(req)
			r, w := io.Pipe()
			go func() {
				_, _ = io.WriteString(w, "begin")
				<-req.Context().Done()
				w.CloseWithError(req.Context().Err())
			}()
			resp.Body, resp.ContentLength = r, -1
			return resp, nil
		}, gitlabjobs.WithAttemptTimeout(10*time.Second))
		log, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
		require.NoError(t, err)
		start := time.Now()
		got, err := io.ReadAll(log)
		assert.Equal(t, "begin", string(got))
		require.EqualError(t, err, "no further bytes within 10s")
		assert.Equal(t, 10*time.Second, time.Since(start))
		require.NoError(t, log.Close())
	})
}

func TestAServerThatNeverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}, oneAttempt())
		for _, e := range endpoints {
			start := time.Now()
			_, err := e.call(t.Context(), client)
			what := "complete answer"
			if strings.HasPrefix(e.name, "trace") {
				what = "answer"
			}
			require.ErrorContains(t, err, e.route+": no "+what+" within 30s")
			assert.Equal(t, 30*time.Second, time.Since(start))
		}
	})
}
