package gitlabjobs_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
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

// A log is missing for a moment after the job's end.
func TestFollowingToleratesALogThatIsMissingForAMoment(t *testing.T) {
	t.Parallel()
	short := gitlabjobstest.Script{Lines: 100, Every: 100 * time.Millisecond}
	for fault, effect := range map[string]gitlabjobstest.Effect{
		"404":   gitlabjobstest.Answer(http.StatusNotFound, nil, `{"message":"404 Not found"}`),
		"empty": gitlabjobstest.EmptyBody(),
	} {
		for when, spec := range map[string]gitlabjobstest.JobSpec{
			"while it is followed": {Script: &short},
			"finished just now":    {Log: "a\nb\n"},
			"finished long ago":    {Log: "a\nb\n", CreatedAt: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), FinishedAt: time.Date(1999, 1, 1, 1, 0, 0, 0, time.UTC)},
		} {
			for _, times := range []int{1, 2, 3} {
				t.Run(fmt.Sprintf("%s/%s/%d times", fault, when, times), func(t *testing.T) {
					t.Parallel()
					olderAndNewer(t, func(t *testing.T, options ...gitlabjobstest.Option) {
						srv, job, client, _ := following(t, spec, options...)
						end := time.Now()
						if spec.Script != nil {
							end = end.Add(10 * time.Second)
						}
						handle := srv.Fault(gitlabjobstest.Fault{
							Route: "/projects/:id/jobs/:job_id/trace", Times: times, Do: effect,
							Match: func(gitlabjobstest.Request) bool { return !time.Now().Before(end) },
						})
						start := time.Now()
						r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil)
						require.NoError(t, err)
						got, err := io.ReadAll(r)
						require.NoError(t, err)
						assert.Equal(t, job.Log(), string(got))
						assert.Equal(t, times, handle.Struck())
						assert.Less(t, time.Since(start), time.Minute)
					})
				})
			}
		}
	}
}

// jobServer gets the responses for a job and its log from functions.
type jobServer struct {
	job    func() string
	log    func() (status int, body string)
	header http.Header // Of the job.
	traces int
}

func (s *jobServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/trace") {
		s.traces++
		status, body := s.log()
		return answer{status: status, body: body, header: map[string]string{"Content-Type": "text/plain"}}.to(req), nil
	}
	resp := answer{body: s.job()}.to(req)
	maps.Copy(resp.Header, s.header)
	return resp, nil
}

func TestFollowingEndsIfTheLogDoesNotComeBack(t *testing.T) {
	t.Parallel()
	const read = "read before\n"
	for name, tc := range map[string]struct {
		job    string // The job after it has finished.
		before string // The log before.
		status int
		want   error
		text   string // The text of an error without a sentinel.
	}{
		"gone, not erased":                {job: `"erased_at":null`, before: read, status: 200, want: gitlabjobs.ErrTraceChanged},
		"404, not erased":                 {job: `"erased_at":null`, before: read, status: 404, want: gitlabjobs.ErrTraceChanged},
		"gone, erased":                    {job: `"erased_at":"2024-01-01T00:00:00Z"`, before: read, status: 200},
		"gone, the server does not say":   {job: `"x":1`, before: read, status: 404},
		"404, but listed":                 {job: `"erased_at":null,"artifacts":[{"file_type":"trace","size":12}]`, before: read, status: 404, want: gitlabjobs.ErrNotFound},
		"404, but listed, nothing read":   {job: `"artifacts":[{"file_type":"trace","size":12}]`, status: 404, want: gitlabjobs.ErrNotFound},
		"empty, but listed, nothing read": {job: `"artifacts":[{"file_type":"trace","size":12}]`, status: 200, text: "the log is missing: the job lists a log of 12 bytes"},
		"404, never written":              {job: `"artifacts":[]`, status: 404},
		"empty, started":                  {job: `"started_at":"2024-01-01T00:00:00Z"`, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				end := time.Now().Add(30 * time.Second)
				s := &jobServer{
					job: func() string {
						if time.Now().Before(end) {
							return `{"id":7,"status":"running","started_at":"2024-01-01T00:00:00Z"}`
						}
						return `{"id":7,"status":"success",` + tc.job + `}`
					},
					log: func() (int, string) {
						if time.Now().Before(end) {
							return 200, tc.before
						}
						return tc.status, ""
					},
				}
				r, err := newClient(t, s.RoundTrip).Jobs.FollowTrace(t.Context(), "1", 7, nil)
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				assert.Equal(t, tc.before, string(got))
				assert.Less(t, time.Since(end), time.Minute)
				switch {
				case tc.text != "":
					require.ErrorContains(t, err, tc.text)
				case tc.want != nil:
					require.ErrorIs(t, err, tc.want)
				default:
					require.NoError(t, err)
				}
			})
		})
	}
}

