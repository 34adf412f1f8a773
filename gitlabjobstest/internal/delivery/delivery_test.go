package delivery_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/gitlabjobstest/internal/delivery"
)

// testBody is a body that consists of generated capital letters and a stored
// string.
type testBody struct {
	generated int64
	stored    string
}

func (b testBody) Size() int64      { return b.generated + int64(len(b.stored)) }
func (b testBody) Generated() int64 { return b.generated }

func (b testBody) Part(off, n int64, buf []byte) []byte {
	if off >= b.generated {
		stored := b.stored[off-b.generated:]
		return []byte(stored[:min(n, int64(len(stored)))])
	}
	p := buf[:min(n, b.generated-off, int64(len(buf)))]
	for i := range p {
		p[i] = 'A' + byte((off+int64(i))%26)
	}
	return p
}

// handler sends the same response to each request, and records the calls.
type handler struct {
	response delivery.Response
	latency  time.Duration
	down     bool
	refused  bool

	mu       sync.Mutex
	received string
	sent     int
	status   int
	done     bool
}

func (h *handler) Accept(*http.Request) (delivery.Exchange, bool) { return h, !h.down }
func (h *handler) Refused() bool                                  { return h.refused }
func (h *handler) Latency() time.Duration                         { return h.latency }

func (h *handler) Respond() *delivery.Response {
	r := h.response
	if r.Body == nil {
		r.Body = testBody{stored: "hello"}
	}
	r.Status = max(r.Status, http.StatusOK)
	return &r
}

// locked calls f while h is locked.
func (h *handler) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *handler) Received(body []byte) { h.locked(func() { h.received = string(body) }) }
func (h *handler) Responded(status int) { h.locked(func() { h.status = status }) }
func (h *handler) Sent(n int)           { h.locked(func() { h.sent += n }) }
func (h *handler) Done()                { h.locked(func() { h.done = true }) }

// fetch sends a request and reads the response.
func fetch(t *testing.T, rt http.RoundTripper, url, method, body string) (string, *http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), resp, err
}

// onSocketAndInMemory runs a test over a socket, and in memory with virtual time.
func onSocketAndInMemory(t *testing.T, h func() *handler, test func(t *testing.T, h *handler, fetch func(method, body string) (string, *http.Response, error))) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := h()
			n := delivery.New(h)
			test(t, h, func(method, body string) (string, *http.Response, error) {
				return fetch(t, n.Transport(), "http://host.test/", method, body)
			})
		})
	})
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		h := h()
		n := delivery.New(h)
		url, serve, err := n.Listen(false)
		require.NoError(t, err)
		serve()
		t.Cleanup(n.Close)
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		test(t, h, func(method, body string) (string, *http.Response, error) {
			return fetch(t, tr, url, method, body)
		})
	})
}

func TestResponseIsDeliveredWithOptions(t *testing.T) {
	t.Parallel()
	long := testBody{generated: 300_000, stored: "rest"}
	all := make([]byte, long.generated)
	long.Part(0, long.generated, all)
	for name, tt := range map[string]struct {
		handler *handler
		want    string
		err     error
	}{
		"at once":          {&handler{}, "hello", nil},
		"empty":            {&handler{response: delivery.Response{Body: testBody{}}}, "", nil},
		"generated":        {&handler{response: delivery.Response{Body: long}}, string(all) + "rest", nil},
		"in chunks":        {&handler{response: delivery.Response{Options: delivery.Options{Chunk: 2, Pause: time.Millisecond}}}, "hello", nil},
		"cut":              {&handler{response: delivery.Response{Options: delivery.Options{Cut: true, CutAfter: 3}}}, "hel", io.ErrUnexpectedEOF},
		"cut at the start": {&handler{response: delivery.Response{Options: delivery.Options{Cut: true}}}, "", io.ErrUnexpectedEOF},
		"delayed":          {&handler{latency: time.Millisecond, response: delivery.Response{Options: delivery.Options{Delay: time.Millisecond}}}, "hello", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh := func() *handler { return &handler{response: tt.handler.response, latency: tt.handler.latency} }
			onSocketAndInMemory(t, fresh, func(t *testing.T, h *handler, fetch func(string, string) (string, *http.Response, error)) {
				body, resp, err := fetch(http.MethodPost, "question")
				require.ErrorIs(t, err, tt.err)
				require.Equal(t, tt.want, body)
				require.NotEmpty(t, resp.Header.Get("Date"))
				require.Equal(t, h.Respond().Body.Size(), resp.ContentLength)
				h.locked(func() {
					require.Equal(t, "question", h.received)
					require.Equal(t, http.StatusOK, h.status)
					require.Equal(t, len(tt.want), h.sent)
				})
			})
		})
	}
}

