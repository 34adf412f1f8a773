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

// Errors to compare with errors.Is. Each of them matches an [*Error] with the given status
// codes, except ErrOutcomeUnknown.
var (
	ErrBadRequest       = errors.New("bad request")        // 400 and 422
	ErrUnauthorized     = errors.New("unauthorized")       // 401
	ErrForbidden        = errors.New("forbidden")          // 403
	ErrNotFound         = errors.New("not found")          // 404
	ErrMethodNotAllowed = errors.New("method not allowed") // 405
	ErrConflict         = errors.New("conflict")           // 409
	ErrRateLimited      = errors.New("rate limited")       // 429
	ErrServer           = errors.New("server error")       // 500 to 599

	// ErrOutcomeUnknown reports that a write was sent but no usable response was received,
	// so the write may or may not have happened. To find out, list the jobs of the
	// pipeline. If a retry, or a play of a finished job, took effect, there is a job of the
	// same name with a higher ID. If any other play took effect, the job is no longer
	// manual or scheduled. If an erase took effect, the job has an ErasedAt. If nothing has
	// changed, check again after a minute, because the server may still be processing the
	// request. See the examples of [JobsService.Retry] and [JobsService.Play].
	ErrOutcomeUnknown = errors.New("outcome unknown: the write was sent and may have happened")
)

// An Error describes a response whose status is not 2xx, or a 2xx response that cannot be
// used. If a rate limit prevents a call from being sent, its error is an Error with status
// 429. If a 2xx response cannot be used, Message describes it.
type Error struct {
	Method     string
	Route      string // GitLab's template, such as "/projects/:id/jobs/:job_id".
	Path       string // The path below /api/v4: "/projects/group%2Fapp/jobs/42". Neither Route nor Path has a query or a credential.
	StatusCode int
	Message    string              // The message of the server, in one line.
	Details    map[string][]string // Messages about single fields, by field; nil for none.
	RequestID  string              // Identifies the request in GitLab's logs.
	RetryAfter time.Duration       // The wait that the server asks for; 0 if it does not ask for one.
	Body       []byte              // The response body, at most 64 KiB of it.

	unknown bool  // The outcome of the write is unknown.
	cause   error // The reason why a 2xx response cannot be used.
	page    bool  // The response is an HTML page with a 2xx status, and the request was a read.
}

// Error describes the request and the response in one line.
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
		fmt.Fprintf(&b, " (request ID %s)", e.RequestID)
	}
	if e.unknown {
		b.WriteString("; " + unknownHint)
	}
	return b.String()
}

const unknownHint = "the write may have happened: check before repeating it (for a job, get it and list the newest jobs of its pipeline)"

// Is reports whether e matches one of the error values of this package, such as
// [ErrNotFound].
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

// Unwrap returns the reason why a 2xx response cannot be used, or nil.
func (e *Error) Unwrap() error { return e.cause }

// callError is the error of a call that got no response. Its text is computed when it is
// created, so that the text contains no secret even if a wrapped error does.
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

// newError returns an *Error for a response. body is at most the first
// transport.MaxErrorBody bytes of the response body.
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
		Message:    c.Secrets.Redact(message), // Decoding may have revealed a secret that was escaped in the body.
		Details:    redactDetails(details, c.Secrets),
		RequestID:  requestID(resp, c.Secrets),
		RetryAfter: wait,
		Body:       body,
	}
}

// redactDetails returns a copy of details without the secrets.
func redactDetails(details map[string][]string, secrets transport.Secrets) map[string][]string {
	if details == nil {
		return nil
	}
	clean := make(map[string][]string, len(details))
	for field, messages := range details {
		field = secrets.Redact(field)
		for _, message := range messages {
			clean[field] = append(clean[field], secrets.Redact(message))
		}
	}
	return clean
}

func requestID(resp *http.Response, secrets transport.Secrets) string {
	return line(secrets.Redact(resp.Header.Get("X-Request-Id")))
}

// readMessage returns the message in the body of an error response, and its messages about
// single fields. The body can be JSON in one of the forms that GitLab uses, plain text, or
// the HTML page of a proxy.
func readMessage(body []byte) (string, map[string][]string) {
	var response map[string]any
	if err := json.Unmarshal(body, &response); err != nil {
		return textMessage(string(body)), nil
	}
	details := make(map[string][]string)
	message := messageOf(response["message"], details)
	if message == "" {
		message = messageOf(response["error"], details)
		if description := messageOf(response["error_description"], details); description != "" {
			message = strings.TrimPrefix(message+": "+description, ": ")
		}
	}
	if scope, ok := response["scope"].(string); ok {
		details["scope"] = append(details["scope"], scope)
	}
	if len(details) == 0 {
		details = nil
	}
	if message == "" && len(response) > 0 {
		message = textMessage(string(body))
	}
	return message, details
}

// messageOf returns the message in a JSON value of any type. If the value is an object, it
// also adds the messages about each field to details.
func messageOf(v any, details map[string][]string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any:
		var parts []string
		for field, value := range v {
			messages := messagesIn(value)
			if len(messages) == 0 {
				continue
			}
			details[field] = append(details[field], messages...)
			part := strings.Join(messages, ", ")
			if field != "error" && field != "base" {
				part = line(field) + ": " + part
			}
			parts = append(parts, part)
		}
		slices.Sort(parts)
		return line(strings.Join(parts, "; "))
	default:
		return line(strings.Join(messagesIn(v), "; "))
	}
}

// messagesIn returns all messages in a JSON value, one line each.
func messagesIn(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var messages []string
		for _, e := range v {
			messages = append(messages, messagesIn(e)...)
		}
		return messages
	case map[string]any:
		var messages []string
		for field, e := range v {
			messages = append(messages, line(field)+": "+strings.Join(messagesIn(e), ", "))
		}
		slices.Sort(messages)
		return messages
	default:
		return []string{line(fmt.Sprint(v))}
	}
}

// textMessage returns the message in plain text or in an HTML page. For a page, it is the
// title if there is one, or else the text.
func textMessage(body string) string {
	if start := strings.TrimSpace(body); !strings.HasPrefix(start, "<") {
		return line(body)
	}
	if title := line(html.UnescapeString(htmlText(between(body, "<title", "</title")))); title != "" {
		return title
	}
	return line(html.UnescapeString(htmlText(body)))
}

// htmlText returns the text between the tags of a page, without scripts, styles and
// comments. The page may be malformed or cut off.
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

// between returns the text between two tags. The first tag may have attributes.
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

// line returns s as one readable line: without control characters and runs of white
// space, and truncated to 500 bytes.
func line(s string) string {
	const maxLength = 500
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxLength {
		s = strings.ToValidUTF8(s[:maxLength], "") + "…"
	}
	return s
}

// contextError returns the error of a context with its cause, or nil if the context has
// not ended.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	switch {
	case err == nil || cause == nil || cause == err: //nolint:errorlint // Only the same error would be shown twice.
		return err
	case errors.Is(cause, err):
		return cause
	default:
		return fmt.Errorf("%w: %w", err, cause)
	}
}

// Temporary reports whether the same call may succeed later. It is true for the failures
// after which a GET request is retried: network errors, attempt timeouts, the status codes
// 408, 425 and 429, and all 5xx status codes except 501 and 505. It is also true if the
// response to a read is an HTML page with a 2xx status, because many proxies announce
// maintenance with such a page.
//
// It is false for nil, for an ended context, for invalid arguments and certificates, and
// for any other status code or unusable response. It is also false for
// [ErrOutcomeUnknown]: check the result of such a call before you repeat it.
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
