package transport_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs/internal/transport"
)

func TestTheRequestIsSentAsItIs(t *testing.T) {
	t.Parallel()
	r := post()
	r.Header = http.Header{"User-Agent": {"of the request"}, "X-Default": {"1"}, "X-Both": {"1"}, "Host": {"default.example"}}
	r.Body = []byte(`{"a":1}`)
	r.CallHeader = http.Header{"X-Both": {"2"}}
	var seen []string
	srv := roundTripper(func(req *http.Request) (*http.Response, error) {
		sent, _ := io.ReadAll(req.Body)
		seen = append(seen, string(sent))
		assert.Equal(t, http.MethodPost, req.Method)
		assert.Equal(t, r.URL, req.URL.String())
		assert.Equal(t, http.Header{
			"User-Agent": {"of the request"}, "X-Default": {"1"}, "X-Both": {"2"}, "Accept": {"application/json"}, "Content-Type": {"application/json"},
			"Private-Token": {token}, "Host": {"default.example"},
		}, req.Header)
		assert.Equal(t, "default.example", req.Host)
		assert.Equal(t, r.Route, transport.RouteFromContext(req.Context()))
		if len(seen) == 1 {
			return respond(req, 429, "")
		}
		req.Header["User-Agent"][0] = "changed"
		return respond(req, 200, "")
	})
	synctest.Test(t, func(t *testing.T) {
		c := newClient(srv).NewCall(r)
		require.NoError(t, c.Prepare(t.Context()))
		_, err := c.Send()
		require.NoError(t, err)
	})
	assert.Equal(t, []string{`{"a":1}`, `{"a":1}`}, seen)
	assert.Equal(t, "of the request", r.Header.Get("User-Agent"), "the header is the caller's")
	assert.Empty(t, transport.RouteFromContext(t.Context()))

	bare := get()
	bare.Stream, bare.CallHeader = true, http.Header{"Host": {"call.example"}}
	status(t, newClient(roundTripper(func(req *http.Request) (*http.Response, error) {
		assert.Equal(t, http.Header{"User-Agent": {"tests"}, "Private-Token": {token}, "Host": {"call.example"}}, req.Header)
		assert.Equal(t, "call.example", req.Host)
		assert.Nil(t, req.Body)
		return respond(req, 200, "")
	})), bare)
}

func TestPrepareRefusesBadRequests(t *testing.T) {
	t.Parallel()
	sealed := errors.New("the vault is sealed")
	for want, change := range map[string]func(*transport.Request){
		"invalid method or URL":                                        func(r *transport.Request) { r.URL = "https://gitlab.example.com:x/" + token },
		"authorize: the vault is sealed":                               func(r *transport.Request) { r.Authorize = func(*http.Request) error { return sealed } },
		"the request: the value of X-Key contains a control character": byHeader("X-Key", token+"\n"),
	} {
		r := get()
		change(&r)
		err := newClient(always(200, "")).NewCall(r).Prepare(t.Context())
		require.EqualError(t, err, want)
	}
}

func TestRouteAndPathShowNoSecret(t *testing.T) {
	t.Parallel()
	r := get()
	r.Route, r.Path = "/x/"+token+"/:id", "/x/"+token+"/1"
	c := newClient(always(200, "")).NewCall(r)
	require.NoError(t, c.Prepare(t.Context()))
	assert.Equal(t, "/x/[REDACTED]/:id", c.Route)
	assert.Equal(t, "/x/[REDACTED]/1", c.Path)
}

func TestCheckHeader(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"":                  "WithHeader: the header name is empty",
		"X Y":               `WithHeader: "X Y" is not a valid header name`,
		"X:":                `WithHeader: "X:" is not a valid header name`,
		"[":                 `WithHeader: "[" is not a valid header name`,
		"@":                 `WithHeader: "@" is not a valid header name`,
		"{":                 `WithHeader: "{" is not a valid header name`,
		"/":                 `WithHeader: "/" is not a valid header name`,
		"é":                 `WithHeader: "é" is not a valid header name`,
		"content-length":    "WithHeader: content-length is set by net/http: remove it",
		"Accept-Encoding":   "WithHeader: Accept-Encoding is set by net/http: remove it",
		"Idempotency-Key":   "WithHeader: Idempotency-Key would make net/http repeat writes: remove it",
		"x-idempotency-key": "WithHeader: x-idempotency-key would make net/http repeat writes: remove it",
		"azAZ09-_":          "",
		"!#$%&'*+-.^_`|~":   "",
	} {
		err := transport.CheckHeader("WithHeader", key, token)
		if want == "" {
			require.NoError(t, err, key)
		} else {
			require.EqualError(t, err, want)
		}
	}
	for value, ok := range map[string]bool{"": true, "a\tb c~": true, "é\x80": true, " ": true, "\x1f": false, "\x00": false, "a\n": false, "\x7f": false, "\x7e": true} {
		err := transport.CheckHeader("WithHeader", "X", value)
		assert.Equal(t, ok, err == nil, "%q", value)
	}
}

func TestSetParamReplacesAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x/?a=%3d&t=1&b&t=2", nil)
	require.NoError(t, err)
	transport.SetParam(req.URL, "t", "a b")
	assert.Equal(t, "a=%3d&b&t=a+b", req.URL.RawQuery)
}

// tracer is a transport that reports to httptrace as net/http does.
type tracer func(req *http.Request, trace *httptrace.ClientTrace) (*http.Response, error)

func (f tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(req.Context())
	trace.GetConn("gitlab.example.com:443")
	trace.GotConn(httptrace.GotConnInfo{})
	trace.WroteHeaderField(":method", nil)
	return f(req, trace)
}

// result is the response, or why the context ended.
func result(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return respond(req, 200, "")
}

func TestARequestThatNetHTTPRepeatsIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rt       tracer
		repeated bool
	}{
		"once": {func(req *http.Request, _ *httptrace.ClientTrace) (*http.Response, error) { return result(req) }, false},
		"on a new connection": {func(req *http.Request, trace *httptrace.ClientTrace) (*http.Response, error) {
			trace.GetConn("x")
			return result(req)
		}, true},
		"on the connection of another call": {func(req *http.Request, trace *httptrace.ClientTrace) (*http.Response, error) {
			trace.GotConn(httptrace.GotConnInfo{})
			return result(req)
		}, true},
		"after a response": {func(req *http.Request, trace *httptrace.ClientTrace) (*http.Response, error) {
			trace.GotFirstResponseByte()
			trace.GetConn("x")
			trace.GotConn(httptrace.GotConnInfo{})
			return result(req)
		}, false},
		"after an informational response": {func(req *http.Request, trace *httptrace.ClientTrace) (*http.Response, error) {
			trace.GotFirstResponseByte()
			if err := trace.Got1xxResponse(103, textproto.MIMEHeader{}); err != nil {
				return nil, err
			}
			trace.GetConn("x")
			return result(req)
		}, true},
	} {
		for _, r := range []transport.Request{get(), post()} {
			c, _, err := send(t.Context(), t, newClient(tc.rt, attempts(1)), r)
			assert.Equal(t, tc.repeated, err != nil, name)
			assert.Equal(t, tc.repeated && r.Method == http.MethodPost, c.Unknown, name)
			if tc.repeated {
				require.EqualError(t, err, "the server reset the HTTP/2 stream after the request was sent", name)
			}
		}
	}
	http1 := roundTripper(func(req *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(req.Context())
		for range 2 {
			trace.GetConn("x")
			trace.GotConn(httptrace.GotConnInfo{})
			trace.WroteHeaderField("Host", nil)
		}
		if err := trace.Got1xxResponse(103, textproto.MIMEHeader{}); err != nil {
			return nil, err
		}
		trace.GetConn("x")
		return result(req)
	})
	assert.Equal(t, 200, status(t, newClient(http1, attempts(1)), post()), "net/http repeats a request over HTTP/1 only if that is safe")
}

func TestInformationalResponsesAreLimited(t *testing.T) {
	t.Parallel()
	for n, ok := range map[int]bool{100: true, 101: false} {
		_, _, err := send(t.Context(), t, newClient(tracer(func(req *http.Request, trace *httptrace.ClientTrace) (*http.Response, error) {
			for range n {
				if err := trace.Got1xxResponse(103, textproto.MIMEHeader{}); err != nil {
					return nil, err
				}
			}
			return respond(req, 200, "")
		}), attempts(1)), get())
		assert.Equal(t, ok, err == nil, n)
	}
}