// A runner writes the end of a log two seconds after the job has finished. The clock of the
// server, not the client's, decides whether the job finished long ago.
func TestFollowingDoesNotRelyOnTheClockOfTheClient(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		date     func(now time.Time) string
		finished time.Duration // The time since the job finished, by the clock of the server.
		traces   int
		whole    bool
	}{
		"a clock that is ahead":              {date: func(now time.Time) string { return now.Add(-time.Hour).UTC().Format(http.TimeFormat) }, whole: true, traces: 2},
		"a clock that is behind":             {date: func(now time.Time) string { return now.Add(time.Hour).UTC().Format(http.TimeFormat) }, whole: true, traces: 2},
		"a server that does not say":         {date: func(time.Time) string { return "" }, finished: time.Hour, whole: true, traces: 2},
		"finished long ago by either clock":  {date: func(now time.Time) string { return now.UTC().Format(http.TimeFormat) }, finished: time.Hour, traces: 1},
		"finished long ago by the server's":  {date: func(now time.Time) string { return now.Add(time.Hour).UTC().Format(http.TimeFormat) }, finished: time.Hour, traces: 1},
		"finished just now by either's time": {date: func(now time.Time) string { return now.UTC().Format(http.TimeFormat) }, whole: true, traces: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				date := tc.date(start)
				now, err := http.ParseTime(date)
				if err != nil {
					now = start
				}
				s := &jobServer{
					header: http.Header{"Date": {date}},
					job: func() string {
						return `{"id":7,"status":"success","started_at":"2000-01-01T00:00:00Z","finished_at":"` + now.Add(-tc.finished).UTC().Format(time.RFC3339) + `"}`
					},
					log: func() (int, string) {
						if time.Since(start) < 500*time.Millisecond {
							return 200, "begin\n"
						}
						return 200, "begin\nend\n"
					},
				}
				r, err := newClient(t, s.RoundTrip).Jobs.FollowTrace(t.Context(), "1", 7, nil)
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				assert.Equal(t, tc.whole, strings.Contains(string(got), "end"), string(got))
				assert.GreaterOrEqual(t, s.traces, tc.traces)
				if tc.traces == 1 {
					assert.Equal(t, 1, s.traces)
				}
			})
		})
	}
}

func TestARunningJobHasALogWhateverItsStart(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"running", "canceling"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &jobServer{
					job: func() string { return `{"id":7,"status":"` + status + `","started_at":null}` },
					log: func() (int, string) { return 200, "text\n" },
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r, err := newClient(t, s.RoundTrip).Jobs.FollowTrace(ctx, "1", 7, nil)
				require.NoError(t, err)
				p := make([]byte, 100)
				n, err := r.Read(p)
				require.NoError(t, err)
				assert.Equal(t, "text\n", string(p[:n]))
				require.NoError(t, r.Close())
			})
		})
	}
}

// If the server sends the whole log each time, the interval grows with the log, up to
// MaxInterval.
func TestFollowingALargeLogOfAnOlderServer(t *testing.T) {
	t.Parallel()
	const lines = 10_000
	script := gitlabjobstest.Script{Lines: lines, Every: 6 * time.Millisecond, Line: func(i int) string { return fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", 300)) }}
	for name, tc := range map[string]struct {
		longest time.Duration
		atLeast int
		atMost  int
	}{"default": {0, 5, 20}, "MaxInterval of 3 s": {3 * time.Second, 18, 40}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, job, client, m := following(t, gitlabjobstest.JobSpec{Script: &script}, gitlabjobstest.OlderServer())
				start := time.Now()
				r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), &gitlabjobs.FollowOptions{MaxInterval: tc.longest})
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				require.NoError(t, err)
				assert.True(t, job.Log() == string(got)) //nolint:testifylint // Too long to be shown.
				traces := m.asked["/projects/:id/jobs/:job_id/trace"]
				assert.GreaterOrEqual(t, traces, tc.atLeast)
				assert.LessOrEqual(t, traces, tc.atMost)
				assert.Less(t, time.Since(start), 80*time.Second, "the job's end is noticed")
				t.Logf("%s: %d bytes of log, %.2f times moved, %d requests for it, ended %v after the job", name, len(got), float64(m.logs)/float64(len(got)), traces, time.Since(start)-time.Minute)
			})
		})
	}
}

