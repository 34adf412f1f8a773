package gitlabjobstest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// outcome is the result of a request, and whether the request elapsed effect.
type outcome struct {
	resp       *http.Response
	body       string
	err        error // The error of the request or of reading the body.
	tookEffect bool
}

func (o outcome) code() int {
	if o.resp == nil {
		return 0
	}
	return o.resp.StatusCode
}

// onSocketAndInMemory runs a test over a socket and in memory.
func onSocketAndInMemory(t *testing.T, f func(t *testing.T, s *Server, client *http.Client)) {
	t.Helper()
	t.Run("socket", func(t *testing.T) {
		t.Parallel()
		s := NewServer(t)
		tr := &http.Transport{}
		t.Cleanup(tr.CloseIdleConnections)
		f(t, s, &http.Client{Transport: tr, CheckRedirect: doNotFollow})
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := NewMemoryServer(t)
		f(t, s, &http.Client{Transport: s.Transport(), CheckRedirect: doNotFollow})
	})
}

func doNotFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// cancelWithFault adds a running job and a fault, and cancels the job.
func cancelWithFault(ctx context.Context, t *testing.T, s *Server, client *http.Client, f Fault) outcome {
	t.Helper()
	p := s.AddProject("group/app")
	j := p.AddPipeline(PipelineSpec{}).AddJob(JobSpec{Status: gitlabjobs.StatusRunning})
	s.Fault(f)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/v4"+jobPath(j, "/cancel"), nil)
	require.NoError(t, err)
	req.Header.Set("Private-Token", s.Tokens.Maintainer)
	var o outcome
	o.resp, o.err = client.Do(req)
	if o.err == nil {
		var b []byte
		b, o.err = io.ReadAll(io.LimitReader(o.resp.Body, 1<<20))
		o.body = string(b)
		require.NoError(t, o.resp.Body.Close())
	}
	o.tookEffect = j.Count(ActionCancel) == 1
	return o
}

func TestEffects(t *testing.T) {
	t.Parallel()
	header := func(key string, after time.Duration) func(*testing.T, outcome) {
		return func(t *testing.T, o outcome) {
			assert.Equal(t, http.StatusTooManyRequests, o.code())
			v := o.resp.Header.Get(key)
			var at time.Time
			switch n, err := strconv.ParseInt(v, 10, 64); {
			case key == "Ratelimit-Reset":
				at = time.Unix(n, 0)
			case err == nil:
				at = time.Now().Add(time.Duration(n) * time.Second)
			default:
				at, err = http.ParseTime(v)
				require.NoError(t, err)
			}
			assert.WithinDuration(t, time.Now().Add(after), at, 5*time.Second)
		}
	}
	expectResponse := func(status int, part string) func(*testing.T, outcome) {
		return func(t *testing.T, o outcome) {
			require.NoError(t, o.err)
			assert.Equal(t, status, o.code())
			assert.Contains(t, o.body, part)
		}
	}
	tests := []struct {
		name  string
		do    Effect
		acts  bool
		check func(t *testing.T, o outcome)
	}{
		{"reset before", ResetBefore(), false, requireReset},
		{"reset after", ResetAfter(), true, requireReset},
		{"cut body", CutBody(10), true, func(t *testing.T, o outcome) {
			assert.Equal(t, 201, o.code())
			assert.Len(t, o.body, 10)
			assert.ErrorIs(t, o.err, io.ErrUnexpectedEOF)
		}},
		{"cut body at once", CutBody(0), true, func(t *testing.T, o outcome) {
			assert.Empty(t, o.body)
			assert.ErrorIs(t, o.err, io.ErrUnexpectedEOF)
		}},
		{"slow body", SlowBody(1000, time.Millisecond), true, expectResponse(201, `"status":"canceled"`)},
		{"delayed response", DelayAnswer(time.Millisecond), true, expectResponse(201, `"status":"canceled"`)},
		{"endless body", EndlessBody(), true, func(t *testing.T, o outcome) { assert.Len(t, o.body, 1<<20) }},
		{"empty body", EmptyBody(), true, func(t *testing.T, o outcome) {
			expectResponse(200, "")(t, o)
			assert.Empty(t, o.body)
		}},
		{"Answer", Answer(418, http.Header{"X-Own": {"1"}}, "short"), false, func(t *testing.T, o outcome) {
			expectResponse(418, "short")(t, o)
			assert.Equal(t, "1", o.resp.Header.Get("X-Own"))
		}},
		{"AnswerAfter", AnswerAfter(504, nil, "timeout"), true, expectResponse(504, "timeout")},
		{"bad gateway", BadGateway(), false, func(t *testing.T, o outcome) {
			expectResponse(502, "<html>")(t, o)
			assert.Equal(t, "text/html", o.resp.Header.Get("Content-Type"))
		}},
		{"internal error", InternalError(), false, expectResponse(500, `{"message":"500 Internal Server Error"}`)},
		{"unavailable", Unavailable(0), false, func(t *testing.T, o outcome) {
			expectResponse(503, "")(t, o)
			assert.Empty(t, o.resp.Header.Get("Retry-After"))
		}},
		{"unavailable with Retry-After", Unavailable(1500 * time.Millisecond), false, func(t *testing.T, o outcome) {
			expectResponse(503, "")(t, o)
			assert.Equal(t, "2", o.resp.Header.Get("Retry-After"))
		}},
		{"conflict", Conflict(), false, expectResponse(409, `{"message":"409 Conflict: Resource lock"}`)},
		{"too many requests", TooManyRequests(), false, expectResponse(429, "too many times")},
		{"too many requests, seconds", TooManyRequestsFor(time.Minute), false, header("Retry-After", time.Minute)},
		{"too many requests, date", TooManyRequestsUntil(time.Minute), false, header("Retry-After", time.Minute)},
		{"too many requests, reset", TooManyRequestsReset(time.Minute), false, header("Ratelimit-Reset", time.Minute)},
		{"redirect", Redirect(307, "https://elsewhere.example.com/x"), false, func(t *testing.T, o outcome) {
			expectResponse(307, "")(t, o)
			assert.Equal(t, "https://elsewhere.example.com/x", o.resp.Header.Get("Location"))
		}},
		{"malformed JSON", MalformedJSON(), true, func(t *testing.T, o outcome) {
			assert.False(t, json.Valid([]byte(o.body)))
		}},
		{"truncated JSON", TruncatedJSON(100), true, func(t *testing.T, o outcome) {
			require.NoError(t, o.err)
			assert.Len(t, o.body, 100)
		}},
		{"unknown status", UnknownStatus("resting"), true, expectResponse(201, `"status":"resting"`)},
		{"unknown field", SetField("mood", []int{1}), true, expectResponse(201, `"mood":[1]`)},
		{"rewritten", Rewrite(func(b []byte) []byte { return append(b, '!') }), true, expectResponse(201, "}!")},
		{"only a latency", Effect{}, true, expectResponse(201, `"status":"canceled"`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onSocketAndInMemory(t, func(t *testing.T, s *Server, client *http.Client) {
				o := cancelWithFault(t.Context(), t, s, client, Fault{Do: tt.do, Latency: time.Microsecond})
				assert.Equal(t, tt.acts, o.tookEffect)
				tt.check(t, o)
				require.Len(t, s.Requests(), 1)
				assert.Equal(t, o.code(), s.Requests()[0].Status)
			})
		})
	}
}

