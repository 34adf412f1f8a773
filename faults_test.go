package gitlabjobs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// class says whether a method may be retried.
type class int

const (
	read class = iota
	cancel
	write // Never twice.
	stream
)

// method is a row of the fault table: a method of the library, and the job that it is
// called with.
type method struct {
	name   string
	class  class
	status gitlabjobs.Status // The status of the job.
	bridge bool
	action gitlabjobstest.Action
	call   func(context.Context, *gitlabjobs.Client, int64, ...gitlabjobs.RequestOption) error
}

const faultyPipeline = 6

var methods = []method{
	{name: "ListByProject", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		_, err := c.Jobs.ListByProject(ctx, "group/app", nil, ro...)
		return err
	}},
	{name: "AllByProject", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		return drain(c.Jobs.AllByProject(ctx, "group/app", nil, ro...))
	}},
	{name: "ListByPipeline", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		_, err := c.Jobs.ListByPipeline(ctx, "group/app", faultyPipeline, nil, ro...)
		return err
	}},
	{name: "AllByPipeline", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		return drain(c.Jobs.AllByPipeline(ctx, "group/app", faultyPipeline, nil, ro...))
	}},
	{name: "Bridges.List", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		_, err := c.Bridges.List(ctx, "group/app", faultyPipeline, nil, ro...)
		return err
	}},
	{name: "Bridges.All", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		return drain(c.Bridges.All(ctx, "group/app", faultyPipeline, nil, ro...))
	}},
	{name: "PagesByProject", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		return drain(c.Jobs.PagesByProject(ctx, "group/app", nil, ro...))
	}},
	{name: "PagesByPipeline", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		return drain(c.Jobs.PagesByPipeline(ctx, "group/app", faultyPipeline, nil, ro...))
	}},
	{name: "Bridges.Pages", call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		return drain(c.Bridges.Pages(ctx, "group/app", faultyPipeline, nil, ro...))
	}},
	{name: "FollowTrace", call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
		log, err := c.Jobs.FollowTrace(ctx, "group/app", id, nil, ro...) // FollowTrace requests the job first.
		if err == nil {
			err = log.Close()
		}
		return err
	}},
	{name: "Get", call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
		_, err := c.Jobs.Get(ctx, "group/app", id, ro...)
		return err
	}},
	{name: "Trace", class: stream, call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
		log, err := c.Jobs.Trace(ctx, "group/app", id, nil, ro...)
		if err == nil {
			_, err = io.CopyN(io.Discard, log, 1<<20)
			err = errors.Join(notEOF(err), log.Close())
		}
		return err
	}},
	{
		name: "Cancel", class: cancel, status: gitlabjobs.StatusRunning, action: gitlabjobstest.ActionCancel,
		call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
			_, err := c.Jobs.Cancel(ctx, "group/app", id, nil, ro...)
			return err
		},
	},
	{
		name: "Retry", class: write, status: gitlabjobs.StatusFailed, action: gitlabjobstest.ActionRetry,
		call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
			_, err := c.Jobs.Retry(ctx, "group/app", id, nil, ro...)
			return err
		},
	},
	{
		name: "Erase", class: write, status: gitlabjobs.StatusSuccess, action: gitlabjobstest.ActionErase,
		call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
			_, err := c.Jobs.Erase(ctx, "group/app", id, ro...)
			return err
		},
	},
	{
		name: "Do GET", call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
			return do(ctx, c, http.MethodGet, "/projects/:id/jobs/:job_id", id, ro)
		},
	},
	{
		name: "Do POST", class: write, status: gitlabjobs.StatusManual, action: gitlabjobstest.ActionPlay,
		call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
			return do(ctx, c, http.MethodPost, "/projects/:id/jobs/:job_id/play", id, ro)
		},
	},
	{
		name: "Play", class: write, status: gitlabjobs.StatusManual, action: gitlabjobstest.ActionPlay,
		call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
			_, err := c.Jobs.Play(ctx, "group/app", id, nil, ro...)
			return err
		},
	},
	{
		name: "Bridges.Play", class: write, status: gitlabjobs.StatusManual, bridge: true, action: gitlabjobstest.ActionPlay,
		call: func(ctx context.Context, c *gitlabjobs.Client, id int64, ro ...gitlabjobs.RequestOption) error {
			_, err := c.Bridges.Play(ctx, "group/app", id, nil, ro...)
			return err
		},
	},
	{name: "JobToken.Job", status: gitlabjobs.StatusRunning, call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		_, err := c.JobToken.Job(ctx, ro...)
		return err
	}},
	{name: "JobToken.AllowedAgents", status: gitlabjobs.StatusRunning, call: func(ctx context.Context, c *gitlabjobs.Client, _ int64, ro ...gitlabjobs.RequestOption) error {
		_, err := c.JobToken.AllowedAgents(ctx, ro...)
		return err
	}},
}

