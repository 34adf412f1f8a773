package gitlabjobstest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestStampedLogsMatchGitLab(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		stamp := func(at time.Time, end string) string {
			return at.UTC().Format("2006-01-02T15:04:05.000000Z") + " 00O" + end
		}
		require.Len(t, stamp(time.Now(), " "), 32)
		start := time.Now()

		// Each line has the time at which it was written.
		script := &Script{Lines: 2, Every: 1500 * time.Microsecond, Stamped: true, Result: gitlabjobs.StatusRunning}
		j := w.pl.AddJob(JobSpec{Script: script})
		time.Sleep(time.Hour)
		lines := stamp(start.Add(1500*time.Microsecond), " line 1\n") + stamp(start.Add(3*time.Millisecond), " line 2\n")
		w.send(t, "GET "+jobPath(j, "/trace"), w.dev).expect(200, lines)

		// A line is buffered until it is complete. It has the time of its first write.
		j = w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusPending, Stamped: true, Log: "first\n", Artifacts: []Artifact{{Type: "archive"}}})
		j.Start()
		now := time.Now()
		j.AppendLog("half")
		require.Equal(t, stamp(now, " first\n"), j.Log())
		time.Sleep(time.Second)
		j.AppendLog(" a line\nwhole\n")
		j.AppendLog("last")
		later := time.Now()
		want := stamp(now, " first\n") + stamp(now, " half a line\n") + stamp(later, " whole\n")
		require.Equal(t, want, j.Log())
		time.Sleep(time.Second)
		j.Succeed()
		require.Equal(t, want+stamp(later, " last\n"), j.Log())
		time.Sleep(time.Second)
		j.AppendLog("late")
		require.Equal(t, want+stamp(later, " last\n")+stamp(time.Now(), " late\n"), j.Log())
		j.AppendLog("later")
		w.postAction(t, j, "erase").expect(201)
		require.Empty(t, j.Log())

		// The default log has prefixes too, and its size includes them.
		j = w.pl.AddJob(JobSpec{Stamped: true})
		artifacts, _ := w.send(t, "GET "+jobPath(j, ""), w.dev).object()["artifacts"].([]any)
		log, _ := artifacts[0].(map[string]any)
		require.EqualValues(t, len(j.Log()), log["size"])
		for line := range strings.Lines(j.Log()) {
			require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z 00O[ +]`, line)
		}
	})
}

// follow requests a log with a token and follows the redirect without it, as
// net/http's client does. It returns both responses and the last body.
func follow(t *testing.T, s *Server, rt http.RoundTripper, path string) (redirect, last *http.Response, body string) {
	t.Helper()
	get := func(url, token string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Private-Token", token)
		}
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		return resp
	}
	redirect = get(s.URL+"/api/v4"+path, s.Tokens.Developer)
	require.NoError(t, redirect.Body.Close())
	require.Equal(t, 302, redirect.StatusCode)
	last = get(redirect.Header.Get("Location"), "")
	b, err := io.ReadAll(last.Body)
	require.NoError(t, err)
	require.NoError(t, last.Body.Close())
	return redirect, last, string(b)
}

func TestLogsInStorageMatchGitLab(t *testing.T) {
	t.Parallel()
	t.Run("the response is a redirect to another host", func(t *testing.T) {
		t.Parallel()
		for name, newServer := range map[string]func(TB, ...Option) *Server{"socket": NewServer, "memory": NewMemoryServer} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, LogsInStorage())
				j := s.AddProject("group/app").AddPipeline().AddJob(JobSpec{Log: "0123456789"})
				rt := s.Transport()
				host := memoryStorageHost
				if s.socket {
					tr := &http.Transport{}
					t.Cleanup(tr.CloseIdleConnections)
					rt, host = tr, "localhost:"+s.URL[strings.LastIndex(s.URL, ":")+1:]
				}
				redirect, last, body := follow(t, s, rt, jobPath(j, "/trace?byte_offset=5"))
				to, err := redirect.Location()
				require.NoError(t, err)
				require.Equal(t, host, to.Host)
				require.NotEmpty(t, to.Query().Get("X-Amz-Signature"))
				require.Equal(t, 200, last.StatusCode)
				require.Equal(t, "0123456789", body, "the storage ignores byte_offset")
				requests := s.Requests()
				require.Len(t, requests, 2)
				require.Equal(t, host, requests[1].Host)
				require.Empty(t, requests[1].Route)
			})
		}
	})
	t.Run("a missing log is 200 with an empty body", func(t *testing.T) {
		t.Parallel()
		w := newFixture(t, LogsInStorage())
		w.send(t, "GET "+jobPath(w.manual, "/trace"), w.dev).expect(200, "")
		w.send(t, "GET "+jobPath(w.done, "/trace")).expect(401, noToken)
	})
	t.Run("the storage refuses tokens, invalid signatures and expired URLs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t, LogsInStorage())
			to := w.send(t, "GET "+jobPath(w.done, "/trace"), w.dev).expect(302).header.Get("Location")
			get := func(url string, headers ...string) int {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				require.NoError(t, err)
				for _, h := range headers {
					name, value, _ := strings.Cut(h, ": ")
					req.Header.Set(name, value)
				}
				resp, err := w.Transport().RoundTrip(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				return resp.StatusCode
			}
			require.Equal(t, 200, get(to))
			for _, h := range []string{
				"Authorization: Bearer x", "Private-Token: x", "Job-Token: x", "X-Own: " + w.dev, "X-Own: " + w.running.Token(),
			} {
				require.Equal(t, 400, get(to, h), h)
			}
			for _, q := range []string{"&private_token=x", "&job_token=x", "&access_token=x", "&own=" + w.dev} {
				require.Equal(t, 400, get(to+q), q)
			}
			require.Equal(t, 403, get(strings.Replace(to, "Signature=", "Signature=0", 1)))
			require.Equal(t, 403, get(strings.Replace(to, itoa(w.done.id), itoa(w.running.id), 1)))
			w.postAction(t, w.done, "erase").expect(201)
			require.Equal(t, 404, get(to))
			time.Sleep(11 * time.Minute)
			require.Equal(t, 403, get(to))
		})
	})
}
