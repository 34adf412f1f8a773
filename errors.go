package gitlabjobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"example.com/gitlabjobs/internal/transport"
)

// The sentinels for errors.Is. Each stands for an [*Error] with a status code
// of its kind, but for ErrOutcomeUnknown.
var (
	ErrBadRequest       = errors.New("bad request")        // 400 and 422
	ErrUnauthorized     = errors.New("unauthorized")       // 401
	ErrForbidden        = errors.New("forbidden")          // 403
	ErrNotFound         = errors.New("not found")          // 404
	ErrMethodNotAllowed = errors.New("method not allowed") // 405
	ErrConflict         = errors.New("conflict")           // 409
	ErrRateLimited      = errors.New("rate limited")       // 429
	ErrServer           = errors.New("server error")       // 500 to 599

	// ErrOutcomeUnknown reports that a write was sent and no usable response came, so it
	// may or may not have happened. To find out, list the jobs of the pipeline: after a
	// retry, or a play of a finished job, the job of that name has a higher ID than
	// before, and after any other play it is no longer manual or scheduled. After an
	// erase, the job has an ErasedAt. If nothing has changed, check once more a minute
	// later, because the server may still be working on it. The examples of
	// [JobsService.Retry] and [JobsService.Play] show how.
	ErrOutcomeUnknown = errors.New("outcome unknown: the write was sent and may have happened")
)

// Error is an answer that is not a success, or one that claims to be and can't
// be used (StatusCode is then 2xx, and Message says what it is).
type Error struct {
	Method     string
	Route      string // GitLab's template, such as "/projects/:id/jobs/:job_id".
	Path       string // The request's path below /api/v4: "/projects/group%2Fapp/jobs/42". Neither has a query or a credential.
	StatusCode int
	Message    string              // What the server said, in one line.
	Details    map[string][]string // What it said of single fields, where it did.
	RequestID  string              // To find the request in GitLab's logs.
	RetryAfter time.Duration       // How long the server asks to wait; 0 where it does not say.
	Body       []byte              // At most 64 KiB of the answer.

	unknown bool  // A write whose outcome is unknown.
	cause   error // Why a success can't be used.
	page    bool  // An HTML page with a success status, in answer to a read.
}

// Error says in one line what was asked and what came back.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gitlabjobs: %s %s: ", e.Method, cmp.Or(e.Path, e.Route))
	status := fmt.Sprint(e.StatusCode)
	if !strings.HasPrefix(e.Message, status) {
		b.WriteString(status + " ")
		if text := http.StatusText(e.StatusCode); text != "" && e.cause == nil {
			b.WriteString(text + ": ")
		}
	}
	b.WriteString(e.Message)
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %v)", e.RetryAfter)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request id %s)", e.RequestID)
	}
	if e.unknown {
		b.WriteString("; " + unknownHint)
	}
	return b.String()
}

const unknownHint = "the write may have happened: check before repeating it (for a job, look at it and at the newest jobs of its pipeline)"

// Is makes errors.Is work with the sentinels of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrBadRequest:
		return e.StatusCode == http.StatusBadRequest || e.StatusCode == http.StatusUnprocessableEntity
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized
	case ErrForbidden:
		return e.StatusCode == http.StatusForbidden
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound
	case ErrMethodNotAllowed:
		return e.StatusCode == http.StatusMethodNotAllowed
	case ErrConflict:
		return e.StatusCode == http.StatusConflict
	case ErrRateLimited:
		return e.StatusCode == http.StatusTooManyRequests
	case ErrServer:
		return e.StatusCode >= 500 && e.StatusCode <= 599
	case ErrOutcomeUnknown:
		return e.unknown
	}
	return false
}

// Unwrap returns why an answer of a success status can't be used, or nil.
func (e *Error) Unwrap() error { return e.cause }

// callError is a call that got no answer at all. Its text is made when it is:
// nothing in it is a secret, whatever it wraps.
type callError struct {
	text      string
	cause     error
	unknown   bool
	temporary bool
}

func newCallError(method, path string, cause error, unknown bool) *callError {
	text := fmt.Sprintf("gitlabjobs: %s %s: %v", method, path, cause)
	if unknown {
		text += "; " + unknownHint
	}
	return &callError{text: text, cause: cause, unknown: unknown}
}

func (e *callError) Error() string        { return e.text }
func (e *callError) Unwrap() error        { return e.cause }
func (e *callError) Is(target error) bool { return target == ErrOutcomeUnknown && e.unknown }

// newError makes an *Error of a response. body is at most transport.MaxErrorBody of it.
func newError(c *transport.Call, resp *http.Response, body []byte) *Error {
	body = []byte(c.Secrets.RedactCut(string(body)))
	message, details := readMessage(body)
	if message == "" {
		message = fmt.Sprint(resp.StatusCode)
		if text := http.StatusText(resp.StatusCode); text != "" {
			message += " " + text
		}
	}
	wait, _ := transport.ServerWait(resp)
	return &Error{
		Method:     c.Method,
		Route:      c.Route,
		Path:       c.Path,
		StatusCode: resp.StatusCode,
		Message:    c.Secrets.Redact(message), // Again: it was decoded.
		Details:    redactDetails(details, c.Secrets),
		RequestID:  requestID(resp, c.Secrets),
		RetryAfter: wait,
		Body:       body,
	}
}