// do is a row for [gitlabjobs.Client.Do].
func do(ctx context.Context, c *gitlabjobs.Client, method, route string, id int64, ro []gitlabjobs.RequestOption) error {
	return c.Do(ctx, method, route, []string{"group/app", strconv.FormatInt(id, 10)}, nil, new(gitlabjobs.Job), ro...)
}

func drain[T any](seq func(func(*T, error) bool)) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// isWrite reports whether the method changes anything.
func (m method) isWrite() bool { return m.class == cancel || m.class == write }

// world is a server with the job that a method is called with.
type world struct {
	srv   *gitlabjobstest.Server
	id    int64
	count func() int // The number of times that the method took effect.
	token string
	auth  gitlabjobs.Auth
}

func newWorld(t *testing.T, m method) world {
	srv := gitlabjobstest.NewMemoryServer(t)
	pipeline := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{ID: faultyPipeline})
	job := pipeline.AddJob(gitlabjobstest.JobSpec{Status: m.status, Log: "a log\n"})
	w := world{
		srv: srv, id: job.ID(), count: func() int { return job.Count(m.action) },
		token: srv.Tokens.Maintainer, auth: gitlabjobs.PrivateToken(srv.Tokens.Maintainer),
	}
	pipeline.AddBridge()
	if m.bridge {
		bridge := pipeline.AddBridge(gitlabjobstest.BridgeSpec{Status: m.status})
		w.id, w.count = bridge.ID(), func() int { return bridge.Count(m.action) }
	}
	if strings.HasPrefix(m.name, "JobToken") {
		w.token, w.auth = job.Token(), gitlabjobs.JobToken(job.Token())
	}
	return w
}

// want is the expected result of a fault for a method of a class.
type want struct {
	attempts int
	err      error // The error, by errors.Is; nil for a success.
	unknown  bool  // The error is ErrOutcomeUnknown too.
	status   int   // The status code of the *Error; 0 if there is no *Error.
	text     string
}

// fault is a column of the fault table.
type fault struct {
	name   string
	effect gitlabjobstest.Effect
	times  int                                       // 0: always.
	rt     func(http.RoundTripper) http.RoundTripper // Instead of an effect.
	base   string
	least  time.Duration // The minimum duration; 0: any.
	want   func(class) want
}

// everywhere is for faults with the same result for all methods.
func everywhere(w want) func(class) want { return func(class) want { return w } }

// faulty is for faults after which only a read or a cancel is retried, and after which
// the outcome of a write is unknown.
func faulty(status int, text string) func(class) want {
	return func(c class) want {
		w := want{attempts: 5, status: status, text: text, unknown: c == cancel || c == write}
		if c == write {
			w.attempts = 1
		}
		return w
	}
}

// unusable is for responses with a success status and an unusable body. For a log, they
// are successes.
func unusable(text string) func(class) want {
	return func(c class) want {
		if c == stream {
			return want{attempts: 1, err: errNone}
		}
		w := want{attempts: 1, status: 200, text: text, unknown: c != read}
		return w
	}
}

// errNone means that no error is expected.
var errNone = errors.New("no error")

