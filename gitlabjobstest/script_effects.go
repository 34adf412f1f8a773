package gitlabjobstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"example.com/gitlabjobs/gitlabjobstest/internal/delivery"
)

// Effect is the failure that a [Fault] causes.
type Effect struct {
	effect  *effect // nil for the zero Effect.
	problem string  // What is wrong with the arguments. Empty if they are valid.
}

type effect struct {
	refuse  bool             // The connection is refused.
	respond func() *response // Replaces the response. The request does not take effect.
	change  func(*response)  // Changes the response, after the request has taken effect.
}

func replaceResponse(f func() *response) Effect { return Effect{effect: &effect{respond: f}} }

func changeResponse(f func(*response)) Effect { return Effect{effect: &effect{change: f}} }

// Refuse refuses the connection. A server with a socket resets the connection
// before it reads the request.
func Refuse() Effect {
	return Effect{effect: &effect{refuse: true, respond: resetResponse}}
}

func resetResponse() *response { return &response{delivery: delivery.Options{Reset: true}} }

// ResetBefore resets the connection. The request does not take effect.
func ResetBefore() Effect { return replaceResponse(resetResponse) }

// ResetAfter resets the connection after the request has taken effect, so that
// the client does not receive the response.
func ResetAfter() Effect {
	return changeResponse(func(resp *response) { resp.delivery.Reset = true })
}

// Hang never responds. The request does not take effect, and ends when the
// client gives up.
func Hang() Effect {
	return replaceResponse(func() *response { return &response{delivery: delivery.Options{Hang: true}} })
}

// HangAfter lets the request take effect and never responds.
func HangAfter() Effect { return changeResponse(func(resp *response) { resp.delivery.Hang = true }) }

// DelayAnswer lets the request take effect at once and delays the response.
func DelayAnswer(d time.Duration) Effect {
	return changeResponse(func(resp *response) { resp.delivery.Delay = d })
}

// CutBody closes the connection after the given number of bytes of the body. A
// shorter body is sent as a whole.
func CutBody(after int64) Effect {
	if after < 0 {
		return Effect{problem: fmt.Sprintf("CutBody(%d): use 0 or more bytes", after)}
	}
	return changeResponse(func(resp *response) {
		if !resp.delivery.Endless && after < resp.content().size() {
			resp.delivery.Cut, resp.delivery.CutAfter = true, after
		}
	})
}

// SlowBody sends the body in chunks of n bytes, with a pause before each.
func SlowBody(n int, pause time.Duration) Effect {
	if n < 1 || pause <= 0 {
		return Effect{problem: fmt.Sprintf("SlowBody(%d, %v): use 1 byte or more, and a pause above 0", n, pause)}
	}
	return changeResponse(func(resp *response) { resp.delivery.Chunk, resp.delivery.Pause = n, pause })
}

// EndlessBody responds with a body that does not end. For routes that respond
// with JSON, it consists of white space.
func EndlessBody() Effect {
	return changeResponse(func(resp *response) {
		line := "and so on\n"
		if resp.header.Get("Content-Type") == "application/json" {
			line = "         \n"
		}
		resp.delivery.Endless = true
		resp.setBody(bytes.Repeat([]byte(line), 4<<10))
	})
}

// EmptyBody lets the request take effect and responds with 200 and no body.
func EmptyBody() Effect {
	return changeResponse(func(resp *response) {
		resp.status = http.StatusOK
		resp.setBody(nil)
		resp.header.Del("Etag")
	})
}

// Answer responds with the given status code, headers and body. The request does
// not take effect.
func Answer(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("Answer(%d): use a status from 200 to 599", status)}
	}
	return replaceResponse(func() *response { return customResponse(status, header, body) })
}

// AnswerAfter is like [Answer], but the request takes effect first, as when a
// proxy times out before GitLab responds.
func AnswerAfter(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("AnswerAfter(%d): use a status from 200 to 599", status)}
	}
	return changeResponse(func(resp *response) { *resp = *customResponse(status, header, body) })
}

func customResponse(status int, header http.Header, body string) *response {
	resp := testBody(status, body)
	for name, values := range header {
		for _, value := range values {
			resp.header.Add(name, value)
		}
	}
	return resp
}