// WithResponse is set to the response of the first request.
func TestFollowTraceReportsItsFirstResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, job, client, _ := following(t, gitlabjobstest.JobSpec{Log: "x"})
		var response gitlabjobs.Response
		r, err := client.Jobs.FollowTrace(t.Context(), "group/app", job.ID(), nil, gitlabjobs.WithResponse(&response))
		require.NoError(t, err)
		assert.Equal(t, 200, response.StatusCode)
		assert.NotEmpty(t, response.RequestID)
		require.NoError(t, r.Close())
		_, err = client.Jobs.FollowTrace(t.Context(), "group/app", job.ID()+1, nil, gitlabjobs.WithResponse(&response))
		require.ErrorIs(t, err, gitlabjobs.ErrNotFound)
		assert.Equal(t, 404, response.StatusCode)
	})
}

// The whole log or only the part after the offset may be missing.
func TestFollowingFromAnOffsetBeyondAShortLog(t *testing.T) {
	t.Parallel()
	const log, listed = "0123456789abcdef", `,"artifacts":[{"file_type":"trace","size":16}]`
	for name, tc := range map[string]struct {
		job    string
		logs   []string // The last one repeats.
		offset int64
		want   string
		err    error
		text   string
		traces int
	}{
		"empty, but listed":                  {job: listed, logs: []string{""}, text: "the log is missing: the job lists a log of 16 bytes", traces: 5},
		"empty from an offset, but listed":   {job: listed, logs: []string{""}, offset: 10, text: "the log is missing: the job lists a log of 16 bytes", traces: 5},
		"empty once":                         {logs: []string{"", log}, want: log, traces: 2},
		"empty once from an offset":          {logs: []string{"", log}, offset: 10, want: log[10:], traces: 2},
		"empty once from an offset, listed":  {job: listed, logs: []string{"", log}, offset: 10, want: log[10:], traces: 2},
		"ends before the offset":             {logs: []string{log}, offset: 100, traces: 5},
		"ends before the offset, as listed":  {job: listed, logs: []string{log}, offset: 100, traces: 1},
		"ends at the offset, as listed":      {job: listed, logs: []string{log}, offset: 16, traces: 1},
		"shorter than listed":                {job: listed, logs: []string{log[:12]}, want: log[:12], err: io.ErrUnexpectedEOF, text: "the log ends at byte 12, but the job lists 16 bytes", traces: 5},
		"shorter than listed from an offset": {job: listed, logs: []string{log[:12]}, offset: 10, want: log[10:12], err: io.ErrUnexpectedEOF, text: "the log ends at byte 12, but the job lists 16 bytes", traces: 5},
		"shorter than listed once":           {job: listed, logs: []string{log[:12], log}, want: log, traces: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &jobServer{header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}}
				s.job = func() string {
					return `{"id":7,"status":"success","started_at":"1999-01-01T00:00:00Z","finished_at":"1999-01-01T00:01:00Z","erased_at":null` + tc.job + `}`
				}
				s.log = func() (int, string) { return 200, tc.logs[min(s.traces, len(tc.logs))-1] }
				start := time.Now()
				r, err := newClient(t, s.RoundTrip).Jobs.FollowTrace(t.Context(), "1", 7, &gitlabjobs.FollowOptions{Offset: tc.offset})
				require.NoError(t, err)
				got, err := io.ReadAll(r)
				assert.Equal(t, tc.want, string(got))
				assert.Less(t, time.Since(start), time.Minute)
				assert.GreaterOrEqual(t, s.traces, tc.traces)
				if tc.text == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, tc.text)
				if tc.err != nil {
					require.ErrorIs(t, err, tc.err)
				}
			})
		})
	}
}

