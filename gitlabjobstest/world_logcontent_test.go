package gitlabjobstest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// Any part of the numbered lines equals the same part of the whole log.
func TestNumberedLinesAtAnyOffset(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	for i := 1; want.Len() < 20_000; i++ {
		fmt.Fprintf(&want, "line %012d of a log which is generated while it is read.\n", i)
	}
	for off := 0; off < 10_000; off += 97 {
		for _, n := range []int{0, 1, 63, 64, 65, 5000} {
			p := make([]byte, n)
			numberedLines(p, int64(off))
			require.Equal(t, string(want.Bytes()[off:off+n]), string(p), "%d bytes at offset %d", n, off)
		}
	}
}

// Every line contains its number, so that no two parts of at least two lines are
// equal.
func TestNumberedLinesContainTheirNumber(t *testing.T) {
	t.Parallel()
	for _, line := range []int64{1, 9_999, 10_000, 33_554_432, 999_999_999} {
		p := make([]byte, 2*lineWidth)
		numberedLines(p, (line-1)*lineWidth)
		require.Contains(t, string(p), fmt.Sprintf("line %012d of", line))
		require.Contains(t, string(p), fmt.Sprintf("line %012d of", line+1))
	}
}

func TestLogWithSize(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	trace := func(j *Job, query string, extra ...string) result {
		return w.send(t, "GET "+jobPath(j, "/trace")+query, append(extra, w.dev)...)
	}
	at := func(p []byte, off int64) {
		for i := range p {
			p[i] = byte('a' + (off+int64(i))%26)
		}
	}
	j := w.pl.AddJob(JobSpec{LogSize: 30, LogAt: at})
	const whole = "abcdefghijklmnopqrstuvwxyzabcd"
	g := trace(j, "").expect(200, whole)
	require.Equal(t, "30", g.header.Get("Content-Length"))
	require.Equal(t, whole, j.Log())
	trace(j, "?byte_offset=26").expect(200, "abcd")
	trace(j, "?byte_offset=1&byte_limit=3").expect(200, "bcd")
	trace(j, "?byte_offset=30&byte_limit=3").expect(200, "")
	require.NotEqual(t, g.header.Get("Etag"), trace(j, "?byte_offset=1").header.Get("Etag"))
	trace(j, "", "If-None-Match: "+g.header.Get("Etag")).expect(304, "")
	artifacts, _ := w.send(t, "GET "+jobPath(j, ""), w.dev).object()["artifacts"].([]any)
	log, _ := artifacts[0].(map[string]any)
	require.EqualValues(t, 30, log["size"])
	w.postAction(t, j, "erase").expect(201)
	trace(j, "").expect(200, "")

	// The job's writes follow the generated part.
	j = w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusPending, LogSize: 5, LogAt: at})
	trace(j, "").expect(200, "")
	j.Start()
	j.AppendLog("12345")
	trace(j, "").expect(200, "abcde12345")
	trace(j, "?byte_offset=3&byte_limit=4").expect(200, "de12")
	trace(j, "?byte_offset=6&byte_limit=2").expect(200, "23")
	require.Equal(t, "abcde12345", j.Log())
	head := w.send(t, "HEAD "+jobPath(j, "/trace"), w.dev).expect(200, "")
	require.Equal(t, "10", head.header.Get("Content-Length"))
}

// Faults apply to a log that is too large for memory.
func TestFaultsInGeneratedLog(t *testing.T) {
	t.Parallel()
	onSocketAndInMemory(t, func(t *testing.T, s *Server, client *http.Client) {
		const size int64 = 8 << 30
		j := s.AddProject("group/app").AddPipeline().AddJob(JobSpec{LogSize: size})
		get := func(do Effect, n int64) (int64, error) {
			s.Fault(Fault{Do: do})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4"+jobPath(j, "/trace"), nil)
			require.NoError(t, err)
			req.Header.Set("Private-Token", s.Tokens.Developer)
			resp, err := client.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, size, resp.ContentLength)
			return io.Copy(io.Discard, io.LimitReader(resp.Body, n))
		}
		n, err := get(CutBody(3_000_001), size)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.EqualValues(t, 3_000_001, n)
		n, err = get(SlowBody(500_000, time.Microsecond), 1_200_000)
		require.NoError(t, err)
		require.EqualValues(t, 1_200_000, n)
		_, err = get(MalformedJSON(), 1000)
		require.NoError(t, err, "Rewrite does not change a generated log")
	})
}

func TestSlowBodyOfGeneratedLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		j := w.pl.AddJob(JobSpec{LogSize: 1_000_000})
		w.Fault(Fault{Do: SlowBody(300_000, time.Minute)})
		start := time.Now()
		require.Len(t, w.send(t, "GET "+jobPath(j, "/trace"), w.dev).expect(200).body, 1_000_000)
		require.Equal(t, 4*time.Minute, time.Since(start))
	})
}

func TestGeneratedLogNeedsLittleMemory(t *testing.T) { //nolint:paralleltest // It counts allocated bytes.
	const size = 64 << 20
	s := NewServer(t)
	j := s.AddProject("group/app").AddPipeline().AddJob(JobSpec{LogSize: size})
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v4"+jobPath(j, "/trace"), nil)
	require.NoError(t, err)
	req.Header.Set("Private-Token", s.Tokens.Developer)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := tr.RoundTrip(req)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	runtime.ReadMemStats(&after)
	require.EqualValues(t, size, n)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}