// BadGateway responds with a proxy's 502, in HTML.
func BadGateway() Effect {
	return Answer(http.StatusBadGateway, http.Header{"Content-Type": {"text/html"}},
		"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"+
			"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
}

// InternalError responds with GitLab's 500.
func InternalError() Effect {
	return replaceResponse(func() *response {
		return finishedResponse(messageResponse(http.StatusInternalServerError, "500 Internal Server Error"))
	})
}

// Unavailable responds with a 503. If the duration is above 0, Retry-After
// contains it in seconds.
func Unavailable(retryAfter time.Duration) Effect {
	return replaceResponse(func() *response {
		resp := finishedResponse(messageResponse(http.StatusServiceUnavailable, "503 Service Unavailable"))
		if retryAfter > 0 {
			resp.header.Set("Retry-After", seconds(retryAfter))
		}
		return resp
	})
}

// Conflict responds with the 409 that GitLab sends if another request has locked
// the job.
func Conflict() Effect {
	return replaceResponse(func() *response {
		return finishedResponse(messageResponse(http.StatusConflict, "409 Conflict: Resource lock"))
	})
}

// finishedResponse encodes a response that does not come from an endpoint.
func finishedResponse(resp *response) *response {
	resp.finish(&http.Request{})
	return resp
}

// TooManyRequests responds with a 429 that does not say how long to wait.
func TooManyRequests() Effect { return tooManyRequests(func(http.Header) {}) }

// TooManyRequestsFor responds with a 429 whose Retry-After contains the duration
// in seconds.
func TooManyRequestsFor(d time.Duration) Effect {
	return tooManyRequests(func(h http.Header) { h.Set("Retry-After", seconds(d)) })
}

// TooManyRequestsUntil responds with a 429 whose Retry-After is a date: the time
// of the response plus d.
func TooManyRequestsUntil(d time.Duration) Effect {
	return tooManyRequests(func(h http.Header) { h.Set("Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat)) })
}

// TooManyRequestsReset responds with a 429 that has RateLimit-Reset and no
// Retry-After. RateLimit-Reset is the Unix time of the response plus d.
func TooManyRequestsReset(d time.Duration) Effect {
	return tooManyRequests(func(h http.Header) { h.Set("Ratelimit-Reset", itoa(time.Now().Add(d).Unix())) })
}

func tooManyRequests(setHeader func(http.Header)) Effect {
	return replaceResponse(func() *response {
		resp := finishedResponse(rateLimited())
		setHeader(resp.header)
		return resp
	})
}

// seconds formats a duration as a number of seconds. It rounds up, so that a
// client that waits this long does not send its next request too early.
func seconds(d time.Duration) string { return itoa(int64((d + time.Second - 1) / time.Second)) }

// Redirect responds with a redirect. A location without a host redirects to the
// server itself.
func Redirect(status int, location string) Effect {
	if status < 300 || status > 399 || location == "" {
		return Effect{problem: "Redirect(" + strconv.Itoa(status) + "): use a status from 300 to 399 and a location"}
	}
	return Answer(status, http.Header{"Location": {location}}, "")
}

// MalformedJSON responds with a body that is not valid JSON.
func MalformedJSON() Effect {
	return Rewrite(func(body []byte) []byte { return append([]byte("{,"), body...) })
}

// TruncatedJSON responds with only the first n bytes of the body. The connection does not
// break.
func TruncatedJSON(n int) Effect {
	if n < 0 {
		return Effect{problem: fmt.Sprintf("TruncatedJSON(%d): use 0 or more bytes", n)}
	}
	return Rewrite(func(body []byte) []byte { return body[:min(n, len(body))] })
}

// UnknownStatus sets the status of each job in the response, for example to one
// that GitLab does not have yet.
func UnknownStatus(status string) Effect { return SetField("status", status) }

// SetField sets a key in each object of the response. The key need not be one
// that GitLab sends. It changes only successful responses in JSON.
func SetField(key string, value any) Effect {
	return changeResponse(func(resp *response) {
		if resp.status/100 == 2 && resp.header.Get("Content-Type") == "application/json" {
			resp.rewrite(func(body []byte) []byte { return setField(body, key, value) })
		}
	})
}

// Rewrite changes the body of the response after the request has taken effect.
// It does not change a log with a JobSpec.LogSize, which may not fit into memory.
func Rewrite(f func(body []byte) []byte) Effect {
	if f == nil {
		return Effect{problem: "Rewrite(nil): pass a function"}
	}
	return changeResponse(func(resp *response) { resp.rewrite(f) })
}

func (resp *response) rewrite(f func(body []byte) []byte) {
	if resp.log == nil {
		resp.body = f(bytes.Clone(resp.body))
		resp.header.Del("Etag")
	}
}

func setField(body []byte, key string, value any) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // A float64 cannot represent every ID.
	var v any
	if d.Decode(&v) != nil {
		return body
	}
	objects, ok := v.([]any)
	if !ok {
		objects = []any{v}
	}
	for _, o := range objects {
		if m, ok := o.(map[string]any); ok {
			m[key] = value
		}
	}
	changed, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return changed
}
