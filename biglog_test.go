package gitlabjobs_test

import (
	"crypto/sha256"
	"hash"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// largeLog is the size of the largest log: 1 GiB if the environment variable GITLABJOBS_LARGE
// is 1, otherwise less, so that the tests are fast.
var largeLog = int64(inFull(1<<30, 64<<20))

// bigLog is a server on a socket with a job that has a large log.
func bigLog(t testing.TB, size int64, options ...gitlabjobstest.Option) (*gitlabjobstest.Server, *gitlabjobs.Client, int64) {
	srv := gitlabjobstest.NewServer(t, options...)
	job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{LogSize: size})
	client := srv.Client(srv.Tokens.Reporter, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond}))
	t.Cleanup(client.CloseIdleConnections)
	return srv, client, job.ID()
}

// meter is a writer that measures the heap from time to time.
type meter struct {
	hash.Hash
	since, peak, base uint64
	n                 int64
}

func newMeter() *meter {
	m := &meter{Hash: sha256.New()}
	m.base = heapInUse()
	return m
}

func heapInUse() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	if m.since += uint64(len(p)); m.since > uint64(largeLog)/32 {
		m.since = 0
		m.peak = max(m.peak, heapInUse())
	}
	return m.Hash.Write(p)
}

func (m *meter) growth() int64 { return int64(m.peak) - int64(m.base) }

// direct reads the log from the same server without the library.
func direct(t testing.TB, srv *gitlabjobstest.Server, id int64, w io.Writer) int64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/api/v4/projects/group%2Fapp/jobs/"+string(gitlabjobs.ProjectID(id))+"/trace", nil)
	require.NoError(t, err)
	req.Header.Set("PRIVATE-TOKEN", srv.Tokens.Reporter)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	n, err := io.Copy(w, resp.Body)
	require.NoError(t, err)
	return n
}

func TestALargeLogUsesLittleMemory(t *testing.T) { //nolint:paralleltest // It measures the heap.
	srv, client, id := bigLog(t, largeLog)
	want := sha256.New()
	assert.Equal(t, largeLog, direct(t, srv, id, want))
	m := newMeter()
	log, err := client.Jobs.Trace(t.Context(), "group/app", id, nil)
	require.NoError(t, err)
	defer log.Close()
	n, err := io.Copy(m, log)
	require.NoError(t, err)
	assert.Equal(t, largeLog, n)
	assert.Equal(t, want.Sum(nil), m.Sum(nil))
	assert.Less(t, m.growth(), int64(1<<20))
	t.Logf("%d MiB, the heap grew by %d KiB at most", n>>20, m.growth()>>10)
}

func TestALargeLogThatBreaksOffTwentyTimes(t *testing.T) { //nolint:paralleltest // It measures the heap.
	piece := largeLog/20 - 1
	srv, client, id := bigLog(t, largeLog)
	want := sha256.New()
	direct(t, srv, id, want)
	srv.ResetRequests()
	srv.Fault(gitlabjobstest.Fault{Times: gitlabjobstest.Always, Match: func(req gitlabjobstest.Request) bool {
		return req.Query.Get("byte_limit") != "0" // The request that detects whether the server supports ranges.
	}, Do: gitlabjobstest.CutBody(piece)})
	m := newMeter()
	log, err := client.Jobs.Trace(t.Context(), "group/app", id, nil)
	require.NoError(t, err)
	defer log.Close()
	n, err := io.Copy(m, log)
	require.NoError(t, err)
	assert.Equal(t, largeLog, n, "no byte is read twice")
	assert.Equal(t, want.Sum(nil), m.Sum(nil))
	assert.Less(t, m.growth(), int64(1<<20))
	moved := int64(0)
	for _, req := range srv.Requests() {
		moved += req.Sent
	}
	assert.LessOrEqual(t, float64(moved), 1.01*float64(n))
	assert.GreaterOrEqual(t, len(srv.Requests()), int(n/piece))
	t.Logf("%d MiB in %d requests, %.6f times the bytes moved, the heap grew by %d KiB at most", n>>20, len(srv.Requests()), float64(moved)/float64(n), m.growth()>>10)
}

// BenchmarkTrace reads a log alternately with and without the library. Compare the two
// results of the same run. An iteration reads 64 MiB.
func BenchmarkTrace(b *testing.B) {
	const size = 64 << 20
	srv, client, id := bigLog(b, size, gitlabjobstest.KeepAlive())
	var ours, plain time.Duration
	b.SetBytes(size)
	for b.Loop() {
		start := time.Now()
		direct(b, srv, id, io.Discard)
		plain += time.Since(start)

		start = time.Now()
		log, err := client.Jobs.Trace(b.Context(), "group/app", id, nil)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, log)
		require.NoError(b, err)
		log.Close()
		ours += time.Since(start)
	}
	b.ReportMetric(float64(ours)/float64(plain), "of-io.Copy")
	b.ReportMetric(float64(plain)/float64(ours), "of-its-throughput")
}
