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
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// breaking cuts each response of a server after some bytes of its body, and counts the
// bytes transferred.
type breaking struct {
	transport
	after int64
	moved *int64
}

func (b breaking) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.transport(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	cut := io.MultiReader(io.LimitReader(resp.Body, b.after), &ifMore{resp.Body})
	resp.Body, resp.ContentLength = io.NopCloser(io.TeeReader(cut, (*counter)(b.moved))), -1
	return resp, nil
}

// ifMore is returned if the body has more bytes.
type ifMore struct{ io.Reader }

func (m *ifMore) Read([]byte) (int, error) {
	if n, _ := io.ReadFull(m.Reader, make([]byte, 1)); n == 0 {
		return 0, io.EOF
	}
	return 0, io.ErrUnexpectedEOF
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func TestALogResumesAtTheByteWhereTheResponseBroke(t *testing.T) {
	t.Parallel()
	const size = 300_000
	log := someLog(size)
	for name, newer := range map[string]bool{"newer": true, "older": false} {
		for _, o := range []gitlabjobs.TraceOptions{{}, {Offset: 1234}, {Offset: 500, Limit: 250_000}} {
			t.Run(fmt.Sprintf("%s/%+v", name, o), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var seen []string
					var moved int64
					after := int64(50_000)
					if !newer {
						after = 290_000 // An older server sends the whole log again.
					}
					client := newClient(t, breaking{logServer(log, newer, 0, &seen), after, &moved}.RoundTrip)
					got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &o))
					if !newer && o.Limit == 0 {
						require.ErrorIs(t, err, io.ErrUnexpectedEOF, "it can't get past the break")
						return
					}
					require.NoError(t, err)
					want := log[o.Offset:]
					if o.Limit > 0 {
						want = want[:o.Limit]
					}
					assert.Equal(t, want, string(got.([]byte)))
					if newer {
						assert.LessOrEqual(t, moved, int64(len(want)+10*1024))
					}
				})
			})
		}
	}
}

// If a response of an older server breaks off once, the bytes that were read are skipped.
func TestALogOfAnOlderServerResumesAtTheSameByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := someLog(100_000)
		var seen []string
		server := logServer(log, false, 0, &seen)
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			resp, err := server(req)
			if len(seen) <= 3 {
				resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, int64(20_000*len(seen))), iotest.ErrReader(io.ErrUnexpectedEOF)))
			}
			return resp, err
		})
		got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, nil))
		require.NoError(t, err)
		assert.Equal(t, log, string(got.([]byte)))
		assert.Equal(t, []string{"", "byte_limit=0&byte_offset=0", "", ""}, seen)
	})
}

// The response ends without an error, but before its Content-Length.
func TestAResponseThatEndsEarlyIsContinued(t *testing.T) {
	t.Parallel()
	log := someLog(100_000)
	for name, newer := range map[string]bool{"newer": true, "older": false} {
		for _, o := range []gitlabjobs.TraceOptions{{}, {Offset: 1234}, {Offset: 500, Limit: 60_000}} {
			t.Run(fmt.Sprintf("%s/%+v", name, o), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var seen []string
					server := logServer(log, newer, 0, &seen)
					cut := 3
					client := newClient(t, func(req *http.Request) (*http.Response, error) {
						resp, err := server(req)
						if resp.StatusCode == http.StatusOK && cut > 0 {
							resp.Body = io.NopCloser(io.LimitReader(resp.Body, int64(50_000-10_000*cut)))
							cut--
						}
						return resp, err
					})
					got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &o))
					require.NoError(t, err)
					want := log[o.Offset:]
					if o.Limit > 0 {
						want = want[:o.Limit]
					}
					assert.Equal(t, want, string(got.([]byte)))
					assert.Zero(t, cut)
				})
			})
		}
	}
}

