package gitlabjobs_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// The types of HTTP/2 frames that these tests use.
const (
	frameData      = 0
	frameHeaders   = 1
	frameReset     = 3
	frameSettings  = 4
	framePing      = 6
	frameGoAway    = 7
	flagAck        = 1
	flagEndStream  = 1
	flagEndHeaders = 4

	codeProtocolError = 1
	codeRefusedStream = 7
)

// h2Conn is the server side of a connection. It writes single HTTP/2 frames.
type h2Conn struct{ net.Conn }

func (c h2Conn) write(kind, flags byte, stream uint32, payload []byte) {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	frame = append(frame, flags)
	frame = binary.BigEndian.AppendUint32(frame, stream)
	_, _ = c.Write(append(frame, payload...)) // The client may have closed the connection.
}

func (c h2Conn) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(c, head[:]); err != nil {
		return
	}
	word := binary.BigEndian.Uint32(head[:])
	payload = make([]byte, word>>8)
	_, err = io.ReadFull(c, payload)
	return byte(word), head[4], binary.BigEndian.Uint32(head[5:]), payload, err
}

func (c h2Conn) reset(stream, code uint32) {
	c.write(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
}

func (c h2Conn) goAway(last, code uint32) {
	c.write(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), code))
}

// respond sends a job. 0x88 is ":status 200" in the static table of HPACK.
func (c h2Conn) respond(stream uint32) {
	c.write(frameHeaders, flagEndHeaders, stream, []byte{0x88})
	c.write(frameData, flagEndStream, stream, []byte(oneJob))
}

// h2Server counts requests and calls handle for each of them. n is the number of the
// request.
type h2Server struct {
	url      string
	hc       *http.Client
	requests atomic.Int64
	opened   chan struct{} // Receives a value when a connection has been set up.
	ponged   chan struct{} // Receives a value for each response to a ping.
}

func newH2Server(t *testing.T, handle func(c h2Conn, stream uint32, n int64)) *h2Server {
	t.Helper()
	s := &h2Server{opened: make(chan struct{}, 100), ponged: make(chan struct{}, 100)}
	cert := httptest.NewTLSServer(nil) // Provides a certificate.
	transport := cert.Client().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = true
	s.hc = &http.Client{Transport: transport}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: cert.TLS.Certificates, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	cert.Close()
	s.url = "https://" + listener.Addr().String()
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(h2Conn{conn}, handle) })
			wg.Go(func() { <-done; _ = conn.Close() })
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		close(done)
		wg.Wait()
	})
	return s
}

func (s *h2Server) serve(c h2Conn, handle func(h2Conn, uint32, int64)) {
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(c, preface); err != nil {
		return
	}
	c.write(frameSettings, 0, 0, nil)
	for {
		kind, flags, stream, payload, err := c.read()
		switch {
		case err != nil:
			return
		case kind == frameSettings && flags&flagAck == 0:
			c.write(frameSettings, flagAck, 0, nil)
			s.opened <- struct{}{}
		case kind == framePing && flags&flagAck == 0:
			c.write(framePing, flagAck, 0, payload)
		case kind == framePing:
			s.ponged <- struct{}{}
		case kind == frameHeaders:
			handle(c, stream, s.requests.Add(1))
		}
	}
}

func (s *h2Server) client(t *testing.T, opts ...gitlabjobs.ClientOption) *gitlabjobs.Client {
	t.Helper()
	opts = append([]gitlabjobs.ClientOption{
		gitlabjobs.WithHTTPClient(s.hc), gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: 1, MaxWait: 1}),
	}, opts...)
	client, err := gitlabjobs.NewClient(s.url, gitlabjobs.PrivateToken(testToken), opts...)
	require.NoError(t, err)
	return client
}

// These servers process a request, but make net/http send it again.
var repeaters = map[string]func(c h2Conn, stream uint32){
	"reset as a protocol error": func(c h2Conn, stream uint32) { c.reset(stream, codeProtocolError) },
	"reset as refused":          func(c h2Conn, stream uint32) { c.reset(stream, codeRefusedStream) },
	"GOAWAY below the stream":   func(c h2Conn, _ uint32) { c.goAway(0, 0) },
	"GOAWAY with an error":      func(c h2Conn, _ uint32) { c.goAway(0, codeProtocolError) },
	"early hints, then a reset": func(c h2Conn, stream uint32) {
		c.write(frameHeaders, flagEndHeaders, stream, []byte("\x08\x03103")) // ":status" is entry 8 of the static table.
		c.reset(stream, codeRefusedStream)
	},
	"GOAWAY, and the connection ends": func(c h2Conn, _ uint32) {
		c.goAway(0, 0)
		_ = c.Close()
	},
}