// A runner writes the last bytes after GitLab says that the job has finished.
func TestFollowingReadsTheLastBytesAfterTheJobsEnd(t *testing.T) {
	t.Parallel()
	for _, listed := range []string{"", `,"artifacts":[{"file_type":"trace","size":10}]`} {
		synctest.Test(t, func(t *testing.T) {
			var seen time.Time // The time at which the follower received the finished job.
			start := time.Now()
			s := &jobServer{
				job: func() string {
					if time.Since(start) < 30*time.Second {
						return `{"id":7,"status":"running","started_at":"1999-01-01T00:00:00Z"}`
					}
					if seen.IsZero() {
						seen = time.Now()
					}
					return `{"id":7,"status":"success","started_at":"1999-01-01T00:00:00Z","finished_at":"` + start.Add(30*time.Second).UTC().Format(time.RFC3339) + `"` + listed + `}`
				},
				log: func() (int, string) {
					if seen.IsZero() || time.Since(seen) < 500*time.Millisecond {
						return 200, "begin\n"
					}
					return 200, "begin\nend\n"
				},
			}
			r, err := newClient(t, s.RoundTrip).Jobs.FollowTrace(t.Context(), "1", 7, nil)
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, "begin\nend\n", string(got))
			assert.Less(t, time.Since(seen), 5*time.Second)
		})
	}
}

// The job says that its log was erased. That is not a changed log.
func TestFollowingEndsWhenTheJobIsErased(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 404} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			erased := func() bool { return time.Since(start) >= 30*time.Second }
			requests := 0 // The number of requests for the log after it was erased.
			s := &jobServer{
				job: func() string {
					if erased() {
						return `{"id":7,"status":"failed","started_at":"1999-01-01T00:00:00Z","erased_at":"2000-01-01T00:00:30Z"}`
					}
					return `{"id":7,"status":"running","started_at":"1999-01-01T00:00:00Z","erased_at":null}`
				},
				log: func() (int, string) {
					if erased() {
						requests++
						return status, ""
					}
					return 200, "begin\n"
				},
			}
			r, err := newClient(t, s.RoundTrip).Jobs.FollowTrace(t.Context(), "1", 7, nil)
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, "begin\n", string(got))
			assert.Equal(t, gitlabjobs.StatusFailed, r.Job().Status)
			assert.LessOrEqual(t, requests, 3, "a log that was erased is not awaited")
			assert.Less(t, time.Since(start), time.Minute)
		})
	}
}

// If a log breaks off, it is requested again without its ETag. Otherwise the server would
// respond that it has not changed, and the rest would never be read.
func TestFollowingForgetsTheETagOfALogThatBreaksOff(t *testing.T) {
	t.Parallel()
	for _, attempts := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			log := someLog(10_000)
			const etag = `W/"1"`
			start := time.Now()
			whole := 0 // The number of responses with the whole log.
			client := newClient(t, func(req *http.Request) (*http.Response, error) {
				switch {
				case !strings.HasSuffix(req.URL.Path, "/trace") && time.Since(start) < time.Minute:
					return answer{body: `{"id":7,"status":"running","started_at":"1999-01-01T00:00:00Z"}`}.to(req), nil
				case !strings.HasSuffix(req.URL.Path, "/trace"):
					return answer{body: `{"id":7,"status":"success","started_at":"1999-01-01T00:00:00Z"}`}.to(req), nil
				case req.Header.Get("If-None-Match") == etag:
					return answer{status: http.StatusNotModified}.to(req), nil
				}
				whole++
				resp := answer{body: log, header: map[string]string{"Content-Type": "text/plain", "Etag": etag}}.to(req)
				if whole <= 2 {
					resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(log[:3000*whole]), iotest.ErrReader(io.ErrUnexpectedEOF)))
				}
				return resp, nil
			}, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: attempts}))
			r, err := client.Jobs.FollowTrace(t.Context(), "1", 7, nil)
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			assert.Equal(t, log, string(got))
			assert.Less(t, whole, 6, "the ETag of the whole log is sent")
		})
	}
}
