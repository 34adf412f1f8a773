package gitlabjobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// logServer serves log. A newer server supports byte_offset and byte_limit. If piece is not
// zero, it limits the size of a response.
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

// someLog returns a log of n bytes without repetitions.
func someLog(n int) string {
	b := make([]byte, 0, n+32)
	for i := 0; len(b) < n; i++ {
		b = strconv.AppendInt(append(b, "line "...), int64(i), 10)
		b = append(b, '\n')
	}
	return string(b[:n])
}

func TestTraceReadsAPartOnAnyServer(t *testing.T) {
	t.Parallel()
	const size = 100_000
	log := someLog(size)
	for name, tc := range map[string]struct {
		newer bool
		piece int
	}{"older": {}, "newer": {newer: true}, "newer, in pieces": {newer: true, piece: 20_000}} {
		for _, o := range []gitlabjobs.TraceOptions{
			{},
			{Offset: 5},
			{Limit: 4},
			{Offset: 5, Limit: 74_000},
			{Offset: size - 1, Limit: 10},
			{Offset: size},
			{Offset: 999_999, Limit: 1},
			{Limit: 600_000},
			{Offset: 1 << 62, Limit: 1 << 62},
			{Offset: 7, Limit: 1<<63 - 1},
		} {
			t.Run(fmt.Sprintf("%s/%+v", name, o), func(t *testing.T) {
				t.Parallel()
				if o == (gitlabjobs.TraceOptions{}) && tc.piece > 0 {
					return // A whole log is one response.
				}
				var seen []string
				client := newClient(t, logServer(log, tc.newer, tc.piece, &seen))
				want := log[min(o.Offset, size):]
				if o.Limit > 0 {
					want = want[:min(o.Limit, int64(len(want)))]
				}
				got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &o))
				require.NoError(t, err)
				assert.Equal(t, want, string(got.([]byte)))
			})
		}
	}
}

// A server that supports byte ranges may be rolled back. Then the response to a range may be
// the whole log. An additional request detects this. A range that starts at byte 0 needs
// no such request.
func TestTraceDetectsWhetherAServerSupportsRanges(t *testing.T) {
	t.Parallel()
	const log = "0123456789"
	for newer, want := range map[bool][]string{
		true:  {"byte_limit=0&byte_offset=0", "byte_limit=3&byte_offset=2", "byte_limit=3&byte_offset=2", "byte_limit=0&byte_offset=0", "byte_limit=3&byte_offset=0"},
		false: {"byte_limit=0&byte_offset=0", "", ""},
	} {
		var seen []string
		client := newClient(t, logServer(log, newer, 0, &seen))
		for _, offset := range []int64{2, 2, 0} {
			got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: offset, Limit: 3}))
			require.NoError(t, err)
			assert.Equal(t, log[offset:offset+3], string(got.([]byte)))
		}
		assert.Equal(t, want, seen)
	}
}

// A server that supports byte ranges is rolled back to a release that does not.
func TestTraceNoticesAServerThatStopsSupportingRanges(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 3, 200, 20_000, 512_000, 600_000} {
		log := someLog(size)
		for _, o := range []gitlabjobs.TraceOptions{
			{Offset: 2},
			{Offset: 2, Limit: 10},
			{Limit: 10},
			{Offset: 150},
			{Offset: 150, Limit: 199},
			{Offset: 150, Limit: 200}, // As large as the whole log.
			{Offset: 150, Limit: 201},
			{Offset: 19_000},
			{Offset: 19_000, Limit: 500},
			{Offset: 511_999, Limit: 512_001},
		} {
			for _, after := range []time.Duration{0, time.Hour} {
				for _, announced := range []bool{true, false} {
					t.Run(fmt.Sprintf("%d/%+v/%v/length announced: %v", size, o, after, announced), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) {
							var seen []string
							newer := true
							client := newClient(t, func(req *http.Request) (*http.Response, error) {
								resp, err := logServer(log, newer, 0, &seen)(req)
								if !announced {
									resp.ContentLength = -1
								}
								return resp, err
							})
							want := log[min(o.Offset, int64(size)):]
							if o.Limit > 0 {
								want = want[:min(o.Limit, int64(len(want)))]
							}
							for range 2 {
								got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &o))
								require.NoError(t, err)
								assert.Equal(t, want, string(got.([]byte)))
								newer = false
								time.Sleep(after)
							}
						})
					})
				}
			}
		}
	}
}

// A server is upgraded to a release that supports byte ranges.
func TestTraceNoticesAServerThatStartsSupportingRanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		newer := false
		client := newClient(t, func(req *http.Request) (*http.Response, error) { return logServer(someLog(100), newer, 0, &seen)(req) })
		for range 2 {
			_, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 2, Limit: 3}))
			require.NoError(t, err)
			newer = true
			time.Sleep(6 * time.Minute)
		}
		assert.Equal(t, []string{"byte_limit=0&byte_offset=0", "byte_limit=0&byte_offset=0", "byte_limit=3&byte_offset=2"}, seen)
	})
}