func TestHTTP2DoesNotRepeatAWrite(t *testing.T) {
	t.Parallel()
	for name, repeat := range repeaters {
		for _, m := range methods {
			if m.class != write {
				continue
			}
			t.Run(name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				srv := newH2Server(t, func(c h2Conn, stream uint32, _ int64) { repeat(c, stream) })
				var resp gitlabjobs.Response
				err := m.call(t.Context(), srv.client(t), 7, gitlabjobs.WithResponse(&resp))
				require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
				assert.EqualValues(t, 1, srv.requests.Load())
				assert.Equal(t, 1, resp.Attempts)
			})
		}
	}
}

// For a connection that was dialed for another call, net/http does not call GetConn. A write
// must not be repeated on such a connection either.
func TestHTTP2DoesNotRepeatAWriteOnTheConnectionOfAnotherCall(t *testing.T) {
	t.Parallel()
	reset := make(chan func(), 1)
	srv := newH2Server(t, func(c h2Conn, stream uint32, n int64) {
		if n > 1 {
			c.respond(stream)
			return
		}
		c.goAway(stream, 0) // Further requests need another connection.
		c.write(framePing, 0, 0, make([]byte, 8))
		reset <- func() { c.reset(stream, codeProtocolError); c.goAway(0, codeProtocolError) }
	})
	dialing, dial := make(chan struct{}), make(chan struct{})
	var dials atomic.Int64
	srv.hc.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 2 {
			close(dialing)
			<-dial
		}
		var dialer net.Dialer
		return dialer.DialContext(context.WithoutCancel(ctx), network, addr)
	}
	client := srv.client(t)
	result := make(chan error)
	go func() {
		_, err := client.Jobs.Retry(t.Context(), "1", 7, nil)
		result <- err
	}()
	resetWrite := <-reset
	<-srv.opened
	<-srv.ponged // The client has read the GOAWAY.

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-dialing
		cancel()
	}()
	_, err := client.Jobs.Get(ctx, "1", 7)
	require.ErrorIs(t, err, context.Canceled)
	close(dial)
	<-srv.opened // No request uses the second connection.
	resetWrite()
	require.ErrorIs(t, <-result, gitlabjobs.ErrOutcomeUnknown)
	assert.EqualValues(t, 1, srv.requests.Load())
}

func TestHTTP2SendsAReadOnceAnAttempt(t *testing.T) {
	t.Parallel()
	for name, repeat := range repeaters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newH2Server(t, func(c h2Conn, stream uint32, _ int64) { repeat(c, stream) })
			var resp gitlabjobs.Response
			_, err := srv.client(t).Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithResponse(&resp))
			require.Error(t, err)
			assert.Equal(t, 5, resp.Attempts)
			assert.EqualValues(t, 5, srv.requests.Load())
		})
		t.Run(name+", once", func(t *testing.T) {
			t.Parallel()
			srv := newH2Server(t, func(c h2Conn, stream uint32, n int64) {
				if n == 1 {
					repeat(c, stream)
				} else {
					c.respond(stream)
				}
			})
			var resp gitlabjobs.Response
			job, err := srv.client(t).Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithResponse(&resp))
			require.NoError(t, err)
			assert.EqualValues(t, 7, job.ID)
			assert.Equal(t, 2, resp.Attempts)
			assert.EqualValues(t, 2, srv.requests.Load())
		})
	}
}

func TestHTTP2RetriesUseTheBudget(t *testing.T) {
	t.Parallel()
	srv := newH2Server(t, func(c h2Conn, stream uint32, _ int64) { c.reset(stream, codeRefusedStream) })
	client := srv.client(t)
	for range 30 {
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.Error(t, err)
	}
	assert.EqualValues(t, 30+50, srv.requests.Load())
}

// renewing is a RoundTripper that sends a request again if its response is a 401.
type renewing struct{ http.RoundTripper }

func (r renewing) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.RoundTripper.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if err := resp.Body.Close(); err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Header.Set("PRIVATE-TOKEN", "renewed")
	return r.RoundTripper.RoundTrip(again)
}

func TestARoundTripperMaySendAgainAfterAResponse(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		assert.Equal(t, 2, req.ProtoMajor)
		if req.Header.Get("PRIVATE-TOKEN") != "renewed" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, oneJob)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	client, err := gitlabjobs.NewClient(srv.URL, gitlabjobs.PrivateToken(testToken),
		gitlabjobs.WithHTTPClient(&http.Client{Transport: renewing{srv.Client().Transport}}))
	require.NoError(t, err)
	for range 3 {
		var resp gitlabjobs.Response
		_, err = client.Jobs.Retry(t.Context(), "1", 7, nil, gitlabjobs.WithResponse(&resp))
		require.NoError(t, err)
		assert.Equal(t, 1, resp.Attempts)
	}
}

