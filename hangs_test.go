package gitlabjobs_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// closeOnly is a body that ends only when it is closed. It ignores the context.
type closeOnly struct {
	once   sync.Once
	closed chan struct{}
}

func (b *closeOnly) Read([]byte) (int, error) {
	<-b.closed
	return 0, errors.New("read on a closed body")
}

func (b *closeOnly) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// neverEnding returns a client of a server whose response bodies are closeOnly.
func neverEnding(t *testing.T, status int, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	return newClient(t, func(req *http.Request) (*http.Response, error) {
		resp := answer{status: status}.to(req)
		resp.Body, resp.ContentLength = &closeOnly{closed: make(chan struct{})}, -1
		return resp, nil
	}, opts...)
}

func TestABodyThatNeverEndsHasTheAttemptsLimit(t *testing.T) {
	t.Parallel()
	for _, m := range methods {
		if m.class == stream {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := m.call(t.Context(), neverEnding(t, 200, oneAttempt()), 7)
				require.ErrorContains(t, err, "no complete response within 30s")
				assert.Equal(t, m.isWrite(), errors.Is(err, gitlabjobs.ErrOutcomeUnknown))
				assert.Equal(t, 30*time.Second, time.Since(start))
			})
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := m.call(t.Context(), neverEnding(t, 404), 7)
				require.ErrorIs(t, err, gitlabjobs.ErrNotFound) // The status code is enough.
				assert.LessOrEqual(t, time.Since(start), 2*30*time.Second)
			})
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				err := m.call(ctx, neverEnding(t, 200), 7)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, m.isWrite(), errors.Is(err, gitlabjobs.ErrOutcomeUnknown))
				assert.Equal(t, 3*time.Second, time.Since(start))
			})
		})
	}
}

func TestALogThatNeverEndsHasTheAttemptsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, err := neverEnding(t, 200, oneAttempt()).Jobs.Trace(t.Context(), "1", 7, nil)
		require.NoError(t, err)
		start := time.Now()
		_, err = io.ReadAll(log)
		require.ErrorContains(t, err, "no further bytes within 30s")
		assert.Equal(t, 30*time.Second, time.Since(start))
		require.NoError(t, log.Close())
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		log, err := neverEnding(t, 200).Jobs.Trace(ctx, "1", 7, nil)
		require.NoError(t, err)
		start := time.Now()
		_, err = io.ReadAll(log)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 3*time.Second, time.Since(start))
		require.NoError(t, log.Close())
	})
}

// The body of a 101 is the connection. Neither the context nor the attempt timeout ends
// it.
func TestSwitchingProtocolsIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
				_, _ = io.Copy(io.Discard, in)
			})
		}
	})
	client, err := gitlabjobs.NewClient("http://"+listener.Addr().String(), gitlabjobs.NoAuth())
	require.NoError(t, err)
	for _, m := range methods {
		var resp gitlabjobs.Response
		err := m.call(t.Context(), client, 7, gitlabjobs.WithResponse(&resp))
		var e *gitlabjobs.Error
		require.ErrorAs(t, err, &e, m.name)
		assert.Equal(t, 101, e.StatusCode, m.name)
		require.ErrorContains(t, err, "101 Switching Protocols: the server, or a proxy, switched to a protocol that was not requested", m.name)
		assert.Equal(t, m.isWrite(), errors.Is(err, gitlabjobs.ErrOutcomeUnknown), m.name)
		assert.Equal(t, 1, resp.Attempts, m.name)
	}
	client.CloseIdleConnections()
	require.NoError(t, listener.Close())
	wg.Wait()
}