// If a job has no log, support for ranges stays unknown.
func TestA404DoesNotChangeTheSupportOfRanges(t *testing.T) {
	t.Parallel()
	var seen []string
	newer := logServer(someLog(20_000), true, 0, &seen)
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		switch {
		case strings.HasSuffix(req.URL.Path, "/jobs/6/trace"):
			return answer{status: 404, body: `{"message":"404 Not found"}`}.to(req), nil
		case strings.HasSuffix(req.URL.Path, "/jobs/6"):
			return answer{body: `{"id":6,"status":"pending"}`}.to(req), nil
		}
		return newer(req)
	})
	for _, id := range []int64{6, 7} {
		_, err := readAll(client.Jobs.Trace(t.Context(), "1", id, &gitlabjobs.TraceOptions{Offset: 5, Limit: 5}))
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"byte_limit=0&byte_offset=0", "byte_limit=5&byte_offset=5"}, seen)
}

func TestALogThatIsListedAndNotFoundIsAnError(t *testing.T) {
	t.Parallel()
	const listed = `"artifacts":[{"file_type":"archive","size":1},{"file_type":"trace","size":1234}]`
	for job, missing := range map[string]bool{
		`{"id":7,"status":"success",` + listed + `}`:                                     true,
		`{"id":7,"status":"success","erased_at":null,` + listed + `}`:                    true,
		`{"id":7,"status":"success","erased_at":"2024-01-01T00:00:00Z",` + listed + `}`:  false,
		`{"id":7,"status":"success","artifacts":[{"file_type":"trace","size":0}]}`:       false,
		`{"id":7,"status":"success","artifacts":[{"file_type":"archive","size":1234}]}`:  false,
		`{"id":7,"status":"running","started_at":"2024-01-01T00:00:00Z","artifacts":[]}`: false,
	} {
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/trace") {
				return answer{status: 404, body: `{"message":"404 Not found"}`}.to(req), nil
			}
			return answer{body: job}.to(req), nil
		})
		for _, o := range []gitlabjobs.TraceOptions{{}, {Offset: 5}, {Limit: 5}} {
			got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &o))
			if !missing {
				require.NoError(t, err, job)
				assert.Empty(t, got)
				continue
			}
			require.ErrorIs(t, err, gitlabjobs.ErrNotFound, job)
			require.ErrorContains(t, err, "/trace: 404 Not found: the log is missing: the job lists a log of 1234 bytes")
		}
	}
}

func TestTraceReportsAnErrorOfARangeRequest(t *testing.T) {
	t.Parallel()
	for _, a := range []answer{{status: 404, body: `{"message":"404 Not found"}`}, {status: 400, body: `{"error":"job_id is invalid"}`}} {
		r, err := answering(t, a).Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 2})
		var e *gitlabjobs.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, a.status, e.StatusCode)
		assert.Nil(t, r)
	}
}

// endless is a body that never ends. It counts the bytes that were read and the calls of
// Close. Its Close, as in some transports, must not be called concurrently.
type endless struct {
	read   int
	closed int
}

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (e *endless) Close() error               { e.closed++; return nil }

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
	assert.Equal(t, 1, body.closed)
	_, err = log.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrClosed)
	require.NoError(t, log.Close())
	assert.Equal(t, 1, body.closed)
}

func TestTheBodyOfALogIsClosedOnce(t *testing.T) {
	t.Parallel()
	for range 200 {
		body := new(endless)
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			resp := answer{}.to(req)
			resp.Body, resp.ContentLength = body, -1
			return resp, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		log, err := client.Jobs.Trace(ctx, "1", 7, nil)
		require.NoError(t, err)
		cancel() // This closes the body while Close runs.
		require.NoError(t, log.Close())
		assert.Equal(t, 1, body.closed)
	}
}

func TestAPageIsNotALog(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: "<html><title>Sign in</title></html>", header: map[string]string{"Content-Type": "text/html; charset=utf-8"}})
	log, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
	require.ErrorContains(t, err, "/trace: 200 the response cannot be used (text/html): an HTML page, not a log")
	assert.Nil(t, log)
}

// An error response for another reason does not change what the client knows about ranges.
func TestOtherErrorsDoNotChangeTheSupportOfRanges(t *testing.T) {
	t.Parallel()
	log := someLog(20_000)
	var seen []string
	older := logServer(log, false, 0, &seen)
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if strings.Contains(req.URL.Path, "/jobs/6/") {
			return answer{status: 400, body: `{"error":"blocked"}`}.to(req), nil
		}
		return older(req)
	})
	_, err := client.Jobs.Trace(t.Context(), "1", 6, &gitlabjobs.TraceOptions{Offset: 100})
	require.ErrorContains(t, err, "blocked")
	got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 100}))
	require.NoError(t, err)
	assert.Equal(t, log[100:], string(got.([]byte)))
}

