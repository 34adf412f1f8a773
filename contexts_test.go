package gitlabjobs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

var errShutdown = errors.New("the program is shutting down")

func requireShutdown(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, errShutdown)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "context canceled: the program is shutting down")
}

// The error of every method contains the cause of the context's end.
func TestTheCauseOfAContextIsInTheError(t *testing.T) {
	t.Parallel()
	for when, before := range map[string]bool{"before the request": true, "during the request": false} {
		for name, service := range map[string]func(*gitlabjobs.Client) any{
			"Client":   func(c *gitlabjobs.Client) any { return c },
			"Jobs":     func(c *gitlabjobs.Client) any { return c.Jobs },
			"Bridges":  func(c *gitlabjobs.Client) any { return c.Bridges },
			"JobToken": func(c *gitlabjobs.Client) any { return c.JobToken },
		} {
			typ := reflect.TypeOf(service(new(gitlabjobs.Client)))
			for i := range typ.NumMethod() {
				method := typ.Method(i).Name
				if method == "CloseIdleConnections" {
					continue
				}
				t.Run(name+"."+method+" "+when, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					if before {
						cancel(errShutdown)
					}
					client := newClient(t, func(req *http.Request) (*http.Response, error) {
						cancel(errShutdown)
						return nil, req.Context().Err()
					})
					errs := callForErrors(ctx, reflect.ValueOf(service(client)).MethodByName(method))
					require.Len(t, errs, 1)
					requireShutdown(t, errs[0])
				})
			}
		}
	}
}

func TestTheCauseOfAContextIsInTheErrorOfAWait(t *testing.T) {
	t.Parallel()
	running := func(req *http.Request) (*http.Response, error) {
		switch {
		case strings.HasSuffix(req.URL.Path, "/trace"):
			return answer{body: "text", header: map[string]string{"Content-Type": "text/plain"}}.to(req), nil
		case strings.Contains(req.URL.Path, "/pipelines/"):
			return answer{body: `[{"id":7,"name":"x","status":"running","pipeline":{"id":1,"status":"running"}}]`}.to(req), nil
		}
		return answer{body: `{"id":7,"name":"x","status":"running","started_at":"2024-03-05T09:00:00Z"}`}.to(req), nil
	}
	for name, call := range map[string]func(context.Context) error{
		"Wait": func(ctx context.Context) error {
			_, err := newClient(t, running).Jobs.Wait(ctx, "1", 7, nil)
			return err
		},
		"WaitPipeline": func(ctx context.Context) error {
			_, err := newClient(t, running).Jobs.WaitPipeline(ctx, "1", 7, nil)
			return err
		},
		"FollowTrace": func(ctx context.Context) error {
			log, err := newClient(t, running).Jobs.FollowTrace(ctx, "1", 7, nil)
			if err != nil {
				return err
			}
			defer func() { assert.NoError(t, log.Close()) }()
			_, err = io.Copy(io.Discard, log)
			return err
		},
		"Trace": func(ctx context.Context) error {
			log, err := newClient(t, func(req *http.Request) (*http.Response, error) {
				resp := answer{}.to(req)
				resp.Body, resp.ContentLength = &silentBody{req.Context()}, -1
				return resp, nil
			}).Jobs.Trace(ctx, "1", 7, nil)
			if err != nil {
				return err
			}
			defer log.Close()
			_, err = io.Copy(io.Discard, log)
			return err
		},
		"Failed": func(ctx context.Context) error {
			_, err := newClient(t, func(req *http.Request) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/trace") {
					<-req.Context().Done()
					return nil, req.Context().Err()
				}
				return running(req)
			}).Jobs.Failed(ctx, "1", 7, 10)
			return err
		},
		"a retry": func(ctx context.Context) error {
			_, err := answering(t, answer{status: 429, header: map[string]string{"Retry-After": "100"}}).Jobs.Get(ctx, "1", 7)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10500*time.Millisecond, func() { cancel(errShutdown) })
				start := time.Now()
				requireShutdown(t, call(ctx))
				assert.Equal(t, 10500*time.Millisecond, time.Since(start))
			})
		})
	}
}

// silentBody is a body that stalls.
type silentBody struct{ ctx context.Context }

func (e *silentBody) Read([]byte) (int, error) {
	<-e.ctx.Done()
	return 0, e.ctx.Err()
}

func (*silentBody) Close() error { return nil }

func TestTheErrorShowsTheSameCauseOnce(t *testing.T) {
	t.Parallel()
	client := answering(t, answer{body: oneJob})
	const route = "gitlabjobs: GET /projects/1/jobs/7: "

	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	_, err := client.Jobs.Get(ctx, "1", 7)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, err, route+"context deadline exceeded")

	ctx, cancel = context.WithDeadlineCause(t.Context(), time.Unix(1, 0), errShutdown)
	defer cancel()
	_, err = client.Jobs.Get(ctx, "1", 7)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, errShutdown)
	require.EqualError(t, err, route+"context deadline exceeded: the program is shutting down")
}
