package gitlabjobstest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

const (
	expiredToken = `{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}`
	revokedToken = `{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}`
	noScope      = `{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"ai_workflows mcp api read_api"}`
)

func TestAccessMatchesGitLab(t *testing.T) {
	t.Parallel()
	runFacts(t, []fact{
		{"PRIVATE-TOKEN and Bearer are accepted on every route", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs, "PRIVATE-TOKEN: "+w.dev).expect(200)
			w.send(t, "GET "+w.jobs, "Authorization: Bearer "+w.dev).expect(200)
		}},
		{"/job, /job/allowed_agents, project jobs and the pipeline lists accept job tokens in JOB-TOKEN, Bearer and job_token", func(t *testing.T, w *fixture) {
			token := w.running.Token()
			for _, path := range []string{"/job", "/job/allowed_agents", w.jobs, w.pipeline + "/jobs", w.pipeline + "/bridges"} {
				w.send(t, "GET "+path, "JOB-TOKEN: "+token).expect(200)
				w.send(t, "GET "+path, "Authorization: Bearer "+token).expect(200)
				w.send(t, "GET "+path+"?job_token="+token).expect(200)
			}
		}},
		{"other routes ignore job tokens: 401", func(t *testing.T, w *fixture) {
			token := w.running.Token()
			w.send(t, "GET "+jobPath(w.done, ""), "JOB-TOKEN: "+token).expect(401, noToken)
			w.send(t, "GET "+jobPath(w.done, "/trace"), "Authorization: Bearer "+token).expect(401, noToken)
			w.send(t, "POST "+jobPath(w.running, "/cancel")+"?job_token="+token).expect(401, noToken)
		}},
		{"a job token is valid while its job is running or canceling", func(t *testing.T, w *fixture) {
			j := w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusPending, GracefulCancel: true})
			header := "JOB-TOKEN: " + j.Token()
			w.send(t, "GET /job", header).expect(401, noToken)
			j.Start()
			require.EqualValues(t, j.ID(), w.send(t, "GET /job", header).expect(200).object()["id"])
			j.Cancel()
			w.send(t, "GET /job", header).expect(200)
			j.FinishCancel()
			w.send(t, "GET /job", header).expect(401, noToken)
		}},
		{"/job with a personal token is 404", func(t *testing.T, w *fixture) {
			w.send(t, "GET /job", w.maintainer).expect(404, `{"message":"404 Job Not Found"}`)
			w.send(t, "GET /job/allowed_agents", w.maintainer).expect(404, `{"message":"404 Job Not Found"}`)
		}},
		{"/job without a token is 401", func(t *testing.T, w *fixture) {
			w.send(t, "GET /job").expect(401, noToken)
		}},
		{"every route for project jobs needs a token, even in a public project", func(t *testing.T, w *fixture) {
			w.send(t, "GET /projects/8/jobs").expect(401, noToken)
			w.send(t, "GET /projects/8/jobs/1").expect(401, noToken)
			w.send(t, "GET /projects/8/jobs", "wrong").expect(401, noToken)
		}},
		{"the pipeline lists of a public project need no token", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.openPipe+"/jobs").expect(200)
			w.send(t, "GET "+w.openPipe+"/bridges").expect(200)
			w.send(t, "GET "+w.pipeline+"/jobs").expect(404, noProject)
			w.send(t, "GET "+w.openPipe+"/jobs", "wrong").expect(401, noToken)
		}},
		{"an expired token is 401 invalid_token", func(t *testing.T, w *fixture) {
			h := w.send(t, "GET "+w.jobs, w.Tokens.Expired).expect(401, expiredToken).header
			require.Contains(t, h.Get("Www-Authenticate"), `error="invalid_token"`)
		}},
		{"a revoked token is 401 invalid_token", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs, w.Tokens.Revoked).expect(401, revokedToken)
		}},
		{"Revoke revokes a token", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs, w.dev).expect(200)
			w.Revoke(w.dev)
			w.send(t, "GET "+w.jobs, w.dev).expect(401, revokedToken)
			w.send(t, "GET "+w.jobs, w.maintainer).expect(200)
		}},
		{"a token without the scope is 403 insufficient_scope", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs, w.Tokens.NoScope).expect(403, noScope)
			w.send(t, "GET "+w.jobs, w.Tokens.ReadAPI).expect(200)
			w.send(t, "POST "+jobPath(w.running, "/cancel"), w.Tokens.ReadAPI).expect(403, noScope)
			require.Equal(t, gitlabjobs.StatusRunning, w.running.Status())
		}},
		{"a user who is not a member cannot see a private project", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs, w.Tokens.Outsider).expect(404, noProject)
			w.send(t, "POST "+jobPath(w.running, "/cancel"), w.Tokens.Outsider).expect(404, noProject)
			w.send(t, "GET /projects/8/jobs", w.Tokens.Outsider).expect(200)
		}},
		{"every user can see an internal project", func(t *testing.T, w *fixture) {
			w.AddProject("group/internal", ProjectSpec{ID: 9, Visibility: Internal})
			w.send(t, "GET /projects/9/jobs", w.Tokens.Outsider).expect(200)
			w.send(t, "GET /projects/9/pipelines/1/jobs").expect(404, noProject)
		}},
		{"a guest cannot read jobs", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs, w.guest).expect(403, forbidden)
			w.send(t, "POST "+jobPath(w.running, "/cancel"), w.guest).expect(403, forbidden)
			w.send(t, "POST "+jobPath(w.manual, "/play"), w.guest).expect(403, forbidden)
		}},
		{"a reporter can read but not change jobs", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+jobPath(w.done, "/trace"), w.Tokens.Reporter).expect(200)
			w.send(t, "POST "+jobPath(w.done, "/retry"), w.Tokens.Reporter).expect(403, forbidden)
		}},
		{"AddMember gives a user a role", func(t *testing.T, w *fixture) {
			u := w.AddUser(UserSpec{Username: "newcomer"})
			w.send(t, "GET "+w.jobs, u.Token()).expect(404)
			w.app.AddMember(u, Developer)
			w.send(t, "POST "+jobPath(w.running, "/cancel"), u.Token()).expect(201)
		}},
		{"a job token can read other projects that allow it", func(t *testing.T, w *fixture) {
			w.AddProject("group/shared", ProjectSpec{ID: 9, OpenToJobTokens: true})
			w.AddProject("group/closed", ProjectSpec{ID: 10})
			w.send(t, "GET /projects/9/jobs", "JOB-TOKEN: "+w.running.Token()).expect(200)
			w.send(t, "GET /projects/8/jobs", "JOB-TOKEN: "+w.running.Token()).expect(200)
			w.send(t, "GET /projects/10/jobs", "JOB-TOKEN: "+w.running.Token()).
				expect(403, `{"message":"403 Forbidden - Authentication by CI/CD job token not allowed from app to project #10."}`)
			stranger := w.app.AddPipeline().AddJob(JobSpec{Status: gitlabjobs.StatusRunning, User: w.Users.Outsider})
			w.send(t, "GET /projects/10/jobs", "JOB-TOKEN: "+stranger.Token()).expect(404, noProject)
		}},
		{"bearer in lower case and the parameter access_token are accepted on every route", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.jobs, "Authorization: bearer "+w.dev).expect(200)
			w.send(t, "GET "+w.jobs+"?access_token="+w.dev).expect(200)
			w.send(t, "GET "+w.jobs, "Authorization: Basic "+w.dev).expect(401, noToken)
		}},
		{"a job token is not accepted as a personal access token", func(t *testing.T, w *fixture) {
			for _, header := range []string{"PRIVATE-TOKEN: " + w.running.Token(), "Authorization: Bearer " + w.manual.Token()} {
				w.send(t, "GET "+w.openPipe+"/jobs", header).expect(200)
				w.send(t, "GET "+w.pipeline+"/jobs", header).expect(404, noProject)
				w.send(t, "GET "+w.jobs, header).expect(401, noToken)
			}
			w.send(t, "GET "+w.openPipe+"/jobs", "JOB-TOKEN: "+w.manual.Token()).expect(401, noToken)
		}},
		{"insufficient_scope lists different scopes for pipelines", func(t *testing.T, w *fixture) {
			w.send(t, "GET "+w.pipeline+"/jobs", w.Tokens.NoScope).
				expect(403, strings.ReplaceAll(noScope, "ai_workflows mcp", "mcp mcp mcp mcp ai_workflows"))
		}},
		{"allowed_agents has IDs, roles, groups, and the environment if the job has one", func(t *testing.T, w *fixture) {
			id := w.app.AddAgent(AgentSpec{Configuration: map[string]any{"default_namespace": "apps"}})
			o := w.send(t, "GET /job/allowed_agents", "JOB-TOKEN: "+w.running.Token()).expect(200).object()
			require.NotContains(t, o, "environment")
			agents, _ := o["allowed_agents"].([]any)
			agent, _ := agents[0].(map[string]any)
			require.EqualValues(t, id, agent["id"])
			require.Equal(t, map[string]any{"default_namespace": "apps"}, agent["configuration"])
			user, _ := o["user"].(map[string]any)
			require.Equal(t, []any{"guest", "planner", "reporter", "developer"}, user["roles_in_project"])
			project, _ := o["project"].(map[string]any)
			require.Len(t, project["groups"], 2)

			j := w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusRunning, Environment: &Environment{"review-1", "development"}})
			o = w.send(t, "GET /job/allowed_agents", "JOB-TOKEN: "+j.Token()).expect(200).object()
			require.Equal(t, map[string]any{"slug": "review-1", "tier": "development"}, o["environment"])
		}},
	})
}

