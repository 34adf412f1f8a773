package gitlabjobstest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// traceHooks records the hooks that a transport calls.
func traceHooks(ctx context.Context, events *[]string) context.Context {
	record := func(what string) { *events = append(*events, what) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(host string) { record("get " + host) },
		ConnectStart: func(string, string) { record("connecting") },
		ConnectDone: func(_, _ string, err error) {
			if err != nil {
				record("not connected")
			}
		},
		TLSHandshakeDone:     func(_ tls.ConnectionState, _ error) { record("TLS") },
		GotConn:              func(httptrace.GotConnInfo) { record("got") },
		WroteHeaders:         func() { record("headers") },
		WroteRequest:         func(httptrace.WroteRequestInfo) { record("request") },
		GotFirstResponseByte: func() { record("response") },
	})
}

// A client uses the hooks to know whether a request was sent.
func TestTransportCallsTraceHooks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, url string
		do        Effect
		want      string
		err       error
	}{
		{"response", MemoryURL, Effect{}, "get gitlab.test:80, connecting, got, headers, request, response", nil},
		{"TLS", "https://gitlab.test:8443", Effect{}, "get gitlab.test:8443, connecting, TLS, got, headers, request, response", nil},
		{"refused", MemoryURL, Refuse(), "get gitlab.test:80, connecting, not connected", syscall.ECONNREFUSED},
		{"reset", MemoryURL, ResetBefore(), "get gitlab.test:80, connecting, got, headers, request", syscall.ECONNRESET},
		{"reset after taking effect", MemoryURL, ResetAfter(), "get gitlab.test:80, connecting, got, headers, request", syscall.ECONNRESET},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := NewMemoryServer(t)
			s.Fault(Fault{Do: tt.do})
			var events []string
			ctx := traceHooks(t.Context(), &events)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, tt.url+"/api/v4/job", strings.NewReader("{}"))
			require.NoError(t, err)
			resp, err := s.Transport().RoundTrip(req)
			require.ErrorIs(t, err, tt.err)
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
			require.Equal(t, tt.want, strings.Join(events, ", "))
		})
	}
}

var errTest = errors.New("canceled by the test")

// The end of its context ends a request in each phase. No goroutine remains,
// which synctest would wait for.
func TestContextEndsWaitingRequest(t *testing.T) {
	t.Parallel()
	tests := map[string]Fault{
		"latency":          {Latency: time.Hour},
		"delayed response": {Do: DelayAnswer(time.Hour)},
		"hang":             {Do: Hang()},
		"slow body":        {Do: SlowBody(1, time.Hour)},
		"endless body":     {Do: EndlessBody()},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t)
				w.Fault(f)
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errTest)
				defer cancel()
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/api/v4"+jobPath(w.done, "/trace"), nil)
				require.NoError(t, err)
				req.Header.Set("Private-Token", w.dev)
				start := time.Now()
				resp, err := w.Transport().RoundTrip(req)
				if err == nil {
					if name == "endless body" {
						_, err = io.CopyN(io.Discard, resp.Body, 10<<20)
						require.NoError(t, err)
						time.Sleep(time.Minute)
					}
					_, err = io.Copy(io.Discard, resp.Body)
				}
				require.ErrorIs(t, err, errTest)
				require.Equal(t, time.Minute, time.Since(start))
			})
		})
	}
}

func TestEndedContextSendsNoRequest(t *testing.T) {
	t.Parallel()
	s := NewMemoryServer(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errTest)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v4/job", nil)
	require.NoError(t, err)
	_, err = s.Transport().RoundTrip(req)
	require.ErrorIs(t, err, errTest)
	require.Empty(t, s.Requests())
}

func TestCloseOfBodyEndsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		w.Fault(Fault{Do: SlowBody(1, time.Hour)})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/api/v4"+jobPath(w.done, "/trace"), nil)
		require.NoError(t, err)
		req.Header.Set("Private-Token", w.dev)
		resp, err := w.Transport().RoundTrip(req)
		require.NoError(t, err)
		failed := make(chan error)
		go func() {
			_, err := resp.Body.Read(make([]byte, 1))
			failed <- err
		}()
		synctest.Wait()
		require.NoError(t, resp.Body.Close())
		require.Error(t, <-failed)
		_, err = resp.Body.Read(make([]byte, 1))
		require.Error(t, err)
	})
}

