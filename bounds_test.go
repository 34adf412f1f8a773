package gitlabjobs_test

import (
	"compress/gzip"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// flood is a body of a given length that is generated as it is read.
type flood struct {
	left int64
	read atomic.Int64
}

func (f *flood) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := int(min(f.left, int64(len(p))))
	clear(p[:n])
	f.left -= int64(n)
	f.read.Add(int64(n))
	return n, nil
}

func (*flood) Close() error { return nil }

func flooding(t *testing.T, status int, body *flood, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	return newClient(t, func(req *http.Request) (*http.Response, error) {
		resp := answer{status: status}.to(req)
		resp.Body, resp.ContentLength = body, -1
		return resp, nil
	}, opts...)
}

func TestErrorBodiesAreReadUpTo64KiB(t *testing.T) {
	t.Parallel()
	body := &flood{left: 64 << 20}
	_, err := flooding(t, 500, body, oneAttempt()).Jobs.Get(t.Context(), "1", 7)
	var e *gitlabjobs.Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Body, 64<<10)
	assert.LessOrEqual(t, body.read.Load(), int64(64<<10))
}

func TestResponseBodiesAreLimited(t *testing.T) {
	t.Parallel()
	body := &flood{left: 1 << 40}
	limit := inFull(64<<20, 1<<20)
	var opts []gitlabjobs.ClientOption
	if limit < 64<<20 {
		opts = append(opts, gitlabjobs.WithMaxBody(int64(limit)))
	}
	_, err := flooding(t, 200, body, opts...).Jobs.Get(t.Context(), "1", 7)
	require.ErrorContains(t, err, "larger than the limit of the client: see WithMaxBody")
	assert.LessOrEqual(t, body.read.Load(), int64(limit+1))

	// The default is 64 MiB.
	for _, length := range []int64{64 << 20, 64<<20 + 1} {
		_, err = newClient(t, func(req *http.Request) (*http.Response, error) {
			resp := answer{body: oneJob}.to(req)
			resp.ContentLength = length
			return resp, nil
		}).Jobs.Get(t.Context(), "1", 7)
		if length == 64<<20 {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "larger than the limit of the client: see WithMaxBody")
		}
	}

	body = &flood{left: 1 << 40}
	_, err = flooding(t, 200, body, gitlabjobs.WithMaxBody(1000)).Jobs.Retry(t.Context(), "1", 7, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	assert.LessOrEqual(t, body.read.Load(), int64(1001))

	// A body whose Content-Length exceeds the limit is not read at all.
	body = &flood{left: 2000}
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		resp := answer{}.to(req)
		resp.Body, resp.ContentLength = body, 2000
		return resp, nil
	}, gitlabjobs.WithMaxBody(1000))
	_, err = client.Jobs.Get(t.Context(), "1", 7)
	require.ErrorContains(t, err, "larger than the limit of the client")
	assert.Zero(t, body.read.Load())

	// The largest possible limit does not overflow.
	_, err = answering(t, answer{body: oneJob}, gitlabjobs.WithMaxBody(math.MaxInt64)).Jobs.Get(t.Context(), "1", 7)
	require.NoError(t, err)

	// A body of exactly the limit is accepted.
	job := oneJob + strings.Repeat(" ", 1000-len(oneJob))
	_, err = answering(t, answer{body: job}, gitlabjobs.WithMaxBody(1000)).Jobs.Get(t.Context(), "1", 7)
	require.NoError(t, err)
}

func TestACompressedBodyHasTheSameLimit(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		assert.Equal(t, "gzip", req.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(zip, &flood{left: 4 << 30}) // Until the client closes the connection.
	}))
	t.Cleanup(srv.Close)
	client, err := gitlabjobs.NewClient(srv.URL, gitlabjobs.NoAuth(), gitlabjobs.WithMaxBody(1<<20))
	require.NoError(t, err)
	_, err = client.Jobs.Get(t.Context(), "1", 7)
	require.ErrorContains(t, err, "larger than the limit of the client")
	client.CloseIdleConnections()
}

func TestAConnectionIsReusedAfterAnError(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/404") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, oneJob)
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	client, err := gitlabjobs.NewClient(srv.URL, gitlabjobs.NoAuth())
	require.NoError(t, err)
	for _, id := range []int64{1, 404, 2, 404, 3} {
		_, _ = client.Jobs.Get(t.Context(), "1", id)
	}
	assert.EqualValues(t, 1, connections.Load())
	client.CloseIdleConnections()
}
