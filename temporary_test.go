package gitlabjobs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// A GET is retried if and only if Temporary reports true for its error, except for HTML
// pages.
func TestTemporaryAgreesWithTheRetriesOfAGet(t *testing.T) {
	t.Parallel()
	for status := 300; status <= 599; status++ {
		if status == http.StatusNotModified {
			continue
		}
		want := status == 408 || status == 425 || status == 429 || status >= 500 && status != 501 && status != 505
		synctest.Test(t, func(t *testing.T) {
			var resp gitlabjobs.Response
			client := answering(t, answer{status: status}, gitlabjobs.WithRetry(gitlabjobs.RetryPolicy{MaxAttempts: 2}))
			_, err := client.Jobs.Get(t.Context(), "1", 2, gitlabjobs.WithResponse(&resp))
			require.Error(t, err)
			assert.Equal(t, want, gitlabjobs.Temporary(err), "%v", err)
			assert.Equal(t, want, resp.Attempts == 2, "%v", err)
			assert.Equal(t, want, gitlabjobs.Temporary(fmt.Errorf("polling: %w", err)), "wrapped: %v", err)
		})
	}
}

func TestTemporaryFailuresWithoutAResponse(t *testing.T) {
	t.Parallel()
	failing := func(err error) transport {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	serving := func(a answer) transport {
		return func(req *http.Request) (*http.Response, error) { return a.to(req), nil }
	}
	hanging := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	html := answer{body: "<!DOCTYPE html><title>Maintenance</title>", header: map[string]string{"Content-Type": "text/html"}}
	play := func(ctx context.Context, c *gitlabjobs.Client) error {
		_, err := c.Jobs.Play(ctx, "1", 2, nil)
		return err
	}
	for name, tc := range map[string]struct {
		transport transport
		call      func(context.Context, *gitlabjobs.Client) error // Default: Get.
		limit     time.Duration                                   // The timeout of the context.
		want      bool
	}{
		"connection refused": {transport: failing(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), want: true},
		"connection reset":   {transport: failing(errors.New("connection reset by peer")), want: true},
		"no such host":       {transport: failing(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}), want: true},
		"attempt timeout":    {transport: hanging, want: true},
		"an HTML page":       {transport: serving(html), want: true},
		"an unlabeled HTML page": {
			transport: serving(answer{body: html.body, header: map[string]string{"Content-Type": ""}}), want: true,
		},
		"context deadline":      {transport: hanging, limit: time.Second},
		"context canceled":      {transport: failing(errors.New("reset")), limit: -1},
		"broken JSON":           {transport: serving(answer{body: `{"id":`})},
		"no ID":                 {transport: serving(answer{body: `{}`})},
		"an empty body":         {transport: serving(answer{})},
		"too large":             {transport: serving(answer{body: `{"id":1,"name":"` + fmt.Sprintf("%1000d", 1) + `"}`})},
		"untrusted certificate": {transport: failing(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})},
		"plain http":            {transport: failing(http.ErrSchemeMismatch)},
		"a write that may have happened": {
			transport: failing(errors.New("connection reset by peer")), call: play,
		},
		"a write that was never sent": {
			transport: failing(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), call: play, want: true,
		},
		"an HTML page as the response to a write": {transport: serving(html), call: play},
		"a rate limited write":                    {transport: serving(answer{status: 429}), call: play, want: true},
		"a failed write":                          {transport: serving(answer{status: 502}), call: play},
		"a bad argument": {transport: hanging, call: func(ctx context.Context, c *gitlabjobs.Client) error {
			_, err := c.Jobs.Get(ctx, "app", 2)
			return err
		}},
		"a page of a listing": {transport: serving(answer{status: 503}), want: true, call: func(ctx context.Context, c *gitlabjobs.Client) error {
			return drain(c.Jobs.AllByProject(ctx, "1", nil))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tc.limit != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.limit)
					defer cancel()
				}
				if tc.call == nil {
					tc.call = func(ctx context.Context, c *gitlabjobs.Client) error {
						_, err := c.Jobs.Get(ctx, "1", 2)
						return err
					}
				}
				err := tc.call(ctx, newClient(t, tc.transport, gitlabjobs.WithMaxBody(500)))
				require.Error(t, err)
				assert.Equal(t, tc.want, gitlabjobs.Temporary(err), "%v", err)
			})
		})
	}
	for _, err := range []error{nil, context.Canceled, context.DeadlineExceeded, errors.New("x"), gitlabjobs.ErrTraceChanged, gitlabjobs.ErrServer} {
		assert.False(t, gitlabjobs.Temporary(err), "%v", err)
	}
}