func TestFailingRequestBodyFailsRequest(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	body := io.MultiReader(strings.NewReader(`{"force":`), failingReader{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/api/v4"+jobPath(w.running, "/cancel"), body)
	require.NoError(t, err)
	req.Header.Set("Private-Token", w.dev)
	_, err = w.Transport().RoundTrip(req)
	require.ErrorIs(t, err, errTest)
	require.Equal(t, gitlabjobs.StatusRunning, w.running.Status())
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errTest }

// A server sends the same responses over a socket and in memory.
func TestSocketAndMemoryResponsesAreEqual(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	j := s.AddProject("group/app").AddPipeline(PipelineSpec{}).AddJob(JobSpec{})
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		var seen []*http.Response
		var bodies []string
		for _, rt := range []http.RoundTripper{tr, s.Transport()} {
			req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v4"+jobPath(j, ""), nil)
			require.NoError(t, err)
			req.Header.Set("Private-Token", s.Tokens.Developer)
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			b, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			for _, k := range []string{"X-Request-Id", "X-Gitlab-Meta", "Date"} {
				resp.Header.Del(k)
			}
			seen, bodies = append(seen, resp), append(bodies, string(b))
		}
		require.Equal(t, seen[0].Header, seen[1].Header)
		require.Equal(t, seen[0].Status, seen[1].Status)
		require.Equal(t, seen[0].ContentLength, seen[1].ContentLength)
		require.Equal(t, bodies[0], bodies[1])
	}
}

func TestClosedServerRefusesConnections(t *testing.T) {
	t.Parallel()
	onSocketAndInMemory(t, func(t *testing.T, s *Server, client *http.Client) {
		s.Close()
		s.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4/job", nil)
		require.NoError(t, err)
		_, err = client.Do(req)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

// Close ends the requests in flight and waits for them.
func TestCloseEndsHangingRequest(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	s.Fault(Fault{Do: Hang()})
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) {
			go func() {
				for len(s.Requests()) == 0 {
					runtime.Gosched()
				}
				s.Close()
			}()
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v4/job", nil)
	require.NoError(t, err)
	_, err = tr.RoundTrip(req)
	require.Error(t, err)
}

// net/http retries a GET if a reused connection is reset. The client must see the
// reset, so the server does not let it reuse connections.
func TestClientSeesResetAfterOtherRequests(t *testing.T) {
	t.Parallel()
	s := NewServer(t)
	s.AddProject("group/app")
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	for i := range 6 {
		if i%2 == 1 {
			s.Fault(Fault{Do: ResetBefore()})
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4/projects/1/jobs", nil)
		require.NoError(t, err)
		resp, err := tr.RoundTrip(req)
		if i%2 == 1 {
			require.ErrorIs(t, err, syscall.ECONNRESET)
			continue
		}
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Len(t, s.Requests(), 6)
}

func TestKeepAliveReusesConnection(t *testing.T) {
	t.Parallel()
	s := NewServer(t, KeepAlive())
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	var reused []bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { reused = append(reused, i.Reused) },
	})
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v4/job", nil)
		require.NoError(t, err)
		resp, err := tr.RoundTrip(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Equal(t, []bool{false, true}, reused)
}

func TestClosedServerLeavesNoGoroutine(t *testing.T) { //nolint:paralleltest // It checks all goroutines of the process.
	s := NewServer(t)
	w := s.AddProject("group/app").AddPipeline(PipelineSpec{}).AddJob(JobSpec{})
	for _, do := range []Effect{{}, ResetBefore(), ResetAfter(), CutBody(3), Hang(), EndlessBody(), SlowBody(1, time.Hour)} {
		s.Fault(Fault{Do: do})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v4"+jobPath(w, "/trace"), nil)
		require.NoError(t, err)
		req.Header.Set("Private-Token", s.Tokens.Developer)
		if resp, err := (&http.Transport{}).RoundTrip(req); err == nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 1<<20)
			require.NoError(t, resp.Body.Close())
		}
		cancel()
	}
	s.Close()
	stacks := make([]byte, 1<<20)
	for range 10_000 {
		// A goroutine that Close has waited for may not have returned yet.
		if stacks = stacks[:runtime.Stack(stacks[:cap(stacks)], true)]; !strings.Contains(string(stacks), "internal/delivery.") {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("a goroutine of the server is still running:\n%s", stacks)
}