// Trace returns the log of a running job up to its current end, and does not poll.
func TestTraceOfARunningJobEndsAtTheCurrentEnd(t *testing.T) {
	t.Parallel()
	for _, begin := range []int{10_000, 600_000} {
		synctest.Test(t, func(t *testing.T) {
			var seen []string
			start := time.Now()
			log := someLog(begin + 200_000)
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				time.Sleep(30 * time.Millisecond)
				return logServer(log[:begin+int(time.Since(start)/time.Millisecond)], true, 0, &seen)(req)
			})
			got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 5}))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, len(got.([]byte)), begin-5)
			assert.LessOrEqual(t, len(seen), 5)
			assert.Equal(t, log[5:5+len(got.([]byte))], string(got.([]byte)))
		})
	}
}

func TestTraceBehavesLikeAReader(t *testing.T) {
	t.Parallel()
	log := someLog(1500)
	client := answering(t, answer{body: log, header: map[string]string{"Content-Type": "text/plain"}})
	r, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(r, []byte(log)))
	require.NoError(t, r.Close())
	var none context.Context
	_, err = client.Jobs.Trace(none, "1", 7, nil)
	require.ErrorContains(t, err, "the context is nil")
	_, err = new(gitlabjobs.JobsService).Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 3})
	require.ErrorContains(t, err, "create it with NewClient")
}

func TestNoLogYetIsAnEmptyStream(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]gitlabjobstest.Option{"200 with nothing": nil, "404": gitlabjobstest.MissingTraceNotFound()} {
		for _, o := range []gitlabjobs.TraceOptions{{}, {Offset: 10}, {Limit: 5}} {
			var options []gitlabjobstest.Option
			if option != nil {
				options = append(options, option)
			}
			srv := gitlabjobstest.NewMemoryServer(t, options...)
			job := srv.AddProject("group/app").AddPipeline(gitlabjobstest.PipelineSpec{}).AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusPending})
			client := srv.Client(srv.Tokens.Developer)
			got, err := readAll(client.Jobs.Trace(t.Context(), "group/app", job.ID(), &o))
			require.NoError(t, err, name)
			assert.Empty(t, got)

			_, err = client.Jobs.Trace(t.Context(), "group/app", job.ID()+1, &o)
			require.ErrorIs(t, err, gitlabjobs.ErrNotFound, "no job is not the same as no log")
			assert.ErrorContains(t, err, "/trace: 404")
		}
	}
}

func TestALogThatStallsIsAnError(t *testing.T) {
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
		}, gitlabjobs.WithAttemptTimeout(10*time.Second), oneAttempt())
		log, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
		require.NoError(t, err)
		start := time.Now()
		got, err := io.ReadAll(log)
		assert.Equal(t, "begin", string(got))
		require.ErrorContains(t, err, "/trace: no further bytes within 10s")
		assert.Equal(t, 10*time.Second, time.Since(start))
		require.NoError(t, log.Close())
	})
}

func TestASlowResponseIsATimeout(t *testing.T) {
	t.Parallel()
	for _, m := range methods {
		if m.class == stream {
			continue // The timeout does not apply to a log as long as bytes arrive.
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, m)
			w.srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Do: gitlabjobstest.SlowBody(1, time.Second)})
			start := time.Now()
			err := m.call(t.Context(), w.srv.ClientWithAuth(w.auth, oneAttempt()), w.id)
			require.ErrorContains(t, err, "no complete response within 30s", m.name)
			assert.Equal(t, 30*time.Second, time.Since(start), m.name)
			assert.Equal(t, m.isWrite(), errors.Is(err, gitlabjobs.ErrOutcomeUnknown), m.name)
		})
	}
}

// The attempt timeout includes redirects.
func TestTheTimeLimitIsForAllHopsOfARedirect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			n++
			select {
			case <-time.After(14 * time.Second):
				return answer{status: 302, header: map[string]string{"Location": fmt.Sprint("/", n)}}.to(req), nil
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		}, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 2, MinWait: time.Second, MaxWait: time.Second}))
		start := time.Now()
		_, err := client.Jobs.Get(t.Context(), "1", 7)
		require.ErrorContains(t, err, "no complete response within 30s")
		assert.Equal(t, 61*time.Second, time.Since(start))
		assert.Equal(t, 6, n)
	})
}

func TestAServerThatNeverRespondsIsATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}, oneAttempt())
		for _, e := range endpoints {
			start := time.Now()
			_, err := e.call(t.Context(), client)
			what := "complete response"
			if strings.HasPrefix(e.name, "trace") {
				what = "response"
			}
			require.ErrorContains(t, err, e.path()+": no "+what+" within 30s")
			assert.Equal(t, 30*time.Second, time.Since(start))
		}
	})
}