func refusal(status int, sentinel error) func(class) want {
	return everywhere(want{attempts: 1, err: sentinel, status: status})
}

// never is for server errors after which no method retries.
func never(status int) func(class) want {
	return func(c class) want {
		return want{attempts: 1, err: gitlabjobs.ErrServer, status: status, unknown: c == cancel || c == write}
	}
}

func jsonAnswer(status int) gitlabjobstest.Effect {
	return gitlabjobstest.Answer(status, http.Header{"Content-Type": {"application/json"}}, `{"message":"as ordered"}`)
}

// instead makes each attempt fail with an error, either before or after the connection
// is established.
func instead(err error, connected bool) func(http.RoundTripper) http.RoundTripper {
	return func(http.RoundTripper) http.RoundTripper {
		return transport(func(req *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(req.Context())
			if trace != nil && trace.GetConn != nil {
				trace.GetConn(req.URL.Host)
				if connected {
					trace.GotConn(httptrace.GotConnInfo{})
				}
			}
			return nil, err
		})
	}
}

const elsewhere = "http://storage.test/some/place?X-Signature=abc"

func redirects() []fault {
	var faults []fault
	for _, status := range []int{301, 302, 303, 307, 308} {
		refused := want{attempts: 1, status: status, text: "writes are not redirected", unknown: status == 303}
		faults = append(
			faults,
			fault{
				name: fmt.Sprint(status, " to the same host"), effect: gitlabjobstest.Redirect(status, "?moved=1"), times: 1,
				want: func(c class) want {
					if c == write || c == cancel {
						return refused
					}
					return want{attempts: 1, err: errNone}
				},
			},
			fault{ // Without the token, GitLab responds with 401, or with 404 if the project may be public.
				name: fmt.Sprint(status, " to another host"), effect: gitlabjobstest.Redirect(status, "http://other.test/api/v4/projects/group%2Fapp/jobs"), times: 1,
				want: func(c class) want {
					if c == write || c == cancel {
						return refused
					}
					return want{attempts: 1, err: gitlabjobs.ErrUnauthorized, status: 401}
				},
			},
			fault{
				name: fmt.Sprint(status, " from https to http"), effect: gitlabjobstest.Redirect(status, elsewhere), base: "https://gitlab.test",
				want: func(c class) want {
					if c == write || c == cancel {
						return refused
					}
					return want{attempts: 1, status: status, text: "from https to http"}
				},
			},
		)
	}
	return faults
}