// readThenChanged reads a log that breaks off after some bytes and then changes.
func readThenChanged(t *testing.T, log string, at int, then string, newer bool) (string, error) {
	t.Helper()
	var seen []string
	first := true
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if first {
			first = false
			resp := answer{body: log}.to(req)
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(log[:at]), iotest.ErrReader(io.ErrUnexpectedEOF)))
			return resp, nil
		}
		return logServer(then, newer, 0, &seen)(req)
	})
	r, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	_, again := r.Read(make([]byte, 1))
	if err != nil {
		assert.Equal(t, err, again, "an error stays")
	}
	return string(got), err
}

// followThenChanged follows a log that changes after it has grown.
func followThenChanged(t *testing.T, log string, at int, then string, newer bool) (string, error) {
	t.Helper()
	var seen []string
	change := time.Now().Add(30 * time.Second)
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		changed := time.Now().After(change)
		switch {
		case !strings.HasSuffix(req.URL.Path, "/trace") && changed:
			return answer{body: `{"id":7,"status":"success"}`}.to(req), nil
		case !strings.HasSuffix(req.URL.Path, "/trace"):
			return answer{body: `{"id":7,"status":"running","started_at":"2024-01-01T00:00:00Z"}`}.to(req), nil
		case changed:
			return logServer(then, newer, 0, &seen)(req)
		default:
			return logServer(log[:at], newer, 0, &seen)(req)
		}
	})
	r, err := client.Jobs.FollowTrace(t.Context(), "1", 7, nil)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	return string(got), err
}

func TestALogThatHasChangedIsNeverSpliced(t *testing.T) {
	t.Parallel()
	unique := someLog(100_000)
	const at = 50_000
	type change struct{ log, then string }
	changes := map[string]change{
		"erased":                           {unique, ""},
		"shorter":                          {unique, unique[:20_000]},
		"other bytes":                      {unique, strings.Repeat("x", 100_000)},
		"another line, the same length":    {unique, unique[:at-300] + "X" + unique[at-299:]},
		"a line more at the beginning":     {unique, "line -1\n" + unique},
		"all that was read occurs earlier": {unique[:at/2] + unique[:at/2] + unique, "X" + unique[1:at/2] + unique[:at/2] + unique},
	}
	for name, repeated := range map[string]string{
		"repeated lines": "the same line\n", "dots": ".", "a progress bar": "\r 50% [=====     ]", "blank lines": "\n", "long lines": someLog(2000),
	} {
		log := "head\n" + strings.Repeat(repeated, 100_000/len(repeated))
		changes[name+", another head"] = change{log, "HEAD\n" + log[5:]}
		changes[name+", a longer head"] = change{log, "head and more\n" + log[5:]}
	}
	for name, c := range changes {
		for server, newer := range map[string]bool{"newer": true, "older": false} {
			for how, read := range map[string]func(*testing.T, string, int, string, bool) (string, error){"read": readThenChanged, "followed": followThenChanged} {
				t.Run(name+"/"+server+"/"+how, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						got, err := read(t, c.log, at, c.then, newer)
						if how == "followed" && name == "erased" {
							require.NoError(t, err, "an older server does not say when a job was erased")
						} else {
							require.ErrorIs(t, err, gitlabjobs.ErrTraceChanged)
						}
						assert.Equal(t, c.log[:at], got)
					})
				})
			}
		}
	}
}

// The limit of the promise: on servers that support byte ranges, only the end of the bytes
// that were read is compared, if it occurs only once in them.
func TestALogWithTheSameEndInTheSamePlace(t *testing.T) {
	t.Parallel()
	log := someLog(100_000)
	then := strings.Repeat("x", 10_000) + log[10_000:]
	for how, read := range map[string]func(*testing.T, string, int, string, bool) (string, error){"read": readThenChanged, "followed": followThenChanged} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, err := read(t, log, 50_000, then, true)
				require.NoError(t, err, "the change can't be noticed")
				assert.Equal(t, log, got)

				_, err = read(t, log, 50_000, then, false)
				require.ErrorIs(t, err, gitlabjobs.ErrTraceChanged)
			})
		})
	}
}

