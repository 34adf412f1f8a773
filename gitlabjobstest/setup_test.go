package gitlabjobstest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// A set-up that no GitLab could have ends the test with a line that says what
// to want.
func TestSetUpErrorSaysHowToFixIt(t *testing.T) {
	t.Parallel()
	pipeline := func(s *Server) *Pipeline { return s.AddProject("group/app").AddPipeline(PipelineSpec{}) }
	add := func(spec JobSpec) func(s *Server) { return func(s *Server) { pipeline(s).AddJob(spec) } }
	bridge := func(spec BridgeSpec) func(s *Server) { return func(s *Server) { pipeline(s).AddBridge(spec) } }
	other := func(t *testing.T) *Pipeline { return pipeline(NewMemoryServer(t)) }
	now := time.Now()
	tests := []struct {
		name, want string
		setUp      func(s *Server)
	}{
		{"a project without a group", "such as group/app", func(s *Server) { s.AddProject("app") }},
		{"a project's path twice", "the path is taken", func(s *Server) { pipeline(s); pipeline(s) }},
		{"a project's id twice", "leave it out", func(s *Server) { pipeline(s); s.AddProject("a/b", ProjectSpec{ID: 1}) }},
		{"a negative project id", "ID is -1: use a positive number", func(s *Server) { s.AddProject("a/b", ProjectSpec{ID: -1}) }},
		{"a visibility that is none", "Private, Internal or Public", func(s *Server) { s.AddProject("a/b", ProjectSpec{Visibility: "x"}) }},
		{"moved from where one is", "MovedFrom", func(s *Server) { pipeline(s); s.AddProject("a/b", ProjectSpec{MovedFrom: []string{"group/app"}}) }},
		{"moved from where another has", "MovedFrom", func(s *Server) {
			s.AddProject("a/b", ProjectSpec{MovedFrom: []string{"a/old"}})
			s.AddProject("a/c", ProjectSpec{MovedFrom: []string{"a/old"}})
		}},
		{"a move to where one is", "the path is taken", func(s *Server) { pipeline(s).Project().MoveTo("group/app") }},
		{"a move without a group", "such as group/app", func(s *Server) { pipeline(s).Project().MoveTo("app") }},
		{"a move of what is gone", "deleted", func(s *Server) { p := pipeline(s).Project(); p.Delete(); p.MoveTo("a/b") }},
		{"a pipeline of a deleted project", "deleted", func(s *Server) { p := pipeline(s).Project(); p.Delete(); p.AddPipeline() }},
		{"a job of a deleted pipeline", "deleted", func(s *Server) { pl := pipeline(s); pl.Delete(); pl.AddJob() }},
		{"a bridge to a deleted pipeline", "deleted", func(s *Server) {
			pl := pipeline(s)
			downstream := pl.Project().AddPipeline()
			downstream.Delete()
			pl.AddBridge(BridgeSpec{Downstream: downstream})
		}},
		{"two specs of a pipeline", "pass one or none", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{}, PipelineSpec{}) }},
		{"two specs of a job", "use AddJobs", func(s *Server) { pipeline(s).AddJob(JobSpec{}, JobSpec{}) }},
		{"two specs of a bridge", "pass one or none", func(s *Server) { pipeline(s).AddBridge(BridgeSpec{}, BridgeSpec{}) }},
		{"a log and a size of another", "leave out one of them", add(JobSpec{Log: "x", LogSize: 1})},
		{"a log made of nothing", "with LogAt a number above 0", add(JobSpec{LogAt: func([]byte, int64) {}})},
		{"a log below nothing", "0 or more", add(JobSpec{LogSize: -1})},
		{"a log made elsewhere, stamped here", "let LogAt write", add(JobSpec{LogSize: 1, Stamped: true})},
		{"a log too long for a string", "read the log with a client", func(s *Server) { pipeline(s).AddJob(JobSpec{LogSize: 1 << 40}).Log() }},
		{"a time of a job that is not scheduled", "StatusScheduled", add(JobSpec{Status: gitlabjobs.StatusManual, ScheduledAt: now})},
		{"starting what is gone", "it is deleted", func(s *Server) {
			j := pipeline(s).AddJob(JobSpec{Status: gitlabjobs.StatusPending})
			j.Delete()
			j.Start()
		}},
		{"cancelling what is gone", "it is deleted", func(s *Server) { j := pipeline(s).AddJob(); j.Delete(); j.Cancel() }},
		{"starting a bridge that has ended", "use the new job", func(s *Server) { pipeline(s).AddBridge().Start() }},
		{"down for no time", "above 0", func(s *Server) { s.Down(0) }},
		{"revoking what is no token", "use one of Server.Tokens", func(s *Server) { s.Revoke("x") }},
		{"no such project", "AddProject", func(s *Server) { s.Project("no/such") }},
		{"no such pipeline", "AddPipeline", func(s *Server) { s.Pipeline(1) }},
		{"no such job", "AddJob", func(s *Server) { s.Job(1) }},
		{"no such bridge", "AddBridge", func(s *Server) { s.Bridge(1) }},
		{"a pipeline's id twice", "ID 101 is taken: leave it out", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{ID: 101}) }},
		{"a pipeline's SHA", "40 hexadecimal digits", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{SHA: "abc"}) }},
		{"a pipeline's status", "use a gitlabjobs.Status constant", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{Status: "x"}) }},
		{"a pipeline's status, later", "AnyStatus", func(s *Server) { pipeline(s).SetStatus("x") }},
		{"a pipeline that is ahead of its jobs", "0 or more", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{StatusLag: -1}) }},
		{"a user of another server", "AddUser", func(s *Server) {
			pipeline(s).Project().AddPipeline(PipelineSpec{User: NewMemoryServer(t).Users.Guest})
		}},
		{"a negative job id", "ID is -1: use a positive number", add(JobSpec{ID: -1})},
		{"a job's id twice", "ID 1001 is taken: leave it out", func(s *Server) { pl := pipeline(s); pl.AddJob(JobSpec{}); pl.AddJob(JobSpec{ID: 1001}) }},
		{"a status that GitLab does not have", "AnyStatus", add(JobSpec{Status: "resting"})},
		{"a reason without a failure", "StatusFailed", add(JobSpec{FailureReason: "x"})},
		{"times that go back", "leave some of them out", add(JobSpec{CreatedAt: now, StartedAt: now.Add(-time.Hour), FinishedAt: now})},
		{"a start of a job that waits", "leave out StartedAt", add(JobSpec{Status: gitlabjobs.StatusPending, StartedAt: now})},
		{"an end of a job that runs", "leave out FinishedAt", add(JobSpec{Status: gitlabjobs.StatusRunning, FinishedAt: now})},
		{"an erased job that runs", "leave out ErasedAt", add(JobSpec{Status: gitlabjobs.StatusRunning, ErasedAt: now})},
		{"a log and none", "leave out one of them", add(JobSpec{NoLog: true, Log: "x"})},
		{"a log of a job that never ran", "set StartedAt", add(JobSpec{Status: gitlabjobs.StatusFailed, NeverStarted: true, Log: "x"})},
		{"a user and none", "leave out one of them", func(s *Server) { pipeline(s).AddJob(JobSpec{NoUser: true, User: s.Users.Guest}) }},
		{"an artifact without a type", "use a Type such as archive", add(JobSpec{Artifacts: []Artifact{{}}})},
		{"coverage beyond all", "from 0 to 100", add(JobSpec{Coverage: 101})},
		{"more retries than GitLab allows", "use 0 to 2", add(JobSpec{AutoRetry: 3})},
		{"a retry's script back in time", "Retries[1]: ", add(JobSpec{Retries: []Script{{}, {Every: -1}}})},
		{"a slow cancel that is not graceful", "GracefulCancel", add(JobSpec{CancelTakes: 1})},
		{"a script of a finished job", "put it into Retries", add(JobSpec{Status: gitlabjobs.StatusSuccess, Script: &Script{}})},
		{"a script into nowhere", "use a final status", add(JobSpec{Script: &Script{Result: gitlabjobs.StatusPending}})},
		{"a script back in time", "0 or more", add(JobSpec{Script: &Script{Every: -1}})},
		{"less than no jobs", "0 or more", func(s *Server) { pipeline(s).AddJobs(-1, nil) }},
		{"a bridge to another server", "another server", bridge(BridgeSpec{Downstream: other(t)})},
		{"two bridges to one pipeline", "add another pipeline", func(s *Server) {
			pl := pipeline(s)
			downstream := pl.Project().AddPipeline(PipelineSpec{})
			pl.AddBridge(BridgeSpec{Downstream: downstream})
			pl.AddBridge(BridgeSpec{Downstream: downstream})
		}},
		{"a bridge in a circle", "above it", func(s *Server) {
			pl := pipeline(s)
			downstream := pl.Project().AddPipeline(PipelineSpec{})
			pl.AddBridge(BridgeSpec{Downstream: downstream})
			downstream.AddBridge(BridgeSpec{Downstream: pl})
		}},
		{"starting what has ended", "use the new job", func(s *Server) { pipeline(s).AddJob(JobSpec{}).Start() }},
		{"ending what has ended", "use the new job", func(s *Server) { pipeline(s).AddJob(JobSpec{}).Succeed() }},
		{"running what has ended", "use the new job", func(s *Server) { pipeline(s).AddJob(JobSpec{}).Run(Script{}) }},
		{"the log of what has not begun", "call Start first", func(s *Server) {
			pipeline(s).AddJob(JobSpec{Status: gitlabjobs.StatusPending}).AppendLog("x")
		}},
		{"finishing a cancel that was none", "GracefulCancel", func(s *Server) { pipeline(s).AddJob(JobSpec{}).FinishCancel() }},
		{"a role that is none", "Guest, Reporter", func(s *Server) { pipeline(s).Project().AddMember(s.Users.Guest, 7) }},
		{"nobody as a member", "AddUser", func(s *Server) { pipeline(s).Project().AddMember(nil, Guest) }},
		{"a username twice", "taken", func(s *Server) { s.AddUser(UserSpec{Username: "user1"}) }},
		{"a runner's type", "group_type", func(s *Server) { s.AddRunner(RunnerSpec{Type: "x"}) }},
		{"an agent of another server", "another server", func(s *Server) { pipeline(s).Project().AddAgent(AgentSpec{ConfigProject: other(t).Project()}) }},
		{"a fault of no endpoint", "Server.Handle first", func(s *Server) { s.Fault(Fault{Route: "/api/v4/job"}) }},
		{"a fault of a method the endpoint lacks", "there is no route POST /job: write Route like", func(s *Server) { s.Fault(Fault{Route: "/job", Method: "POST"}) }},
		{"a fault that strikes less than always", "Always", func(s *Server) { s.Fault(Fault{Times: -2}) }},
		{"a probability above 1", "from 0 to 1", func(s *Server) { s.Fault(Fault{Probability: 1.5}) }},
		{"a cut before the body", "0 or more", func(s *Server) { s.Fault(Fault{Do: CutBody(-1)}) }},
		{"a redirect that is none", "300 to 399", func(s *Server) { s.Fault(Fault{Do: Redirect(200, "/")}) }},
		{"an answer that is none", "200 to 599", func(s *Server) { s.Fault(Fault{Do: Answer(99, nil, "")}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			line := failureOf(t, tt.setUp)
			require.Contains(t, line, tt.want)
			require.Contains(t, line, "gitlabjobstest: ")
			require.Regexp(t, `: .*\b(use|leave|set|pass|add|call|write|fix|read|retry|cancel|let)\b`, line, "it says how to do it")
		})
	}
}