func TestARealCertificateErrorIsNotTemporary(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // The failed handshake is expected.
	srv.StartTLS()
	defer srv.Close()
	client, err := gitlabjobs.NewClient(srv.URL, gitlabjobs.NoAuth())
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	_, err = client.Jobs.Get(t.Context(), "1", 2)
	require.ErrorContains(t, err, "certificate")
	assert.False(t, gitlabjobs.Temporary(err))
}

// A token that is passed in the wrong place is in no error and no log line.
func TestTokensInTheWrongPlaceAreNotInErrors(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	client := newClient(t, func(req *http.Request) (*http.Response, error) {
		assert.NotContains(t, gitlabjobs.RouteFromContext(req.Context()), testToken)
		return answer{status: 404}.to(req), nil
	}, gitlabjobs.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	const other = "glpat-other-9876543210"
	retry := func(project gitlabjobs.Project, inputs map[string]any, ro ...gitlabjobs.RequestOption) error {
		_, err := client.Jobs.Retry(t.Context(), project, 7, &gitlabjobs.RetryOptions{Inputs: inputs}, ro...)
		return err
	}
	for name, err := range map[string]error{
		"a route":                     client.Do(t.Context(), "GET", "/things/"+testToken, nil, nil, nil),
		"a bad route":                 client.Do(t.Context(), "GET", "/things/"+testToken+"?x", nil, nil, nil),
		"an argument":                 client.Do(t.Context(), "GET", "/things/:id", []string{testToken + "\n"}, nil, nil),
		"a project":                   retry(testToken, nil),
		"a project, with a bad body":  retry("group/"+testToken, map[string]any{"a": make(chan int)}),
		"a project, and no token yet": retry("group/"+testToken, nil, gitlabjobs.WithAuth(failingAuth{})),
		"a token of the call":         retry(other, nil, gitlabjobs.WithAuth(gitlabjobs.PrivateToken(other))),
		"a token in a header":         retry(other, nil, gitlabjobs.WithHeader("Job-Token", other)),
	} {
		require.Error(t, err, name)
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err)} {
			assert.NotContains(t, text, testToken, name)
			assert.NotContains(t, text, other, name)
		}
		assert.Contains(t, err.Error(), "[REDACTED]", name)
		if refusal, ok := errors.AsType[*gitlabjobs.Error](err); ok {
			assert.Equal(t, "/things/[REDACTED]", refusal.Route)
			assert.Equal(t, "/things/[REDACTED]", refusal.Path)
		}
	}
	assert.Contains(t, log.String(), "route=/things/[REDACTED]")
	assert.NotContains(t, log.String(), testToken)
}

// The path is in every error and log line, without credentials.
func TestErrorPathsHaveNoCredentials(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, rt := range []transport{
		func(req *http.Request) (*http.Response, error) { return answer{status: 404}.to(req), nil },
		func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") },
	} {
		client := newClient(t, rt, oneAttempt(), gitlabjobs.WithLogger(logger))
		_, err := client.Jobs.Get(t.Context(), "group/"+testToken, 2)
		require.ErrorContains(t, err, "GET /projects/group%2F[REDACTED]/jobs/2: ")
		assert.NotContains(t, err.Error(), testToken)
		if refusal, ok := errors.AsType[*gitlabjobs.Error](err); ok {
			assert.Equal(t, "/projects/group%2F[REDACTED]/jobs/2", refusal.Path)
		}
	}
	assert.Contains(t, log.String(), "route=/projects/:id/jobs/:job_id path=/projects/group%2F[REDACTED]/jobs/2 ")
	assert.NotContains(t, log.String(), testToken)
}