func requireReset(t *testing.T, o outcome) {
	t.Helper()
	require.ErrorIs(t, o.err, syscall.ECONNRESET)
	var op *net.OpError
	require.ErrorAs(t, o.err, &op)
	assert.Equal(t, "read", op.Op)
}

// In memory, the client cannot connect. On a socket, the server can only reset
// the connection after it has accepted it.
func TestRefuse(t *testing.T) {
	t.Parallel()
	onSocketAndInMemory(t, func(t *testing.T, s *Server, client *http.Client) {
		o := cancelWithFault(t.Context(), t, s, client, Fault{Do: Refuse()})
		assert.False(t, o.tookEffect)
		assert.Empty(t, s.Requests(), "the server has not received the request")
		if s.socket {
			requireReset(t, o)
			return
		}
		require.ErrorIs(t, o.err, syscall.ECONNREFUSED)
		var op *net.OpError
		require.ErrorAs(t, o.err, &op)
		assert.Equal(t, "dial", op.Op)
	})
}

// A hanging request ends when its context ends.
func TestHangEndsWithContext(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]Effect{"before": Hang(), "after": HangAfter()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onSocketAndInMemory(t, func(t *testing.T, s *Server, client *http.Client) {
				ctx, cancel := context.WithCancelCause(t.Context())
				cause := errors.New("canceled by the test")
				ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
					WroteRequest: func(httptrace.WroteRequestInfo) {
						// On a socket the server may not have read the request yet.
						go func() {
							for len(s.Requests()) == 0 || name == "after" && s.Count(ActionCancel) == 0 {
								runtime.Gosched()
							}
							cancel(cause)
						}()
					},
				})
				o := cancelWithFault(ctx, t, s, client, Fault{Do: do})
				require.ErrorIs(t, o.err, cause)
				assert.Equal(t, name == "after", o.tookEffect)
			})
		})
	}
}

