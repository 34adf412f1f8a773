package transport

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// longWait is the wait from which on there is a line at level Warn.
const longWait = 10 * time.Second

// logAttempt writes the line of an attempt at level Debug, and one at level Warn if the
// call gives up or waits for long.
func (c *Call) logAttempt(ctx context.Context, resp *http.Response, err error, again, temporary bool) {
	logger := c.client.config.Logger
	if logger == nil {
		return
	}
	warning := ""
	switch {
	case again && c.wait > longWait:
		warning = "gitlab request waits"
	case c.Once500 && err == nil && resp.StatusCode == http.StatusInternalServerError: // The caller decides.
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

// logGateWait writes a line at level Warn if a call waits for long at a gate.
func (c *Call) logGateWait(ctx context.Context, wait time.Duration) {
	if logger := c.client.config.Logger; logger != nil && wait > longWait {
		logger.LogAttrs(ctx, slog.LevelWarn, "gitlab request waits", append(c.logAttrs(), slog.Duration("wait", wait))...)
	}
}

// logLimit writes the line of a call that a gate keeps out.
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

// requestID returns the server's id of a request.
func (c *Call) requestID(resp *http.Response) string {
	const longest = 500
	id := c.Secrets.Redact(resp.Header.Get("X-Request-Id"))
	return strings.ToValidUTF8(id[:min(len(id), longest)], "")
}