func faults() []fault {
	cert := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	return append(
		redirects(),
		fault{name: "refused", effect: gitlabjobstest.Refuse(), want: everywhere(want{attempts: 5, text: "connection refused"})},
		fault{name: "TLS handshake fails", rt: instead(errors.New("remote error: tls: handshake failure"), false), want: everywhere(want{attempts: 5, text: "tls"})},
		fault{name: "certificate not trusted", rt: instead(cert, false), want: everywhere(want{attempts: 1, err: cert})},
		fault{name: "reset before", effect: gitlabjobstest.ResetBefore(), want: faulty(0, "reset")},
		fault{name: "reset after", effect: gitlabjobstest.ResetAfter(), want: faulty(0, "reset")},
		fault{name: "EOF on a connection", rt: instead(io.EOF, true), want: faulty(0, "EOF")},
		fault{name: "no header", effect: gitlabjobstest.Hang(), least: 30 * time.Second, want: faulty(0, "response within 30s")},
		fault{name: "no header after acting", effect: gitlabjobstest.HangAfter(), least: 30 * time.Second, want: faulty(0, "response within 30s")},
		fault{name: "cut body", effect: gitlabjobstest.CutBody(1), want: func(c class) want {
			if c == stream {
				return want{attempts: 1, err: io.ErrUnexpectedEOF} // Retried in the middle of the log: attempts counts those for the first response.
			}
			return faulty(0, "unexpected EOF")(c)
		}},
		fault{name: "400", effect: jsonAnswer(400), want: refusal(400, gitlabjobs.ErrBadRequest)},
		fault{name: "401", effect: jsonAnswer(401), want: refusal(401, gitlabjobs.ErrUnauthorized)},
		fault{name: "403", effect: jsonAnswer(403), want: refusal(403, gitlabjobs.ErrForbidden)},
		fault{name: "404", effect: jsonAnswer(404), want: refusal(404, gitlabjobs.ErrNotFound)},
		fault{name: "405", effect: jsonAnswer(405), want: refusal(405, gitlabjobs.ErrMethodNotAllowed)},
		fault{name: "409", effect: jsonAnswer(409), want: refusal(409, gitlabjobs.ErrConflict)},
		fault{name: "422", effect: jsonAnswer(422), want: refusal(422, gitlabjobs.ErrBadRequest)},
		fault{name: "408", effect: jsonAnswer(408), want: faulty(408, "as ordered")},
		fault{name: "425", effect: jsonAnswer(425), want: func(c class) want {
			w := faulty(425, "as ordered")(c)
			w.unknown = false
			return w
		}},
		fault{name: "501", effect: jsonAnswer(501), want: never(501)},
		fault{name: "505", effect: jsonAnswer(505), want: never(505)},
		fault{name: "520", effect: jsonAnswer(520), want: faulty(520, "as ordered")},
		fault{name: "530", effect: jsonAnswer(530), want: faulty(530, "as ordered")},
		fault{name: "599", effect: jsonAnswer(599), want: faulty(599, "as ordered")},
		fault{name: "429 for seconds", effect: gitlabjobstest.TooManyRequestsFor(7 * time.Second), times: 2, least: 14 * time.Second, want: everywhere(want{attempts: 3, err: errNone})},
		fault{name: "429 until a date", effect: gitlabjobstest.TooManyRequestsUntil(7 * time.Second), times: 2, least: 14 * time.Second, want: everywhere(want{attempts: 3, err: errNone})},
		fault{name: "429 until a reset", effect: gitlabjobstest.TooManyRequestsReset(7 * time.Second), times: 2, least: 14 * time.Second, want: everywhere(want{attempts: 3, err: errNone})},
		fault{name: "429 without a time", effect: gitlabjobstest.TooManyRequests(), times: 2, least: 30 * time.Second, want: everywhere(want{attempts: 3, err: errNone})},
		fault{name: "429 forever", effect: gitlabjobstest.TooManyRequests(), want: everywhere(want{attempts: 5, err: gitlabjobs.ErrRateLimited, status: 429})},
		fault{name: "429 for an hour", effect: gitlabjobstest.TooManyRequestsFor(time.Hour), want: everywhere(want{attempts: 1, err: gitlabjobs.ErrRateLimited, status: 429, text: "retry after 1h0m0s"})},
		fault{name: "500", effect: gitlabjobstest.InternalError(), want: faulty(500, "500 Internal Server Error")},
		fault{name: "502 as HTML", effect: gitlabjobstest.BadGateway(), want: faulty(502, "502 Bad Gateway")},
		fault{name: "502 after acting", effect: gitlabjobstest.AnswerAfter(502, nil, "<html>"), want: faulty(502, "502 Bad Gateway")},
		fault{name: "503", effect: gitlabjobstest.Unavailable(0), want: faulty(503, "503")},
		fault{name: "504", effect: jsonAnswer(504), want: faulty(504, "as ordered")},
		fault{name: "empty 200", effect: gitlabjobstest.EmptyBody(), want: unusable("the body is empty")},
		fault{name: "malformed JSON", effect: gitlabjobstest.MalformedJSON(), want: unusable("cannot be used")},
		fault{name: "endless body", effect: gitlabjobstest.EndlessBody(), want: func(c class) want {
			if c == stream {
				return want{attempts: 1, err: errNone}
			}
			return want{attempts: 1, text: "larger than the limit of the client", unknown: c != read}
		}},
	)
}