// An unchanged log of repeated lines is continued wherever it breaks off.
func TestALogOfRepeatedLinesResumesAtTheSameByte(t *testing.T) {
	t.Parallel()
	log := "head\n" + strings.Repeat("the same line\n", 5000)
	for _, at := range []int{1, 500, 1023, 1024, 1025, 1535, 1536, 1537, 4000, 60_001} {
		for _, newer := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				got, err := readThenChanged(t, log, at, log, newer)
				require.NoError(t, err)
				assert.Equal(t, log, got)
			})
			synctest.Test(t, func(t *testing.T) {
				got, err := followThenChanged(t, log, at, log, newer)
				require.NoError(t, err)
				assert.Equal(t, log, got)
			})
		}
	}
}

// The second half of a log of many megabytes equals the first half. The reader does not
// remember all blocks of such a log.
func TestALargeLogThatHasChangedIsNeverSpliced(t *testing.T) {
	t.Parallel()
	size := inFull(9_000_000, 4_500_000)
	half := someLog(size)
	log := half + half
	changed := "L" + log[1:]
	for _, at := range []int{size + 500_000, size*3/2 - 499_999, 2*size - 1} {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, err := readThenChanged(t, log, at, changed, true)
				require.ErrorIs(t, err, gitlabjobs.ErrTraceChanged)
				assert.Len(t, got, at)

				got, err = readThenChanged(t, log, at, log, true)
				require.NoError(t, err)
				assert.True(t, log == got) //nolint:testifylint // Too long to be shown.
			})
		})
	}
}

// One server of several may be older than the others.
func TestFollowingNoticesAServerWithoutRanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := someLog(2_000_000)
		var seen []string
		newer, older := logServer(log, true, 0, &seen), logServer(log, false, 0, &seen)
		requests := 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			requests++
			if requests <= 2 {
				return newer(req) // The request that detects ranges, and the first piece.
			}
			return older(req)
		})
		got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 100}))
		require.NoError(t, err)
		assert.Equal(t, log[100:], string(got.([]byte)))

		// The first piece is recognized by its size.
		got, err = readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 100, Limit: 50}))
		require.NoError(t, err)
		assert.Equal(t, log[100:150], string(got.([]byte)))
	})
}

// If a server ignores the range and sends no Content-Length, the reader notices that the
// response is longer than the range.
func TestAResponseLongerThanItsRangeIsNotTakenForIt(t *testing.T) {
	t.Parallel()
	var seen []string
	log := someLog(600_000)
	newer, older := logServer(log, true, 0, &seen), logServer(log, false, 0, &seen)
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("byte_limit") == "0" {
			return newer(req) // The server that responds to the detection request supports ranges.
		}
		resp, err := older(req)
		resp.ContentLength = -1
		return resp, err
	})
	_, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 100}))
	require.ErrorIs(t, err, gitlabjobs.ErrTraceChanged)
}

// Responses that break off before a new byte arrives are requested again MaxAttempts times
// in total.
func TestALogThatBreaksOffInTheComparedBytesIsAnError(t *testing.T) {
	t.Parallel()
	for name, newer := range map[string]bool{"newer": true, "older": false} {
		synctest.Test(t, func(t *testing.T) {
			var seen []string
			log := someLog(600_000)
			server := logServer(log, newer, 0, &seen)
			n := 0
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				if req.URL.Query().Get("byte_limit") == "0" && newer {
					return server(req)
				}
				n++
				after := int64(10)
				if n == 1 {
					after = 10_000
				}
				return breaking{transport: server, after: after, moved: new(int64)}.RoundTrip(req)
			}, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 4}))
			opts := &gitlabjobs.TraceOptions{Offset: 100}
			if !newer {
				opts = nil
			}
			stream, err := client.Jobs.Trace(t.Context(), "1", 7, opts)
			require.NoError(t, err, name)
			got, err := io.ReadAll(stream)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			assert.True(t, gitlabjobs.Temporary(err), name)
			assert.Len(t, got, 10_000, name)
			assert.Equal(t, 4, n, name)
		})
	}
}