// Over HTTP/1, net/http sends a read again if an idle connection has been closed. This is
// safe, and counts as one attempt.
func TestHTTP1ReplaysOnAStaleConnection(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, oneJob)
	}))
	t.Cleanup(srv.Close)
	client, err := gitlabjobs.NewClient(srv.URL, gitlabjobs.NoAuth(), gitlabjobs.WithHTTPClient(srv.Client()))
	require.NoError(t, err)
	for range 2 {
		var resp gitlabjobs.Response
		_, err = client.Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithResponse(&resp))
		require.NoError(t, err)
		assert.Equal(t, 1, resp.Attempts)
	}
	assert.EqualValues(t, 3, requests.Load())
}

// dropProxy forwards connections to a server. After drop, the open connections silently
// deliver no more data.
type dropProxy struct {
	addr        string
	connections atomic.Int64
	mu          sync.Mutex
	dropped     []*atomic.Bool
}

func newDropProxy(t *testing.T, to string) *dropProxy {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &dropProxy{addr: listener.Addr().String()}
	var wg sync.WaitGroup
	forward := func(to, from net.Conn, dropped *atomic.Bool) {
		defer func() { _ = to.Close() }()
		buffer := make([]byte, 4096)
		for {
			n, err := from.Read(buffer)
			if err == nil && !dropped.Load() {
				_, err = to.Write(buffer[:n])
			}
			if err != nil {
				return
			}
		}
	}
	wg.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(t.Context(), "tcp", to)
			if err != nil {
				t.Error(err)
				_ = in.Close()
				return
			}
			p.connections.Add(1)
			dropped := new(atomic.Bool)
			p.mu.Lock()
			p.dropped = append(p.dropped, dropped)
			p.mu.Unlock()
			wg.Go(func() { forward(in, out, dropped) })
			wg.Go(func() { forward(out, in, dropped) })
		}
	})
	t.Cleanup(func() { assert.NoError(t, listener.Close()); wg.Wait() })
	return p
}

func (p *dropProxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, dropped := range p.dropped {
		dropped.Store(true)
	}
}

// behindProxy returns a client with the library's transport that connects to a server through
// a proxy.
func behindProxy(t *testing.T, attemptTimeout time.Duration, handler http.Handler) (*gitlabjobs.Client, *dropProxy) {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	proxy := newDropProxy(t, srv.Listener.Addr().String())
	transport := gitlabjobs.NewTransport(srv.Client().Transport.(*http.Transport), attemptTimeout, nil)
	client, err := gitlabjobs.NewClient("https://"+proxy.addr, gitlabjobs.NoAuth(), gitlabjobs.WithAttemptTimeout(attemptTimeout),
		gitlabjobs.WithHTTPClient(&http.Client{Transport: transport}), gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: 1, MaxWait: 1}))
	require.NoError(t, err)
	t.Cleanup(func() { client.CloseIdleConnections(); srv.CloseClientConnections(); srv.Close() })
	return client, proxy
}

func TestASilentlyDroppedHTTP2ConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	client, proxy := behindProxy(t, time.Second, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		assert.Equal(t, 2, req.ProtoMajor)
		_, _ = io.WriteString(w, oneJob)
	}))
	_, err := client.Jobs.Get(t.Context(), "1", 7)
	require.NoError(t, err)
	proxy.drop()
	var resp gitlabjobs.Response
	_, err = client.Jobs.Get(t.Context(), "1", 7, gitlabjobs.WithResponse(&resp))
	require.NoError(t, err)
	assert.LessOrEqual(t, resp.Attempts, 3)
	assert.EqualValues(t, 2, proxy.connections.Load())
}

func TestASlowHTTP2ConnectionIsKept(t *testing.T) {
	t.Parallel()
	timedOut := make(chan struct{})
	client, proxy := behindProxy(t, time.Second, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasSuffix(req.URL.Path, "/trace") {
			<-req.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-timedOut
		_, _ = io.WriteString(w, "second")
	}))
	log, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
	require.NoError(t, err)
	_, err = io.ReadFull(log, make([]byte, len("first")))
	require.NoError(t, err)
	_, err = client.Jobs.Retry(t.Context(), "1", 7, nil) // Ends after the attempt timeout, because no data arrives.
	require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown)
	close(timedOut)
	rest, err := io.ReadAll(log)
	require.NoError(t, err)
	assert.Equal(t, "second", string(rest))
	require.NoError(t, log.Close())
	assert.EqualValues(t, 1, proxy.connections.Load())
}
