package gitlabjobs_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// If a connection of net/http fails, a write is retried only if it was not sent.
func TestAWriteOverRealConnections(t *testing.T) {
	t.Parallel()
	quick := gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond})
	var hits atomic.Int64
	handler := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		hits.Add(1)
		if req.Method == http.MethodPost {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, oneJob)
	})
	tlsServer := httptest.NewUnstartedServer(handler)
	tlsServer.EnableHTTP2 = true
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0) // The failed handshakes are expected.
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	plainServer := httptest.NewServer(handler)
	t.Cleanup(plainServer.Close)
	var listen net.ListenConfig
	hangsUp, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := hangsUp.Accept()
			if err != nil {
				return
			}
			assert.NoError(t, conn.Close())
		}
	})
	t.Cleanup(func() { assert.NoError(t, hangsUp.Close()); wg.Wait() })
	closed, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())

	for name, tc := range map[string]struct {
		base     string
		hc       *http.Client
		attempts int
		sent     bool
	}{
		"connection refused":              {"http://" + closed.Addr().String(), nil, 5, false},
		"the TLS handshake breaks off":    {"https://" + hangsUp.Addr().String(), nil, 5, false},
		"the certificate is untrusted":    {tlsServer.URL, nil, 1, false},
		"https to a plain http server":    {"https" + plainServer.URL[len("http"):], nil, 1, false},
		"closed before the response":      {"http://" + hangsUp.Addr().String(), nil, 1, true},
		"HTTP/1.1, reset in the response": {plainServer.URL, nil, 1, true},
		"HTTP/2, reset in the response":   {tlsServer.URL, tlsServer.Client(), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			options := []gitlabjobs.ClientOption{quick}
			if tc.hc != nil {
				options = append(options, gitlabjobs.WithHTTPClient(tc.hc))
			}
			client, err := gitlabjobs.NewClient(tc.base, gitlabjobs.NoAuth(), options...)
			require.NoError(t, err)
			before := hits.Load()
			var resp gitlabjobs.Response
			_, err = client.Jobs.Retry(t.Context(), "1", 7, nil, gitlabjobs.WithResponse(&resp))
			require.Error(t, err)
			assert.Equal(t, tc.attempts, resp.Attempts)
			if tc.sent {
				require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
				assert.LessOrEqual(t, hits.Load()-before, int64(1))
			} else {
				require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
				assert.Equal(t, before, hits.Load())
			}
			client.CloseIdleConnections()
		})
	}
}