// A response that breaks off shows nothing about the server's support for ranges.
func TestABrokenRangeIsRequestedAgainWithoutDetection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		log := someLog(600_000)
		server := logServer(log, true, 0, &seen)
		detections, n := 0, 0
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			if req.URL.Query().Get("byte_limit") == "0" {
				detections++
				return server(req)
			}
			n++
			after := []int64{10_000, 10, 600_000}[min(n, 3)-1] // The second response breaks off in the bytes to compare.
			return breaking{transport: server, after: after, moved: new(int64)}.RoundTrip(req)
		})
		got, err := readAll(client.Jobs.Trace(t.Context(), "1", 7, &gitlabjobs.TraceOptions{Offset: 100}))
		require.NoError(t, err)
		assert.Equal(t, log[100:], string(got.([]byte)))
		assert.Equal(t, 1, detections)
	})
}

func TestCloseEndsABlockedRead(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(io.Closer, context.CancelFunc){
		"Close":       func(c io.Closer, _ context.CancelFunc) { c.Close() },
		"the context": func(_ io.Closer, cancel context.CancelFunc) { cancel() },
	} {
		for _, where := range []string{"in a response", "between two responses"} {
			t.Run(name+"/"+where, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					client := newClient(t, func(req *http.Request) (*http.Response, error) {
						resp := answer{}.to(req)
						body := iotest.ErrReader(io.ErrUnexpectedEOF)
						if where == "in a response" {
							body = untilDone{req.Context()}
						}
						resp.Body, resp.ContentLength = io.NopCloser(body), -1
						return resp, nil
					}, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: 10 * time.Second}))
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					log, err := client.Jobs.Trace(ctx, "1", 7, nil)
					require.NoError(t, err)
					start := time.Now()
					var wg sync.WaitGroup
					wg.Go(func() {
						_, err = log.Read(make([]byte, 10))
					})
					time.AfterFunc(time.Second, func() { end(log, cancel) })
					wg.Wait()
					assert.Equal(t, time.Second, time.Since(start))
					if name == "Close" {
						require.ErrorIs(t, err, os.ErrClosed)
					} else {
						require.ErrorIs(t, err, context.Canceled)
						require.ErrorContains(t, err, "GET /projects/1/jobs/7/trace")
					}
					require.NoError(t, log.Close())
				})
			})
		}
	}
}

// untilDone is a body that ends with the request's context.
type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

// writerFunc is a writer in a function.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestCopyingALogEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	full := errors.New("the disk is full")
	log := someLog(200_000)
	for name, tc := range map[string]struct {
		write writerFunc
		after int64 // The response breaks off after this number of bytes.
		n     int64 // The number of bytes that were copied; -1 for any.
		err   error
	}{
		"no error":         {func(p []byte) (int, error) { return len(p), nil }, 1 << 20, 200_000, nil},
		"of the writer":    {func([]byte) (int, error) { return 7, full }, 1 << 20, 7, full},
		"a short write":    {func(p []byte) (int, error) { return len(p) - 1, nil }, 1 << 20, -1, io.ErrShortWrite},
		"of the response":  {func(p []byte) (int, error) { return len(p), nil }, 100_000, 100_000, io.ErrUnexpectedEOF},
		"of both, at once": {func(p []byte) (int, error) { return 0, full }, 10, 0, full},
	} {
		var seen []string
		client := newClient(t, func(req *http.Request) (*http.Response, error) {
			return breaking{transport: logServer(log, true, 0, &seen), after: tc.after, moved: new(int64)}.RoundTrip(req)
		}, oneAttempt())
		stream, err := client.Jobs.Trace(t.Context(), "1", 7, nil)
		require.NoError(t, err, name)
		n, err := io.Copy(tc.write, stream)
		require.ErrorIs(t, err, tc.err, name)
		if tc.n >= 0 {
			assert.Equal(t, tc.n, n, name)
		}
		require.NoError(t, stream.Close())
	}
}
