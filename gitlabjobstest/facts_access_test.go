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

func TestFactsOfAccess(t *testing.T) {
	t.Parallel()
	check(t, []fact{
		{"PRIVATE-TOKEN and Bearer open everything", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs, "PRIVATE-TOKEN: "+w.dev).is(200)
			w.ask(t, "GET "+w.jobs, "Authorization: Bearer "+w.dev).is(200)
		}},
		{"job tokens open /job, /job/allowed_agents, project jobs and the pipeline lists, by all three ways", func(t *testing.T, w *small) {
			token := w.running.Token()
			for _, path := range []string{"/job", "/job/allowed_agents", w.jobs, w.pipeline + "/jobs", w.pipeline + "/bridges"} {
				w.ask(t, "GET "+path, "JOB-TOKEN: "+token).is(200)
				w.ask(t, "GET "+path, "Authorization: Bearer "+token).is(200)
				w.ask(t, "GET "+path+"?job_token="+token).is(200)
			}
		}},
		{"elsewhere job tokens are ignored: 401", func(t *testing.T, w *small) {
			token := w.running.Token()
			w.ask(t, "GET "+on(w.done, ""), "JOB-TOKEN: "+token).is(401, noToken)
			w.ask(t, "GET "+on(w.done, "/trace"), "Authorization: Bearer "+token).is(401, noToken)
			w.ask(t, "POST "+on(w.running, "/cancel")+"?job_token="+token).is(401, noToken)
		}},
		{"job tokens work while their job runs or is being cancelled", func(t *testing.T, w *small) {
			j := w.pl.AddJob(JobSpec{Status: gitlabjobs.StatusPending, GracefulCancel: true})
			header := "JOB-TOKEN: " + j.Token()
			w.ask(t, "GET /job", header).is(401, noToken)
			j.Start()
			require.EqualValues(t, j.ID(), w.ask(t, "GET /job", header).is(200).object()["id"])
			j.Cancel()
			w.ask(t, "GET /job", header).is(200)
			j.FinishCancel()
			w.ask(t, "GET /job", header).is(401, noToken)
		}},
		{"/job with a personal token is 404", func(t *testing.T, w *small) {
			w.ask(t, "GET /job", w.maintainer).is(404, `{"message":"404 Job Not Found"}`)
			w.ask(t, "GET /job/allowed_agents", w.maintainer).is(404, `{"message":"404 Job Not Found"}`)
		}},
		{"/job with nothing is 401", func(t *testing.T, w *small) {
			w.ask(t, "GET /job").is(401, noToken)
		}},
		{"every project jobs route needs authentication, even on a public project", func(t *testing.T, w *small) {
			w.ask(t, "GET /projects/8/jobs").is(401, noToken)
			w.ask(t, "GET /projects/8/jobs/1").is(401, noToken)
			w.ask(t, "GET /projects/8/jobs", "wrong").is(401, noToken)
		}},
		{"the pipeline lists of a public project do not", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.openPipe+"/jobs").is(200)
			w.ask(t, "GET "+w.openPipe+"/bridges").is(200)
			w.ask(t, "GET "+w.pipeline+"/jobs").is(404, noProject)
			w.ask(t, "GET "+w.openPipe+"/jobs", "wrong").is(401, noToken)
		}},
		{"an expired token is 401 invalid_token", func(t *testing.T, w *small) {
			h := w.ask(t, "GET "+w.jobs, w.Tokens.Expired).is(401, expiredToken).header
			require.Contains(t, h.Get("Www-Authenticate"), `error="invalid_token"`)
		}},
		{"a revoked token is 401 invalid_token", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs, w.Tokens.Revoked).is(401, revokedToken)
		}},
		{"a token may be revoked", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs, w.dev).is(200)
			w.Revoke(w.dev)
			w.ask(t, "GET "+w.jobs, w.dev).is(401, revokedToken)
			w.ask(t, "GET "+w.jobs, w.maintainer).is(200)
		}},
		{"a token without the scope is 403 insufficient_scope", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs, w.Tokens.NoScope).is(403, noScope)
			w.ask(t, "GET "+w.jobs, w.Tokens.ReadAPI).is(200)
			w.ask(t, "POST "+on(w.running, "/cancel"), w.Tokens.ReadAPI).is(403, noScope)
			require.Equal(t, gitlabjobs.StatusRunning, w.running.Status())
		}},
		{"an outsider sees no private project", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs, w.Tokens.Outsider).is(404, noProject)
			w.ask(t, "POST "+on(w.running, "/cancel"), w.Tokens.Outsider).is(404, noProject)
			w.ask(t, "GET /projects/8/jobs", w.Tokens.Outsider).is(200)
		}},
		{"an internal project is seen by whoever has signed in", func(t *testing.T, w *small) {
			w.AddProject("group/internal", ProjectSpec{ID: 9, Visibility: Internal})
			w.ask(t, "GET /projects/9/jobs", w.Tokens.Outsider).is(200)
			w.ask(t, "GET /projects/9/pipelines/1/jobs").is(404, noProject)
		}},
		{"a guest is refused", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs, w.guest).is(403, forbidden)
			w.ask(t, "POST "+on(w.running, "/cancel"), w.guest).is(403, forbidden)
			w.ask(t, "POST "+on(w.manual, "/play"), w.guest).is(403, forbidden)
		}},
		{"a reporter reads", func(t *testing.T, w *small) {
			w.ask(t, "GET "+on(w.done, "/trace"), w.Tokens.Reporter).is(200)
			w.ask(t, "POST "+on(w.done, "/retry"), w.Tokens.Reporter).is(403, forbidden)
		}},
		{"a user may be given a role", func(t *testing.T, w *small) {
			u := w.AddUser(UserSpec{Username: "newcomer"})
			w.ask(t, "GET "+w.jobs, u.Token()).is(404)
			w.app.AddMember(u, Developer)
			w.ask(t, "POST "+on(w.running, "/cancel"), u.Token()).is(201)
		}},
		{"a job token of another project opens what is open to it", func(t *testing.T, w *small) {
			w.AddProject("group/shared", ProjectSpec{ID: 9, OpenToJobTokens: true})
			w.AddProject("group/closed", ProjectSpec{ID: 10})
			w.ask(t, "GET /projects/9/jobs", "JOB-TOKEN: "+w.running.Token()).is(200)
			w.ask(t, "GET /projects/8/jobs", "JOB-TOKEN: "+w.running.Token()).is(200)
			w.ask(t, "GET /projects/10/jobs", "JOB-TOKEN: "+w.running.Token()).
				is(403, `{"message":"403 Forbidden - Authentication by CI/CD job token not allowed from app to project #10."}`)
			stranger := w.app.AddPipeline().AddJob(JobSpec{Status: gitlabjobs.StatusRunning, User: w.Users.Outsider})
			w.ask(t, "GET /projects/10/jobs", "JOB-TOKEN: "+stranger.Token()).is(404, noProject)
		}},
		{"bearer in lower case and access_token open everything", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.jobs, "Authorization: bearer "+w.dev).is(200)
			w.ask(t, "GET "+w.jobs+"?access_token="+w.dev).is(200)
			w.ask(t, "GET "+w.jobs, "Authorization: Basic "+w.dev).is(401, noToken)
		}},
		{"a job token in the place of a personal one is nobody's", func(t *testing.T, w *small) {
			for _, header := range []string{"PRIVATE-TOKEN: " + w.running.Token(), "Authorization: Bearer " + w.manual.Token()} {
				w.ask(t, "GET "+w.openPipe+"/jobs", header).is(200)
				w.ask(t, "GET "+w.pipeline+"/jobs", header).is(404, noProject)
				w.ask(t, "GET "+w.jobs, header).is(401, noToken)
			}
			w.ask(t, "GET "+w.openPipe+"/jobs", "JOB-TOKEN: "+w.manual.Token()).is(401, noToken)
		}},
		{"insufficient_scope names other scopes for pipelines", func(t *testing.T, w *small) {
			w.ask(t, "GET "+w.pipeline+"/jobs", w.Tokens.NoScope).
				is(403, strings.ReplaceAll(noScope, "ai_workflows mcp", "mcp mcp mcp mcp ai_workflows"))
		}},
		{"allowed_agents has ids, roles, groups, and the environment where there is one", func(t *testing.T, w *small) {
			id := w.app.AddAgent(AgentSpec{Configuration: map[string]any{"default_namespace": "apps"}})
			o := w.ask(t, "GET /job/allowed_agents", "JOB-TOKEN: "+w.running.Token()).is(200).object()
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
			o = w.ask(t, "GET /job/allowed_agents", "JOB-TOKEN: "+j.Token()).is(200).object()
			require.Equal(t, map[string]any{"slug": "review-1", "tier": "development"}, o["environment"])
		}},
	})
}

