package gitlabjobstest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// An invalid set-up fails the test with a message that says how to fix it.
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
		{"a project path that exists", "the path is taken", func(s *Server) { pipeline(s); pipeline(s) }},
		{"a project ID that exists", "leave it out", func(s *Server) { pipeline(s); s.AddProject("a/b", ProjectSpec{ID: 1}) }},
		{"a negative project ID", "ID is -1: use a positive number", func(s *Server) { s.AddProject("a/b", ProjectSpec{ID: -1}) }},
		{"an invalid visibility", "Private, Internal or Public", func(s *Server) { s.AddProject("a/b", ProjectSpec{Visibility: "x"}) }},
		{"MovedFrom is the path of a project", "MovedFrom", func(s *Server) { pipeline(s); s.AddProject("a/b", ProjectSpec{MovedFrom: []string{"group/app"}}) }},
		{"MovedFrom is an earlier path of another project", "MovedFrom", func(s *Server) {
			s.AddProject("a/b", ProjectSpec{MovedFrom: []string{"a/old"}})
			s.AddProject("a/c", ProjectSpec{MovedFrom: []string{"a/old"}})
		}},
		{"MoveTo the path of a project", "the path is taken", func(s *Server) { pipeline(s).Project().MoveTo("group/app") }},
		{"MoveTo a path without a group", "such as group/app", func(s *Server) { pipeline(s).Project().MoveTo("app") }},
		{"MoveTo of a deleted project", "deleted", func(s *Server) { p := pipeline(s).Project(); p.Delete(); p.MoveTo("a/b") }},
		{"a pipeline of a deleted project", "deleted", func(s *Server) { p := pipeline(s).Project(); p.Delete(); p.AddPipeline() }},
		{"a job of a deleted pipeline", "deleted", func(s *Server) { pl := pipeline(s); pl.Delete(); pl.AddJob() }},
		{"a bridge to a deleted pipeline", "deleted", func(s *Server) {
			pl := pipeline(s)
			downstream := pl.Project().AddPipeline()
			downstream.Delete()
			pl.AddBridge(BridgeSpec{Downstream: downstream})
		}},
		{"two specs for a pipeline", "pass one or none", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{}, PipelineSpec{}) }},
		{"two specs for a job", "use AddJobs", func(s *Server) { pipeline(s).AddJob(JobSpec{}, JobSpec{}) }},
		{"two specs for a bridge", "pass one or none", func(s *Server) { pipeline(s).AddBridge(BridgeSpec{}, BridgeSpec{}) }},
		{"Log and LogSize", "leave out one of them", add(JobSpec{Log: "x", LogSize: 1})},
		{"LogAt without LogSize", "with LogAt a number above 0", add(JobSpec{LogAt: func([]byte, int64) {}})},
		{"a negative LogSize", "0 or more", add(JobSpec{LogSize: -1})},
		{"LogSize and Stamped", "let LogAt write", add(JobSpec{LogSize: 1, Stamped: true})},
		{"Log of a huge log", "read the log with a client", func(s *Server) { pipeline(s).AddJob(JobSpec{LogSize: 1 << 40}).Log() }},
		{"ScheduledAt of a job that is not scheduled", "StatusScheduled", add(JobSpec{Status: gitlabjobs.StatusManual, ScheduledAt: now})},
		{"Start of a deleted job", "it is deleted", func(s *Server) {
			j := pipeline(s).AddJob(JobSpec{Status: gitlabjobs.StatusPending})
			j.Delete()
			j.Start()
		}},
		{"Cancel of a deleted job", "it is deleted", func(s *Server) { j := pipeline(s).AddJob(); j.Delete(); j.Cancel() }},
		{"Start of a finished bridge", "use the new job", func(s *Server) { pipeline(s).AddBridge().Start() }},
		{"Down for no time", "above 0", func(s *Server) { s.Down(0) }},
		{"Revoke of an unknown token", "use one of Server.Tokens", func(s *Server) { s.Revoke("x") }},
		{"an unknown project", "AddProject", func(s *Server) { s.Project("no/such") }},
		{"an unknown pipeline", "AddPipeline", func(s *Server) { s.Pipeline(1) }},
		{"an unknown job", "AddJob", func(s *Server) { s.Job(1) }},
		{"an unknown bridge", "AddBridge", func(s *Server) { s.Bridge(1) }},
		{"a pipeline ID that exists", "ID 101 is taken: leave it out", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{ID: 101}) }},
		{"an invalid SHA", "40 hexadecimal digits", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{SHA: "abc"}) }},
		{"an invalid pipeline status", "use a gitlabjobs.Status constant", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{Status: "x"}) }},
		{"SetStatus to an invalid status", "AnyStatus", func(s *Server) { pipeline(s).SetStatus("x") }},
		{"a negative StatusLag", "0 or more", func(s *Server) { pipeline(s).Project().AddPipeline(PipelineSpec{StatusLag: -1}) }},
		{"a user of another server", "AddUser", func(s *Server) {
			pipeline(s).Project().AddPipeline(PipelineSpec{User: NewMemoryServer(t).Users.Guest})
		}},
		{"a negative job ID", "ID is -1: use a positive number", add(JobSpec{ID: -1})},
		{"a job ID that exists", "ID 1001 is taken: leave it out", func(s *Server) { pl := pipeline(s); pl.AddJob(JobSpec{}); pl.AddJob(JobSpec{ID: 1001}) }},
		{"a status that GitLab does not have", "AnyStatus", add(JobSpec{Status: "resting"})},
		{"FailureReason of a job that has not failed", "StatusFailed", add(JobSpec{FailureReason: "x"})},
		{"times in the wrong order", "leave some of them out", add(JobSpec{CreatedAt: now, StartedAt: now.Add(-time.Hour), FinishedAt: now})},
		{"StartedAt of a pending job", "leave out StartedAt", add(JobSpec{Status: gitlabjobs.StatusPending, StartedAt: now})},
		{"FinishedAt of a running job", "leave out FinishedAt", add(JobSpec{Status: gitlabjobs.StatusRunning, FinishedAt: now})},
		{"ErasedAt of a running job", "leave out ErasedAt", add(JobSpec{Status: gitlabjobs.StatusRunning, ErasedAt: now})},
		{"Log and NoLog", "leave out one of them", add(JobSpec{NoLog: true, Log: "x"})},
		{"Log and NeverStarted", "set StartedAt", add(JobSpec{Status: gitlabjobs.StatusFailed, NeverStarted: true, Log: "x"})},
		{"User and NoUser", "leave out one of them", func(s *Server) { pipeline(s).AddJob(JobSpec{NoUser: true, User: s.Users.Guest}) }},
		{"an artifact without a type", "use a Type such as archive", add(JobSpec{Artifacts: []Artifact{{}}})},
		{"coverage above 100", "from 0 to 100", add(JobSpec{Coverage: 101})},
		{"more retries than GitLab allows", "use 0 to 2", add(JobSpec{AutoRetry: 3})},
		{"an invalid script in Retries", "Retries[1]: ", add(JobSpec{Retries: []Script{{}, {Every: -1}}})},
		{"CancelTakes without GracefulCancel", "GracefulCancel", add(JobSpec{CancelTakes: 1})},
		{"a Script with a final Status", "put it into Retries", add(JobSpec{Status: gitlabjobs.StatusSuccess, Script: &Script{}})},
		{"a Script whose Result is not final", "use a final status", add(JobSpec{Script: &Script{Result: gitlabjobs.StatusPending}})},
		{"a Script with a negative time", "0 or more", add(JobSpec{Script: &Script{Every: -1}})},
		{"AddJobs with a negative number", "0 or more", func(s *Server) { pipeline(s).AddJobs(-1, nil) }},
		{"a Downstream of another server", "another server", bridge(BridgeSpec{Downstream: other(t)})},
		{"two bridges with the same Downstream", "add another pipeline", func(s *Server) {
			pl := pipeline(s)
			downstream := pl.Project().AddPipeline(PipelineSpec{})
			pl.AddBridge(BridgeSpec{Downstream: downstream})
			pl.AddBridge(BridgeSpec{Downstream: downstream})
		}},
		{"a Downstream above the bridge", "above it", func(s *Server) {
			pl := pipeline(s)
			downstream := pl.Project().AddPipeline(PipelineSpec{})
			pl.AddBridge(BridgeSpec{Downstream: downstream})
			downstream.AddBridge(BridgeSpec{Downstream: pl})
		}},
		{"Start of a finished job", "use the new job", func(s *Server) { pipeline(s).AddJob(JobSpec{}).Start() }},
		{"Succeed of a finished job", "use the new job", func(s *Server) { pipeline(s).AddJob(JobSpec{}).Succeed() }},
		{"Run of a finished job", "use the new job", func(s *Server) { pipeline(s).AddJob(JobSpec{}).Run(Script{}) }},
		{"AppendLog before Start", "call Start first", func(s *Server) {
			pipeline(s).AddJob(JobSpec{Status: gitlabjobs.StatusPending}).AppendLog("x")
		}},
		{"FinishCancel of a job that is not canceling", "GracefulCancel", func(s *Server) { pipeline(s).AddJob(JobSpec{}).FinishCancel() }},
		{"an invalid role", "Guest, Reporter", func(s *Server) { pipeline(s).Project().AddMember(s.Users.Guest, 7) }},
		{"AddMember without a user", "AddUser", func(s *Server) { pipeline(s).Project().AddMember(nil, Guest) }},
		{"a username that exists", "taken", func(s *Server) { s.AddUser(UserSpec{Username: "user1"}) }},
		{"an invalid runner type", "group_type", func(s *Server) { s.AddRunner(RunnerSpec{Type: "x"}) }},
		{"an agent of another server", "another server", func(s *Server) { pipeline(s).Project().AddAgent(AgentSpec{ConfigProject: other(t).Project()}) }},
		{"a Fault for an unknown route", "Server.Handle first", func(s *Server) { s.Fault(Fault{Route: "/api/v4/job"}) }},
		{"a Fault for a method that the route does not have", "the server has no route POST /job: write Route like", func(s *Server) { s.Fault(Fault{Route: "/job", Method: "POST"}) }},
		{"a negative Times", "Always", func(s *Server) { s.Fault(Fault{Times: -2}) }},
		{"a probability above 1", "from 0 to 1", func(s *Server) { s.Fault(Fault{Probability: 1.5}) }},
		{"CutBody with a negative number", "0 or more", func(s *Server) { s.Fault(Fault{Do: CutBody(-1)}) }},
		{"Redirect with an invalid status", "300 to 399", func(s *Server) { s.Fault(Fault{Do: Redirect(200, "/")}) }},
		{"Answer with an invalid status", "200 to 599", func(s *Server) { s.Fault(Fault{Do: Answer(99, nil, "")}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			line := failureOf(t, tt.setUp)
			require.Contains(t, line, tt.want)
			require.Contains(t, line, "gitlabjobstest: ")
			require.Regexp(t, `: .*\b(use|leave|set|pass|add|call|write|fix|read|retry|cancel|let)\b`, line, "the error says what to do")
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

// A server without a test keeps the first setup error. It does not panic, and
// every later response contains the error.
func TestServerWithoutTestKeepsFirstSetUpError(t *testing.T) {
	t.Parallel()
	s, err := Start()
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Err())
	invalid := s.AddProject("app").AddPipeline(PipelineSpec{ID: -1})
	invalid.AddJobs(2, nil)
	invalid.AddJob(JobSpec{}).AppendLog("x")
	invalid.AddBridge(BridgeSpec{}).Succeed()
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
	for range 3 { // The best of three, because other programs may slow down one of them.
		start := time.Now()
		jobs = w.pl.AddJobs(10_000, func(i int) JobSpec { return JobSpec{Status: gitlabjobs.StatusPending, AllowFailure: i%2 == 0} })
		best = min(best, time.Since(start))
	}
	require.Less(t, best, time.Second)
	require.Len(t, jobs, 10_000)
	require.Equal(t, jobs[9_999].ID(), w.send(t, "GET "+w.jobs+"?per_page=1", w.dev).ids()[0])
	w.pl.AddJobs(1, nil)
}
