package gitlabjobs_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
	"example.com/gitlabjobs/gitlabjobstest"
)

// playServer responds to play as GitLab does. It has job 7, which is playable while it is
// manual or scheduled.
type playServer struct {
	status gitlabjobs.Status // The status of job 7.
	race   bool              // The job finishes between a get and a play.
	stuck  bool              // GitLab does not start the job.
	bridge bool              // Job 7 is a bridge.

	requests []string
	played   string // The body of the play.
}

func (s *playServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.requests = append(s.requests, req.Method)
	respond := func(status, id int, state gitlabjobs.Status) (*http.Response, error) {
		return answer{status: status, body: fmt.Sprintf(`{"id":%d,"status":%q}`, id, state)}.to(req), nil
	}
	if req.Method == http.MethodGet {
		if s.bridge {
			return answer{status: 404, body: `{"message":"404 Not found"}`}.to(req), nil
		}
		state := s.status
		if s.race {
			s.status = gitlabjobs.StatusSuccess
		}
		return respond(200, 7, state)
	}
	if req.Body != nil {
		body, _ := io.ReadAll(req.Body)
		s.played = string(body)
	}
	switch {
	case s.stuck:
		return respond(200, 7, s.status)
	case s.status.Finished():
		return respond(200, 8, gitlabjobs.StatusPending)
	case s.status == gitlabjobs.StatusManual || s.status == gitlabjobs.StatusScheduled:
		return respond(200, 7, gitlabjobs.StatusPending)
	default:
		return answer{status: 400, body: `{"message":"400 Bad request - Unplayable Job"}`}.to(req), nil
	}
}

func withVariable(key string) *gitlabjobs.PlayOptions {
	return &gitlabjobs.PlayOptions{Variables: []gitlabjobs.JobVariable{{Key: key, Value: "1 < 2"}}}
}

func TestPlay(t *testing.T) {
	t.Parallel()
	inputs := &gitlabjobs.PlayOptions{Inputs: map[string]any{"env": "prod"}}
	for name, tc := range map[string]struct {
		server   playServer
		opts     *gitlabjobs.PlayOptions
		requests string
		body     string
		id       int64 // The ID of the job that is returned; 0 for none.
		is       error
		text     string
	}{
		"manual":    {server: playServer{status: "manual"}, requests: "POST", id: 7},
		"scheduled": {server: playServer{status: "scheduled"}, requests: "POST", id: 7},
		"manual, with variables and inputs": {
			server: playServer{status: "manual"},
			opts: &gitlabjobs.PlayOptions{
				Variables: []gitlabjobs.JobVariable{{Key: "A", Value: "1 < 2"}, {Key: "B"}},
				Inputs:    map[string]any{"env": "prod"},
			},
			requests: "GET POST", id: 7,
			body: `{"job_variables_attributes":[{"key":"A","value":"1 < 2"},{"key":"B","value":""}],"job_inputs":{"env":"prod"}}`,
		},
		"finished":                {server: playServer{status: "failed"}, requests: "POST", id: 8},
		"finished, empty options": {server: playServer{status: "failed"}, opts: &gitlabjobs.PlayOptions{}, requests: "POST", id: 8},
		"finished, with a variable": {
			server: playServer{status: "success"}, opts: withVariable("A"), requests: "GET",
			text: "gitlabjobs: job 7 of 1 has finished (success), and GitLab drops variables and inputs",
		},
		"finished, with an input": {
			server: playServer{status: "canceled"}, opts: inputs, requests: "GET", text: "job 7 of 1 has finished (canceled)",
		},
		"finished in between, with a variable": {
			server: playServer{status: "manual", race: true}, opts: withVariable("A"), requests: "GET POST", id: 8,
			is: gitlabjobs.ErrVariablesDropped, text: "job 7 of 1 was played again as job 8",
		},
		"still manual": {
			server: playServer{status: "manual", stuck: true}, requests: "POST", id: 7,
			is: gitlabjobs.ErrNotStarted, text: "gitlabjobs: job 7 of 1 is still manual after it was played: ",
		},
		"still scheduled": {
			server: playServer{status: "scheduled", stuck: true}, opts: inputs, requests: "GET POST", id: 7,
			is: gitlabjobs.ErrNotStarted, text: "job 7 of 1 is still scheduled",
		},
		"running": {
			server: playServer{status: "running"}, requests: "POST", is: gitlabjobs.ErrBadRequest, text: "Unplayable Job",
		},
		"a bridge, with a variable": {
			server: playServer{status: "manual", bridge: true}, opts: withVariable("A"), requests: "GET",
			is: gitlabjobs.ErrNotFound, text: "use Bridges.Play",
		},
		"a bridge": {server: playServer{status: "manual", bridge: true}, requests: "POST", id: 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			job, err := newClient(t, tc.server.RoundTrip).Jobs.Play(t.Context(), "1", 7, tc.opts)
			assert.Equal(t, tc.requests, strings.Join(tc.server.requests, " "))
			if tc.body != "" {
				assert.JSONEq(t, tc.body, tc.server.played)
			}
			if tc.text == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.text)
				assert.False(t, gitlabjobs.Temporary(err))
			}
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			if tc.id == 0 {
				assert.Nil(t, job)
			} else if assert.NotNil(t, job) {
				assert.Equal(t, tc.id, job.ID)
			}
		})
	}
}