func TestOptionErrorSaysHowToFixIt(t *testing.T) {
	t.Parallel()
	require.Contains(t, failureOf(t, func(s *Server) { NewMemoryServer(s.tb, JobsRateLimit(0)) }), "at least 1 request")
	for want, opt := range map[string]Option{
		"use a scheme and a host":         WithExternalURL("gitlab.example.com"),
		"use at least 1 request a minute": JobsRateLimit(0),
		"use at least 1 request and 1s":   Throttle(1, 0),
		"leave out one of them":           func(s *Server) { OlderServer()(s); NewerServer()(s) },
	} {
		s, err := Start(opt)
		require.ErrorContains(t, err, want)
		require.Nil(t, s)
	}
}

// A server without a test keeps the first bad set-up, goes on without panic,
// and names it in every later answer.
func TestServerWithoutTestKeepsFirstSetUpError(t *testing.T) {
	t.Parallel()
	s, err := Start()
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Err())
	bad := s.AddProject("app").AddPipeline(PipelineSpec{ID: -1})
	bad.AddJobs(2, nil)
	bad.AddJob(JobSpec{}).AppendLog("x")
	bad.AddBridge(BridgeSpec{}).Succeed()
	s.Job(1).Start()
	s.Bridge(1).Fail("")
	s.Pipeline(1).AddJob(JobSpec{})
	s.Project("no/such").AddPipeline(PipelineSpec{})
	handle := s.Fault(Fault{Times: -2})
	require.Zero(t, handle.Struck())
	handle.Clear()
	s.Project("no/such").MoveTo("a/b")
	s.Job(1).Delete()
	s.Bridge(1).Start()
	s.Pipeline(1).Delete()
	s.Project("no/such").Delete()
	require.ErrorContains(t, s.Err(), `AddProject("app"): use a full path`)
	send(t, s, "GET /job").expect(http.StatusInternalServerError,
		`{"message":"500 Internal Server Error: `+`gitlabjobstest: AddProject(\"app\"): use a full path, such as group/app"}`)
}

func TestAddJobsAddsTenThousandJobsInASecond(t *testing.T) { //nolint:paralleltest // It measures time.
	w := newFixture(t)
	best := time.Hour
	var jobs []*Job
	for range 3 { // Whatever else the machine does, it does not do it three times.
		start := time.Now()
		jobs = w.pl.AddJobs(10_000, func(i int) JobSpec { return JobSpec{Status: gitlabjobs.StatusPending, AllowFailure: i%2 == 0} })
		best = min(best, time.Since(start))
	}
	require.Less(t, best, time.Second)
	require.Len(t, jobs, 10_000)
	require.Equal(t, jobs[9_999].ID(), w.send(t, "GET "+w.jobs+"?per_page=1", w.dev).ids()[0])
	w.pl.AddJobs(1, nil)
}