// TestEveryMethodThroughEveryFault checks the number of attempts and the error of each
// method after each fault, that no write takes effect twice, and that no secret leaks.
func TestEveryMethodThroughEveryFault(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		for _, m := range methods {
			t.Run(f.name+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { throughFault(t, f, m) })
			})
		}
	}
}

func throughFault(t *testing.T, f fault, m method) {
	world := newWorld(t, m)
	srv, count := world.srv, world.count
	if f.rt == nil {
		times := gitlabjobstest.Always
		if f.times > 0 {
			times = f.times
		}
		srv.Fault(gitlabjobstest.Fault{Times: times, Do: f.effect})
	}

	token := world.token
	var log strings.Builder
	rt := srv.Transport()
	if f.rt != nil {
		rt = f.rt(rt)
	}
	base := srv.URL
	if f.base != "" {
		base = f.base
	}
	client, err := gitlabjobs.NewClient(base, world.auth, gitlabjobs.WithHTTPClient(&http.Client{Transport: rt}), gitlabjobs.WithMaxBody(1<<20),
		gitlabjobs.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	require.NoError(t, err)

	w := f.want(m.class)
	var resp gitlabjobs.Response
	start := time.Now()
	err = m.call(t.Context(), client, world.id, gitlabjobs.WithResponse(&resp))
	elapsed := time.Since(start)

	assert.Equal(t, w.attempts, resp.Attempts, "attempts")
	assert.GreaterOrEqual(t, elapsed, f.least)
	if errors.Is(w.err, errNone) {
		require.NoError(t, err)
		if m.action != "" {
			assert.Equal(t, 1, count(), "the write took effect once")
		}
	} else {
		require.Error(t, err)
		if w.err != nil {
			require.ErrorIs(t, err, w.err)
		}
		assert.Contains(t, err.Error(), w.text)
		assert.Equal(t, w.unknown, errors.Is(err, gitlabjobs.ErrOutcomeUnknown), "outcome unknown")
		var e *gitlabjobs.Error
		assert.Equal(t, w.status != 0, errors.As(err, &e), "an *Error")
		if e != nil {
			if w.status == 200 {
				assert.Equal(t, 2, e.StatusCode/100) // 200, or 201 for a write.
			} else {
				assert.Equal(t, w.status, e.StatusCode)
			}
			assert.NotContains(t, string(e.Body), token)
		}
		assert.LessOrEqual(t, count(), 1, "nothing is done twice")
		if count() > 0 && m.class != read && m.class != stream {
			require.ErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown, "a write that took effect is never reported as failed")
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		assert.NotContains(t, fmt.Sprintf(verb, err), token)
	}
	assert.NotContains(t, log.String(), token)
	if lines := strings.Count(log.String(), `msg="gitlab request"`); m.class == stream || m.name == "PagesByProject" || m.name == "AllByProject" || strings.HasPrefix(m.name, "Bridges.") && m.class == read {
		assert.GreaterOrEqual(t, lines, w.attempts) // A log, and a list with two routes, may need several requests.
	} else {
		assert.Equal(t, w.attempts, lines, "a line an attempt")
	}

	for _, req := range srv.Requests() {
		if req.Host == "gitlab.test" {
			continue
		}
		for key, values := range req.Header {
			assert.False(t, slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, token) }), "%s went to %s", key, req.Host)
		}
		assert.NotContains(t, req.Query.Encode(), token)
	}
}

func TestACanceledContextSendsNothing(t *testing.T) {
	t.Parallel()
	for _, m := range methods {
		w := newWorld(t, m)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := m.call(ctx, w.srv.ClientWithAuth(w.auth), w.id)
		require.ErrorIs(t, err, context.Canceled, m.name)
		require.NotErrorIs(t, err, gitlabjobs.ErrOutcomeUnknown, m.name)
		assert.Regexp(t, `^gitlabjobs: ((first page|page 1): )?(GET|POST) /\S+: context canceled$`, err.Error())
		assert.Empty(t, w.srv.Requests(), m.name)
	}
}