func TestFaultAppliesToMatchingRequests(t *testing.T) {
	t.Parallel()
	const list, get = "/projects/:id/jobs", "/projects/:id/jobs/:job_id"
	t.Run("the next request, or the number in Times", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t)
		w.Fault(Fault{Do: InternalError()})
		w.Fault(Fault{Do: BadGateway(), Times: 2})
		for _, want := range []int{500, 502, 502, 200} {
			w.send(t, "GET "+w.jobs, w.dev).expect(want)
		}
	})
	t.Run("requests that match the route and method", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t)
		w.Fault(Fault{Route: get, Do: InternalError(), Times: Always})
		w.Fault(Fault{Method: http.MethodPost, Do: BadGateway(), Times: Always})
		for range 3 {
			w.send(t, "GET "+w.jobs, w.dev).expect(200)
			w.send(t, "GET "+jobPath(w.done, ""), w.dev).expect(500)
			w.postAction(t, w.running, "cancel").expect(502)
		}
		w.ClearFaults()
		w.send(t, "GET "+jobPath(w.done, ""), w.dev).expect(200)
	})
	t.Run("requests after Skip others", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t)
		w.Fault(Fault{Route: list, Skip: 2, Do: InternalError()})
		for _, want := range []int{200, 200, 500, 200} {
			w.send(t, "GET "+w.jobs, w.dev).expect(want)
		}
	})
	t.Run("requests that Match accepts", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t)
		h := w.Fault(Fault{Skip: 1, Times: 2, Do: InternalError(), Match: func(r Request) bool {
			// Match may use the server.
			return r.Query.Get("page") == "3" && r.Header.Get("Private-Token") == w.dev && w.running.Status() == gitlabjobs.StatusRunning
		}})
		for _, want := range []int{200, 500, 500, 200} {
			w.send(t, "GET "+w.jobs, w.dev).expect(200)
			w.send(t, "GET "+w.jobs+"?page=3", w.maintainer).expect(200)
			w.send(t, "GET "+w.jobs+"?page=3", w.dev).expect(want)
		}
		require.Equal(t, 2, h.Struck())
	})
	t.Run("requests before Clear", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t)
		withEffect := w.Fault(Fault{Times: Always, Route: list, Do: InternalError()})
		onlyLatency := w.Fault(Fault{Times: Always, Latency: 1})
		w.send(t, "GET "+w.jobs, w.dev).expect(500)
		withEffect.Clear()
		withEffect.Clear()
		w.send(t, "GET "+w.jobs, w.dev).expect(200)
		require.Equal(t, 1, withEffect.Struck())
		require.Equal(t, 1, onlyLatency.Struck(), "a fault with an effect ends the search")
	})
	t.Run("random requests that depend on the seed", func(t *testing.T) {
		t.Parallel()
		struck := func(seed uint64) (which string) {
			w := newFixture(t)
			w.Fault(Fault{Probability: 0.5, Seed: seed, Times: Always, Do: InternalError()})
			for range 40 {
				which += strconv.Itoa(w.send(t, "GET "+w.jobs, w.dev).status / 100)
			}
			return which
		}
		first := struck(1)
		require.Equal(t, first, struck(1))
		require.NotEqual(t, first, struck(2))
		require.InDelta(t, 20, strings.Count(first, "5"), 15)
	})
}

// A float64 cannot represent every ID, so an effect must not decode IDs as
// float64.
func TestSetFieldKeepsLargeIDs(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.pl.AddJob(JobSpec{ID: 9007199254740993})
	w.Fault(Fault{Do: UnknownStatus("resting")})
	g := w.send(t, "GET "+w.jobs, w.dev).expect(200)
	require.Equal(t, []int64{9007199254740993, 1003, 1002, 1001}, g.ids())
	require.Equal(t, 4, strings.Count(g.body, `"status":"resting"`))
}

// In memory, the server receives requests for all hosts, so that a test can check
// what a client sends after a redirect.
func TestServerReceivesRequestsForOtherHosts(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.Fault(Fault{Do: Redirect(302, "https://elsewhere.example.com/log")})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/api/v4"+jobPath(w.done, "/trace"), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.dev)
	resp, err := (&http.Client{Transport: w.Transport()}).Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	requests := w.Requests()
	require.Len(t, requests, 2)
	require.Equal(t, "elsewhere.example.com", requests[1].Host)
	require.Empty(t, requests[1].Header.Get("Authorization"))
}

// In virtual time, latencies, pauses and delays last exactly as long as the fault
// defines.
func TestFaultsDelayResponsesInVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		elapsed := func(f Fault) time.Duration {
			w.Fault(f)
			start := time.Now()
			w.send(t, "GET "+jobPath(w.done, "/trace"), w.dev).expect(200, "0123456789")
			return time.Since(start)
		}
		require.Equal(t, time.Hour, elapsed(Fault{Latency: time.Hour}))
		require.Equal(t, 4*time.Second, elapsed(Fault{Do: SlowBody(3, time.Second)}))
		require.Equal(t, time.Minute, elapsed(Fault{Do: DelayAnswer(time.Minute)}))
	})
}
