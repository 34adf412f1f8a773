package transport

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// longWait is the wait above which a call is logged at level Warn.
const longWait = 10 * time.Second

// logAttempt logs an attempt at level Debug. If the call gives up, or the next wait is
// longer than longWait, it also logs at level Warn.
func (c *Call) logAttempt(ctx context.Context, resp *http.Response, err error, again, temporary bool) {
	logger := c.client.config.Logger
	if logger == nil {
		return
	}
	warning := ""
	switch {
	case again && c.wait > longWait:
		warning = "gitlab request waits"
	case c.NoRetryOn500 && err == nil && resp.StatusCode == http.StatusInternalServerError:
		// No warning: the caller decides whether to request the page again.
	case !again && temporary && ctx.Err() == nil:
		warning = "gitlab request gave up"
	}
	if warning == "" && !logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := c.logAttrs()
	if err != nil {
		attrs = append(attrs, slog.Any("error", c.Secrets.RedactError(err)))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.String("request_id", c.requestID(resp)))
	}
	if again {
		attrs = append(attrs, slog.Duration("wait", c.wait))
	}
	logger.LogAttrs(ctx, slog.LevelDebug, "gitlab request", attrs...)
	if warning != "" {
		logger.LogAttrs(ctx, slog.LevelWarn, warning, attrs...)
	}
}

// logGateWait logs at level Warn if a call waits at a gate for longer than longWait.
func (c *Call) logGateWait(ctx context.Context, wait time.Duration) {
	if logger := c.client.config.Logger; logger != nil && wait > longWait {
		logger.LogAttrs(ctx, slog.LevelWarn, "gitlab request waits", append(c.logAttrs(), slog.Duration("wait", wait))...)
	}
}

// logLimit logs a call that a gate refuses.
func (c *Call) logLimit(ctx context.Context, remaining time.Duration) {
	if logger := c.client.config.Logger; logger != nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "gitlab request gave up", append(c.logAttrs(), slog.Duration("rate_limited_for", remaining))...)
	}
}

func (c *Call) logAttrs() []slog.Attr {
	return append(make([]slog.Attr, 0, 7),
		slog.String("method", c.Method),
		slog.String("route", c.Route),
		slog.String("path", c.Path),
		slog.Int("attempt", c.Attempts))
}

// requestID returns the request ID in a response, without secrets and truncated to 500
// bytes.
func (c *Call) requestID(resp *http.Response) string {
	const maxLength = 500
	id := c.Secrets.Redact(resp.Header.Get("X-Request-Id"))
	return strings.ToValidUTF8(id[:min(len(id), maxLength)], "")
}