func TestBridgesPlay(t *testing.T) {
	t.Parallel()
	server := &playServer{status: "manual", bridge: true}
	bridge, err := newClient(t, server.RoundTrip).Bridges.Play(t.Context(), "1", 7, withVariable("A"))
	require.NoError(t, err)
	assert.Equal(t, gitlabjobs.StatusPending, bridge.Status)
	assert.Equal(t, []string{"POST"}, server.requests, "the job is not read first")

	server = &playServer{status: "manual", bridge: true, stuck: true}
	bridge, err = newClient(t, server.RoundTrip).Bridges.Play(t.Context(), "1", 7, nil)
	require.ErrorIs(t, err, gitlabjobs.ErrNotStarted)
	require.ErrorContains(t, err, "bridge 7 of 1 is still manual")
	assert.EqualValues(t, 7, bridge.ID)
}

func TestPlayChecksVariableKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"A":                      "",
		"a_1":                    "",
		" A\n":                   "", // GitLab removes the white space.
		"1":                      "",
		strings.Repeat("k", 255): "",
		strings.Repeat("k", 256): "use 1 to 255",
		"":                       "Variables[0] has no Key",
		" ":                      "Variables[0] has no Key",
		"A-B":                    `Variables[0] has the Key "A-B"`,
		"A B":                    `the Key "A B"`,
		"A.B":                    `the Key "A.B"`,
		"Ä":                      `the Key "Ä"`,
		"\u00a0A":                "the Key",
		"$A":                     `the Key "$A"`,
	} {
		for _, bridge := range []bool{false, true} {
			server := &playServer{status: "manual"}
			client := newClient(t, server.RoundTrip)
			var err error
			if bridge {
				_, err = client.Bridges.Play(t.Context(), "1", 7, withVariable(key))
			} else {
				_, err = client.Jobs.Play(t.Context(), "1", 7, withVariable(key))
			}
			if want == "" {
				require.NoError(t, err, "%q", key)
				assert.Contains(t, server.played, `"value":"1 < 2"`)
				continue
			}
			require.ErrorContains(t, err, want, "%q", key)
			assert.Empty(t, server.requests, "%q: a request was sent", key)
		}
	}
	// GitLab accepts the keys that the library accepts, and ignores the others.
	for key, starts := range map[string]bool{"A": true, " A\n": true, "A-B": false, "\u00a0A": false, strings.Repeat("k", 256): false} {
		srv := gitlabjobstest.NewMemoryServer(t)
		job := srv.AddProject("group/app").AddPipeline().AddJob(gitlabjobstest.JobSpec{Status: gitlabjobs.StatusManual})
		in := map[string]any{"job_variables_attributes": withVariable(key).Variables}
		err := srv.Client(srv.Tokens.Developer).Do(t.Context(), "POST", "/projects/:id/jobs/:job_id/play",
			[]string{"group/app", strconv.FormatInt(job.ID(), 10)}, in, nil)
		require.NoError(t, err)
		assert.Equal(t, starts, job.Status() != gitlabjobs.StatusManual, "%q", key)
	}
	opts := &gitlabjobs.PlayOptions{Variables: []gitlabjobs.JobVariable{{Key: "A"}, {Key: "B"}, {Key: " A"}}}
	_, err := answering(t, answer{}).Jobs.Play(t.Context(), "1", 7, opts)
	require.ErrorContains(t, err, `Variables[2] has the Key "A", which an earlier variable has too`)
}

// encoding/json would replace the invalid bytes, and the job would run with another value.
func TestTextThatIsNotUTF8IsAnErrorBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	client := newClient(t, func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, errors.New("no response")
	})
	_, err := client.Jobs.Play(t.Context(), "1", 7, &gitlabjobs.PlayOptions{Variables: []gitlabjobs.JobVariable{{Key: "A", Value: "x\xff"}}})
	require.EqualError(t, err, "gitlabjobs: PlayOptions: Variables[0] (A) has a Value that is not UTF-8: encode it, for example as base64")
	for _, inputs := range []map[string]any{{"a": "x\xff"}, {"x\xff": 1}, {"a": []any{map[string]any{"b": "\xff"}}}} {
		_, err = client.Jobs.Play(t.Context(), "1", 7, &gitlabjobs.PlayOptions{Inputs: inputs})
		require.EqualError(t, err, "gitlabjobs: PlayOptions: Inputs have a string that is not UTF-8: encode it, for example as base64")
		_, err = client.Bridges.Play(t.Context(), "1", 7, &gitlabjobs.PlayOptions{Inputs: inputs})
		require.ErrorContains(t, err, "not UTF-8")
		_, err = client.Jobs.Retry(t.Context(), "1", 7, &gitlabjobs.RetryOptions{Inputs: inputs})
		require.EqualError(t, err, "gitlabjobs: RetryOptions: Inputs have a string that is not UTF-8: encode it, for example as base64")
	}
}