func TestRefusedAndResetConnections(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]func() *handler{
		"not accepted": func() *handler { return &handler{down: true} },
		"refused":      func() *handler { return &handler{refused: true, latency: time.Millisecond} },
		"reset":        func() *handler { return &handler{response: delivery.Response{Options: delivery.Options{Reset: true}}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSocketAndInMemory(t, h, func(t *testing.T, h *handler, fetch func(string, string) (string, *http.Response, error)) {
				_, _, err := fetch(http.MethodGet, "")
				require.True(t, errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), "%v", err)
				require.Zero(t, h.status)
			})
		})
	}
}

func TestHeadAndNoContentHaveNoBody(t *testing.T) {
	t.Parallel()
	onSocketAndInMemory(t, func() *handler { return &handler{} }, func(t *testing.T, h *handler, fetch func(string, string) (string, *http.Response, error)) {
		body, resp, err := fetch(http.MethodHead, "")
		require.NoError(t, err)
		require.Empty(t, body)
		require.EqualValues(t, len("hello"), resp.ContentLength)
		h.response.Status = http.StatusNoContent
		body, resp, err = fetch(http.MethodGet, "")
		require.NoError(t, err)
		require.Empty(t, body)
		require.Empty(t, resp.Header.Get("Content-Length"))
	})
}

func TestInterruptEndsRequests(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]func() *handler{
		"latency": func() *handler { return &handler{latency: time.Hour} },
		"delay": func() *handler {
			return &handler{response: delivery.Response{Options: delivery.Options{Delay: time.Hour}}}
		},
		"hang": func() *handler { return &handler{response: delivery.Response{Options: delivery.Options{Hang: true}}} },
		"slow": func() *handler {
			return &handler{response: delivery.Response{Options: delivery.Options{Chunk: 1, Pause: time.Hour}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := h()
				n := delivery.New(h)
				failed := make(chan error)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host.test/", nil)
				require.NoError(t, err)
				go func() {
					resp, err := n.Transport().RoundTrip(req)
					if err == nil {
						_, err = io.ReadAll(resp.Body)
						_ = resp.Body.Close()
					}
					failed <- err
				}()
				synctest.Wait()
				start := time.Now()
				n.Interrupt()
				require.ErrorIs(t, <-failed, syscall.ECONNRESET)
				require.Equal(t, start, time.Now())
				require.True(t, h.done)
			})
		})
	}
}

func TestEndlessBodyRepeatsUntilClosed(t *testing.T) {
	t.Parallel()
	h := &handler{response: delivery.Response{Options: delivery.Options{Endless: true}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host.test/", nil)
	require.NoError(t, err)
	resp, err := delivery.New(h).Transport().RoundTrip(req)
	require.NoError(t, err)
	require.EqualValues(t, -1, resp.ContentLength)
	b := make([]byte, 12)
	_, err = io.ReadFull(resp.Body, b)
	require.NoError(t, err)
	require.Equal(t, "hellohellohe", string(b))
	require.NoError(t, resp.Body.Close())
	_, err = resp.Body.Read(b)
	require.Error(t, err)
	require.True(t, h.done)
}