func TestRateLimitsMatchGitLab(t *testing.T) {
	t.Parallel()
	t.Run("the limit for project jobs is 429 with JSON and no header, per user and minute", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t, JobsRateLimit(2))
			for range 2 {
				w.send(t, "GET "+w.jobs, w.dev).expect(200)
			}
			g := w.send(t, "GET "+w.jobs, w.dev).expect(429,
				`{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`)
			require.Empty(t, g.header.Get("Retry-After"))
			require.Empty(t, g.header.Get("Ratelimit-Limit"))
			w.send(t, "GET "+w.jobs, w.maintainer).expect(200)
			w.send(t, "GET "+w.pipeline+"/jobs", w.dev).expect(200)
			time.Sleep(time.Minute)
			w.send(t, "GET "+w.jobs, w.dev).expect(200)
		})
	})
	t.Run("the throttle is 429 in plain text with all headers, and every response has four of them", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t, Throttle(2, time.Minute))
			time.Sleep(20 * time.Second)
			h := w.send(t, "GET "+w.jobs, w.dev).expect(200).header
			reset := time.Now().Truncate(time.Minute).Add(time.Minute)
			limit := func(h http.Header) []string {
				return []string{
					h.Get("RateLimit-Limit"), h.Get("RateLimit-Observed"),
					h.Get("RateLimit-Remaining"), h.Get("RateLimit-Reset"),
				}
			}
			at := strconv.FormatInt(reset.Unix(), 10)
			require.Equal(t, []string{"2", "1", "1", at}, limit(h))
			require.Empty(t, h.Get("Retry-After"))
			w.send(t, "GET "+jobPath(w.done, ""), w.dev).expect(200)
			g := w.send(t, "GET /job", w.dev).expect(429, "Retry later\n")
			require.Equal(t, "text/plain", g.header.Get("Content-Type"))
			require.Equal(t, []string{"2", "3", "0", at}, limit(g.header))
			require.Equal(t, reset.UTC().Format(http.TimeFormat), g.header.Get("RateLimit-ResetTime"))
			require.Equal(t, "40", g.header.Get("Retry-After"))
			w.send(t, "GET "+w.jobs, w.maintainer).expect(200)
			time.Sleep(40 * time.Second)
			w.send(t, "GET "+w.jobs, w.dev).expect(200)
		})
	})
	t.Run("a throttle without RateLimit headers has only Retry-After", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t, Throttle(1, time.Minute), WithoutRateLimitHeaders())
			h := w.send(t, "GET "+w.jobs, w.dev).expect(200).header
			refused := w.send(t, "GET "+w.jobs, w.dev).expect(429, "Retry later\n").header
			require.NotEmpty(t, refused.Get("Retry-After"))
			for _, k := range []string{"Limit", "Observed", "Remaining", "Reset", "ResetTime"} {
				require.Empty(t, h.Get("RateLimit-"+k))
				require.Empty(t, refused.Get("RateLimit-"+k))
			}
		})
	})
}