// redactDetails copies the details of an error without the secrets.
func redactDetails(details map[string][]string, secrets transport.Secrets) map[string][]string {
	if details == nil {
		return nil
	}
	clean := make(map[string][]string, len(details))
	for field, said := range details {
		field = secrets.Redact(field)
		for _, text := range said {
			clean[field] = append(clean[field], secrets.Redact(text))
		}
	}
	return clean
}

func requestID(resp *http.Response, secrets transport.Secrets) string {
	return line(secrets.Redact(resp.Header.Get("X-Request-Id")))
}

// readMessage finds what a server says in the body of an error: the JSON shapes
// that GitLab uses, plain text, or the page of a proxy.
func readMessage(body []byte) (string, map[string][]string) {
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		return textMessage(string(body)), nil
	}
	details := make(map[string][]string)
	message := messageOf(answer["message"], details)
	if message == "" {
		message = messageOf(answer["error"], details)
		if description := messageOf(answer["error_description"], details); description != "" {
			message = strings.TrimPrefix(message+": "+description, ": ")
		}
	}
	if scope, ok := answer["scope"].(string); ok {
		details["scope"] = append(details["scope"], scope)
	}
	if len(details) == 0 {
		details = nil
	}
	if message == "" && len(answer) > 0 {
		message = textMessage(string(body))
	}
	return message, details
}

// messageOf puts a message of any JSON kind into words. What an object says of
// each field goes into details as well.
func messageOf(v any, details map[string][]string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any:
		var parts []string
		for field, value := range v {
			said := sayings(value)
			if len(said) == 0 {
				continue
			}
			details[field] = append(details[field], said...)
			part := strings.Join(said, ", ")
			if field != "error" && field != "base" {
				part = line(field) + ": " + part
			}
			parts = append(parts, part)
		}
		slices.Sort(parts)
		return line(strings.Join(parts, "; "))
	default:
		return line(strings.Join(sayings(v), "; "))
	}
}

// sayings flattens what was said into lines.
func sayings(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var said []string
		for _, e := range v {
			said = append(said, sayings(e)...)
		}
		return said
	case map[string]any:
		var said []string
		for field, e := range v {
			said = append(said, line(field)+": "+strings.Join(sayings(e), ", "))
		}
		slices.Sort(said)
		return said
	default:
		return []string{line(fmt.Sprint(v))}
	}
}

// textMessage is what a person reads in a plain text or in an HTML page: of the
// latter its title, where it has one.
func textMessage(body string) string {
	if start := strings.TrimSpace(body); !strings.HasPrefix(start, "<") {
		return line(body)
	}
	if title := line(html.UnescapeString(htmlText(between(body, "<title", "</title")))); title != "" {
		return title
	}
	return line(html.UnescapeString(htmlText(body)))
}

// htmlText returns the text between the tags of a page, whatever its state,
// without scripts, styles and comments.
func htmlText(page string) string {
	var text strings.Builder
	for page != "" {
		before, rest, found := strings.Cut(page, "<")
		text.WriteString(before + " ")
		if !found {
			break
		}
		end := ">"
		for tag, closing := range map[string]string{"!--": "-->", "script": "</script>", "style": "</style>"} {
			if len(rest) >= len(tag) && strings.EqualFold(rest[:len(tag)], tag) {
				end = closing
			}
		}
		_, page = cutFold(rest, end)
	}
	return text.String()
}

// between returns what stands between two tags, the first of which may have
// attributes.
func between(page, open, closing string) string {
	_, inside := cutFold(page, open)
	_, inside, _ = strings.Cut(inside, ">")
	inside, _ = cutFold(inside, closing)
	return inside
}

// cutFold is strings.Cut for an ASCII separator in any case.
func cutFold(s, sep string) (before, after string) {
	for i := 0; i+len(sep) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(sep)], sep) {
			return s[:i], s[i+len(sep):]
		}
	}
	return s, ""
}

// line makes one readable line of a text: no control characters, no runs of
// white space, and not too long.
func line(s string) string {
	const most = 500
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// contextError returns why a context ended: its error and its cause. It is nil for one
// that has not ended.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	switch {
	case err == nil || cause == nil || cause == err: //nolint:errorlint // The same error, which would be shown twice.
		return err
	case errors.Is(cause, err):
		return cause
	default:
		return fmt.Errorf("%w: %w", err, cause)
	}
}

// Temporary reports whether the same call may succeed later. It is true for the
// failures after which a GET request is retried, and for attempt timeouts: network
// faults, the statuses 408, 425 and 429, and every 5xx status but 501 and 505. It is
// also true for an HTML page with status 200 in answer to a GET request, which is how
// many proxies announce maintenance.
//
// It is false for nil, for an ended context, for invalid arguments and certificates,
// for any other status or unusable response, and for [ErrOutcomeUnknown]: that call
// must not be repeated without checking first.
func Temporary(err error) bool {
	if err == nil || errors.Is(err, ErrOutcomeUnknown) {
		return false
	}
	if response, ok := errors.AsType[*Error](err); ok {
		return response.page || transport.TemporaryStatus(response.StatusCode)
	}
	noResponse, ok := errors.AsType[*callError](err)
	return ok && noResponse.temporary
}