func TestFactsOfRateLimits(t *testing.T) {
	t.Parallel()
	t.Run("project jobs: 429 with JSON and no header, a minute and user", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t, JobsRateLimit(2))
			for range 2 {
				w.ask(t, "GET "+w.jobs, w.dev).is(200)
			}
			g := w.ask(t, "GET "+w.jobs, w.dev).is(429,
				`{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`)
			require.Empty(t, g.header.Get("Retry-After"))
			require.Empty(t, g.header.Get("Ratelimit-Limit"))
			w.ask(t, "GET "+w.jobs, w.maintainer).is(200)
			w.ask(t, "GET "+w.pipeline+"/jobs", w.dev).is(200)
			time.Sleep(time.Minute)
			w.ask(t, "GET "+w.jobs, w.dev).is(200)
		})
	})
	t.Run("the throttle: 429 in plain text with all headers, four of them with any answer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t, Throttle(2, time.Minute))
			time.Sleep(20 * time.Second)
			h := w.ask(t, "GET "+w.jobs, w.dev).is(200).header
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
			w.ask(t, "GET "+on(w.done, ""), w.dev).is(200)
			g := w.ask(t, "GET /job", w.dev).is(429, "Retry later\n")
			require.Equal(t, "text/plain", g.header.Get("Content-Type"))
			require.Equal(t, []string{"2", "3", "0", at}, limit(g.header))
			require.Equal(t, reset.UTC().Format(http.TimeFormat), g.header.Get("RateLimit-ResetTime"))
			require.Equal(t, "40", g.header.Get("Retry-After"))
			w.ask(t, "GET "+w.jobs, w.maintainer).is(200)
			time.Sleep(40 * time.Second)
			w.ask(t, "GET "+w.jobs, w.dev).is(200)
		})
	})
	t.Run("a throttle may tell of itself by Retry-After alone", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newSmall(t, Throttle(1, time.Minute), WithoutRateLimitHeaders())
			h := w.ask(t, "GET "+w.jobs, w.dev).is(200).header
			refused := w.ask(t, "GET "+w.jobs, w.dev).is(429, "Retry later\n").header
			require.NotEmpty(t, refused.Get("Retry-After"))
			for _, k := range []string{"Limit", "Observed", "Remaining", "Reset", "ResetTime"} {
				require.Empty(t, h.Get("RateLimit-"+k))
				require.Empty(t, refused.Get("RateLimit-"+k))
			}
		})
	})
}