func TestTheLog(t *testing.T) {
	t.Parallel()
	const request = "method=GET route=/projects/:id/jobs/:job_id path=/projects/1/jobs/7 attempt="
	noRetryOn500 := get()
	noRetryOn500.NoRetryOn500 = true
	once := get()
	once.MaxAttempts = 1
	limits := map[string]time.Duration{"a wait of ten seconds": 10*time.Second + 1, "a gate of ten seconds": 10*time.Second + 1} // Of the context.
	limit := func(after string) []roundTripper {
		return []roundTripper{always(429, "", "Retry-After", after), always(200, "")}
	}
	for name, tc := range map[string]struct {
		level     slog.Level
		responses []roundTripper
		calls     []transport.Request
		want      []string
	}{
		"a success": {slog.LevelDebug, []roundTripper{always(200, "", "X-Request-Id", "01J")}, []transport.Request{get()}, []string{
			`level=DEBUG msg="gitlab request" ` + request + `1 status=200 request_id=01J`,
		}},
		"a secret": {slog.LevelDebug, []roundTripper{always(200, "", "X-Request-Id", token)}, []transport.Request{get()}, []string{
			`level=DEBUG msg="gitlab request" ` + request + `1 status=200 request_id=[REDACTED]`,
		}},
		"the beginning of a secret": {slog.LevelDebug, []roundTripper{always(200, "", "X-Request-Id", "01J-"+token[:5])}, []transport.Request{get()}, []string{
			`level=DEBUG msg="gitlab request" ` + request + `1 status=200 request_id=01J-` + token[:5],
		}},
		"a retry": {slog.LevelDebug, []roundTripper{failing(errors.New("no: " + token)), always(200, "")}, []transport.Request{get()}, []string{
			`level=DEBUG msg="gitlab request" ` + request + `1 error="no: [REDACTED]" wait=1s`,
			`level=DEBUG msg="gitlab request" ` + request + `2 status=200 request_id=""`,
		}},
		"warnings only":          {slog.LevelWarn, []roundTripper{failing(errReset), always(200, "")}, []transport.Request{get()}, nil},
		"an error that stays":    {slog.LevelWarn, []roundTripper{always(404, "")}, []transport.Request{get()}, nil},
		"a 500 of the caller's":  {slog.LevelWarn, []roundTripper{always(500, "")}, []transport.Request{noRetryOn500}, nil},
		"another of the same":    {slog.LevelWarn, []roundTripper{always(502, "")}, []transport.Request{{}}, []string{`level=WARN msg="gitlab request gave up" ` + request + `1 status=502 request_id=""`}},
		"a 500 after attempts":   {slog.LevelWarn, []roundTripper{always(500, "")}, []transport.Request{once}, []string{`level=WARN msg="gitlab request gave up" ` + request + `1 status=500 request_id=""`}},
		"a fault after attempts": {slog.LevelWarn, []roundTripper{failing(errDial)}, []transport.Request{once}, []string{`level=WARN msg="gitlab request gave up" ` + request + `1 error="dial: connection refused"`}},
		"a wait of ten seconds":  {slog.LevelWarn, []roundTripper{always(503, "", "Retry-After", "10"), always(200, "")}, []transport.Request{get()}, nil},
		"a gate of ten seconds":  {slog.LevelWarn, limit("10"), []transport.Request{once, get()}, []string{`level=WARN msg="gitlab request gave up" ` + request + `1 status=429 request_id=""`}},
		"short waits":            {slog.LevelWarn, []roundTripper{always(503, "", "Retry-After", "7"), always(200, "")}, []transport.Request{get()}, nil},
		"longer waits": {slog.LevelWarn, []roundTripper{always(503, "", "Retry-After", "11"), always(200, "")}, []transport.Request{get()}, []string{
			`level=WARN msg="gitlab request waits" ` + request + `1 status=503 request_id="" wait=11s`,
		}},
		"a gate":           {slog.LevelWarn, limit("11"), []transport.Request{once, get()}, []string{`level=WARN msg="gitlab request gave up" ` + request + `1 status=429 request_id=""`, `level=WARN msg="gitlab request waits" ` + request + `0 wait=11s`}},
		"a gate, shorter":  {slog.LevelWarn, limit("7"), []transport.Request{once, get()}, []string{`level=WARN msg="gitlab request gave up" ` + request + `1 status=429 request_id=""`}},
		"a gate, too long": {slog.LevelWarn, limit("300"), []transport.Request{once, get()}, []string{`level=WARN msg="gitlab request gave up" ` + request + `1 status=429 request_id=""`, `level=WARN msg="gitlab request gave up" ` + request + `0 rate_limited_for=5m0s`}},
		"an ended context": {slog.LevelWarn, []roundTripper{hang}, []transport.Request{get()}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			client := newClient(serve(tc.responses...), func(c *transport.Config) {
				c.Policy.MinWait, c.Policy.MaxWait = 1, 1
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: tc.level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					switch {
					case a.Key == "time":
						return slog.Attr{}
					case a.Key == "wait" && a.Value.Duration() < time.Second:
						return slog.String("wait", "1s")
					case a.Key == "wait":
						return slog.Duration("wait", a.Value.Duration().Truncate(11*time.Second))
					}
					return a
				}}))
			})
			ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(limits[name], time.Hour))
			defer cancel()
			if name == "an ended context" {
				time.AfterFunc(time.Second, cancel)
			}
			for _, r := range tc.calls {
				if r.Method == "" {
					r = noRetryOn500
					r.MaxAttempts = 1
				}
				c := client.NewCall(r)
				require.NoError(t, c.Prepare(ctx))
				_, _ = c.Send()
			}
			var lines []string
			if log.Len() > 0 {
				lines = strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
			}
			assert.Equal(t, tc.want, lines, name)
		})
	}
}
