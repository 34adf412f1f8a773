package gitlabjobstest

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

func TestClientIsConnectedToServer(t *testing.T) {
	t.Parallel()
	servers := map[string]func(*testing.T) *Server{
		"socket": func(t *testing.T) *Server { return NewServer(t) },
		"memory": func(t *testing.T) *Server { return NewMemoryServer(t) },
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			p := s.AddProject("group/app")
			pl := p.AddPipeline(PipelineSpec{})
			j := pl.AddJob(JobSpec{Status: gitlabjobs.StatusManual})
			client := s.Client(s.Tokens.Developer)
			played, err := client.Jobs.Play(t.Context(), p.ByID(), j.ID(), nil)
			require.NoError(t, err)
			require.Equal(t, gitlabjobs.StatusPending, played.Status)
			j.Start()
			j.AppendLog("done\n")
			mine, err := s.ClientWithAuth(gitlabjobs.JobToken(j.Token())).JobToken.Job(t.Context())
			require.NoError(t, err)
			require.Equal(t, j.ID(), mine.ID)
			j.Succeed()
			log, err := client.Jobs.Trace(t.Context(), p.ByID(), j.ID(), nil)
			require.NoError(t, err)
			defer log.Close()
			text, err := io.ReadAll(log)
			require.NoError(t, err)
			require.Equal(t, "done\n", string(text))
			_, err = s.Client("").Jobs.Get(t.Context(), p.ByID(), j.ID())
			require.ErrorIs(t, err, gitlabjobs.ErrUnauthorized)
		})
	}
}

// The client leaves no goroutine, which synctest would wait for.
func TestClientWorksInVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(t)
		p := s.AddProject("group/app")
		j := p.AddPipeline(PipelineSpec{}).AddJob(JobSpec{Script: &Script{
			Pending: 2 * time.Second, Lines: 20, Every: 500 * time.Millisecond,
		}})
		client := s.Client(s.Tokens.Developer)
		var seen []gitlabjobs.Status
		for {
			job, err := client.Jobs.Get(t.Context(), p.ByID(), j.ID())
			require.NoError(t, err)
			if len(seen) == 0 || seen[len(seen)-1] != job.Status {
				seen = append(seen, job.Status)
			}
			if job.Status.Finished() {
				break
			}
			time.Sleep(time.Second)
		}
		require.Equal(t, []gitlabjobs.Status{"pending", "running", "success"}, seen)
		log, err := client.Jobs.Trace(t.Context(), p.ByID(), j.ID(), nil)
		require.NoError(t, err)
		text, err := io.ReadAll(log)
		require.NoError(t, err)
		require.NoError(t, log.Close())
		require.Equal(t, j.Log(), string(text))
	})
}

// 64 clients read lists and logs and change jobs while jobs are added.
func TestServerIsSafeForManyConcurrentClients(t *testing.T) {
	t.Parallel()
	s := NewMemoryServer(t)
	p := s.AddProject("group/app")
	pl := p.AddPipeline(PipelineSpec{})
	jobs := pl.AddJobs(64, func(int) JobSpec {
		return JobSpec{Status: gitlabjobs.StatusRunning, Script: &Script{Lines: 100, Result: gitlabjobs.StatusRunning}}
	})
	s.Fault(Fault{Probability: 0.02, Times: Always, Do: TooManyRequestsFor(0), Method: "GET"})
	var all sync.WaitGroup
	for i, j := range jobs {
		all.Go(func() {
			token := s.Tokens.Developer
			get := func(what string) result { return send(t, s, what, token) }
			get("GET /projects/1/jobs?per_page=100")
			get("GET /projects/1/jobs?per_page=5&pagination=keyset&scope=running")
			get(fmt.Sprintf("GET /projects/1/pipelines/%d/jobs?scope=success", pl.ID()))
			pl.AddJob(JobSpec{Name: fmt.Sprint("more ", i)})
			get("GET " + jobPath(j, "/trace"))
			j.AppendLog("more\n")
			assert.Equal(t, 201, send(t, s, "POST "+jobPath(j, "/cancel"), token).status)
			assert.Equal(t, 201, send(t, s, "POST "+jobPath(j, "/retry"), token).status)
			assert.True(t, j.Retried())
			s.Requests()
		})
	}
	all.Wait()
	require.Equal(t, 64, s.Count(ActionCancel))
	require.Equal(t, 64, s.Count(ActionRetry))
	require.Len(t, s.Requests(), 6*64)
	require.Len(t, pl.Jobs(), 3*64)
}

// A client retries a request only if it knows that the request had no effect.
func TestClientReportsUnknownOutcome(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		fault   Fault
		retried int
		err     error
	}{
		{"a refused request is retried", Fault{Do: Refuse(), Times: 2}, 1, nil},
		{"a rate-limited request is retried after a delay", Fault{Do: TooManyRequestsFor(time.Second)}, 1, nil},
		{"the connection is reset before the request takes effect", Fault{Do: ResetBefore()}, 0, gitlabjobs.ErrOutcomeUnknown},
		{"the connection is reset after the request has taken effect", Fault{Do: ResetAfter()}, 1, gitlabjobs.ErrOutcomeUnknown},
		{"a proxy times out after the request has taken effect", Fault{Do: AnswerAfter(502, nil, "")}, 1, gitlabjobs.ErrOutcomeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := NewMemoryServer(t)
				p := s.AddProject("group/app")
				j := p.AddPipeline(PipelineSpec{}).AddJob(JobSpec{})
				s.Fault(tt.fault)
				_, err := s.Client(s.Tokens.Developer).Jobs.Retry(t.Context(), p.ByID(), j.ID(), nil)
				require.ErrorIs(t, err, tt.err)
				require.Equal(t, tt.retried, s.Count(ActionRetry))
			})
		})
	}
}

// A client reads all pages with keyset and with offset pagination.
func TestClientReadsAllPages(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]Option{"keyset": nil, "older": {OlderServer()}, "another host": {WithExternalURL("https://git.example.com")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewMemoryServer(t, opts...)
			p := s.AddProject("group/app")
			pl := p.AddPipeline(PipelineSpec{})
			added := pl.AddJobs(250, nil)
			client := s.Client(s.Tokens.Developer)
			n := len(added)
			for job, err := range client.Jobs.AllByProject(t.Context(), p.ByPath(), nil) {
				require.NoError(t, err)
				n--
				require.Equal(t, added[n].ID(), job.ID)
			}
			require.Zero(t, n)
			for _, err := range client.Jobs.AllByPipeline(t.Context(), p.ByID(), pl.ID(), nil) {
				require.NoError(t, err)
				n++
			}
			require.Equal(t, len(added), n)
			for _, r := range s.Requests() {
				require.Equal(t, "gitlab.test", r.Host)
			}
		})
	}
}
