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

// Effect is what goes wrong in a [Fault].
type Effect struct {
	make    func() effect
	problem string
}

type effect struct {
	refuse bool                     // Nothing is connected.
	answer func(*Server) *response  // In place of what was asked for, which does not happen.
	change func(*Server, *response) // After what was asked for has happened.
}

func (e effect) instead(s *Server) *response {
	if e.answer == nil {
		return nil
	}
	return e.answer(s)
}

func (e effect) alter(s *Server, a *response) {
	if e.change != nil {
		e.change(s, a)
	}
}

func does(e effect) Effect { return Effect{make: func() effect { return e }} }

func answers(f func(*Server) *response) Effect { return does(effect{answer: f}) }

func changes(f func(*response)) Effect {
	return does(effect{change: func(_ *Server, a *response) { f(a) }})
}

// Refuse refuses the connection. On a socket, where a server hears of a request
// only once there is a connection, it resets that before it reads anything.
func Refuse() Effect {
	return does(effect{refuse: true, answer: resetResponse})
}

func resetResponse(*Server) *response { return &response{how: delivery.Manner{Reset: true}} }

// ResetBefore resets the connection before the request has acted on anything.
func ResetBefore() Effect { return does(effect{answer: resetResponse}) }

// ResetAfter resets the connection after the request has acted: what it asked
// for has happened, and the client does not learn of it.
func ResetAfter() Effect {
	return does(effect{change: func(_ *Server, a *response) { a.how.Reset = true }})
}

// Hang never answers. The request acts on nothing, and ends with its client.
func Hang() Effect {
	return answers(func(*Server) *response { return &response{how: delivery.Manner{Hang: true}} })
}

// HangAfter acts as it should, and never answers.
func HangAfter() Effect { return changes(func(a *response) { a.how.Hang = true }) }

// DelayAnswer acts as it should at once, and answers later.
func DelayAnswer(d time.Duration) Effect { return changes(func(a *response) { a.how.Delay = d }) }

// CutBody closes the connection after so many bytes of the body.
func CutBody(after int64) Effect {
	if after < 0 {
		return Effect{problem: fmt.Sprintf("CutBody(%d): use 0 or more bytes", after)}
	}
	return does(effect{change: func(_ *Server, a *response) {
		if !a.how.Endless && after < a.content().size() {
			a.how.Cut, a.how.CutAfter = true, after
		}
	}})
}

// SlowBody sends the body so many bytes at a time, with a pause before each.
func SlowBody(n int, pause time.Duration) Effect {
	if n < 1 || pause <= 0 {
		return Effect{problem: fmt.Sprintf("SlowBody(%d, %v): use 1 byte or more, and a pause above 0", n, pause)}
	}
	return changes(func(a *response) { a.how.Chunk, a.how.Pause = n, pause })
}

// EndlessBody answers with a log that does not end, or where JSON is asked for
// with white space that does not.
func EndlessBody() Effect {
	return changes(func(a *response) {
		line := "and so on\n"
		if a.header.Get("Content-Type") == "application/json" {
			line = "         \n"
		}
		a.how.Endless = true
		a.hold(bytes.Repeat([]byte(line), 4<<10))
	})
}

// EmptyBody acts as it should and answers 200 with nothing.
func EmptyBody() Effect {
	return changes(func(a *response) {
		a.status = http.StatusOK
		a.hold(nil)
		a.header.Del("Etag")
	})
}

// Answer answers with a status, headers and a body of the test's own. The
// request acts on nothing.
func Answer(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("Answer(%d): use a status from 200 to 599", status)}
	}
	return answers(func(*Server) *response { return own(status, header, body) })
}

// AnswerAfter is [Answer] to a request that has acted as it should, as where a
// proxy gave up on a server that did not.
func AnswerAfter(status int, header http.Header, body string) Effect {
	if status < 200 || status > 599 {
		return Effect{problem: fmt.Sprintf("AnswerAfter(%d): use a status from 200 to 599", status)}
	}
	return changes(func(a *response) { *a = *own(status, header, body) })
}

func own(status int, header http.Header, body string) *response {
	a := text(status, body)
	for k, v := range header {
		for _, one := range v {
			a.header.Add(k, one)
		}
	}
	return a
}

// BadGateway is a proxy's 502, in HTML.
func BadGateway() Effect {
	return Answer(http.StatusBadGateway, http.Header{"Content-Type": {"text/html"}},
		"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"+
			"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
}

// InternalError is GitLab's 500.
func InternalError() Effect {
	return answers(func(*Server) *response {
		return finished(message(http.StatusInternalServerError, "500 Internal Server Error"))
	})
}

// Unavailable is a 503, with Retry-After in seconds where a time is given.
func Unavailable(retryAfter time.Duration) Effect {
	return answers(func(*Server) *response {
		a := finished(message(http.StatusServiceUnavailable, "503 Service Unavailable"))
		if retryAfter > 0 {
			a.header.Set("Retry-After", seconds(retryAfter))
		}
		return a
	})
}

// Conflict is the 409 of a job that another request holds.
func Conflict() Effect {
	return answers(func(*Server) *response {
		return finished(message(http.StatusConflict, "409 Conflict: Resource lock"))
	})
}

// finished encodes an answer that no endpoint has made.
func finished(a *response) *response {
	a.finish(&http.Request{})
	return a
}

// TooManyRequests is a 429 that does not say for how long.
func TooManyRequests() Effect { return tooMany(func(http.Header) {}) }

// TooManyRequestsFor is a 429 with Retry-After in seconds.
func TooManyRequestsFor(d time.Duration) Effect {
	return tooMany(func(h http.Header) { h.Set("Retry-After", seconds(d)) })
}

// TooManyRequestsUntil is a 429 with Retry-After as the date that is so far
// away when it is sent.
func TooManyRequestsUntil(d time.Duration) Effect {
	return tooMany(func(h http.Header) { h.Set("Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat)) })
}

// TooManyRequestsReset is a 429 with RateLimit-Reset alone: the Unix time that
// is so far away when it is sent.
func TooManyRequestsReset(d time.Duration) Effect {
	return tooMany(func(h http.Header) { h.Set("Ratelimit-Reset", itoa(time.Now().Add(d).Unix())) })
}

func tooMany(say func(http.Header)) Effect {
	return answers(func(*Server) *response {
		a := finished(appLimit())
		say(a.header)
		return a
	})
}

// seconds rounds up: somebody who comes back then is not too early.
func seconds(d time.Duration) string { return itoa(int64((d + time.Second - 1) / time.Second)) }

// Redirect sends the client elsewhere. A location without a host is the
// server's own.
func Redirect(status int, location string) Effect {
	if status < 300 || status > 399 || location == "" {
		return Effect{problem: "Redirect(" + strconv.Itoa(status) + "): use a status from 300 to 399 and a location"}
	}
	return Answer(status, http.Header{"Location": {location}}, "")
}

// MalformedJSON answers with something that was meant to be JSON.
func MalformedJSON() Effect {
	return Rewrite(func(body []byte) []byte { return append([]byte("{,"), body...) })
}

// TruncatedJSON answers with the first so many bytes, as if that were all.
func TruncatedJSON(n int) Effect {
	if n < 0 {
		return Effect{problem: fmt.Sprintf("TruncatedJSON(%d): use 0 or more bytes", n)}
	}
	return Rewrite(func(body []byte) []byte { return body[:min(n, len(body))] })
}

// UnknownStatus gives each job of the answer a status of tomorrow's GitLab.
func UnknownStatus(status string) Effect { return SetField("status", status) }

// SetField sets a key of each object of the answer, one that GitLab does not
// have yet or one that it has. Answers that are no success in JSON pass as they
// are.
func SetField(key string, value any) Effect {
	return changes(func(a *response) {
		if a.status/100 == 2 && a.header.Get("Content-Type") == "application/json" {
			a.rewrite(func(body []byte) []byte { return setField(body, key, value) })
		}
	})
}

// Rewrite changes the body of the answer, after the request has acted. A log
// that has a JobSpec.LogSize passes as it is: there may be too much of it.
func Rewrite(f func(body []byte) []byte) Effect {
	if f == nil {
		return Effect{problem: "Rewrite(nil): pass a function"}
	}
	return changes(func(a *response) { a.rewrite(f) })
}

func (a *response) rewrite(f func(body []byte) []byte) {
	if a.log == nil {
		a.body = f(bytes.Clone(a.body))
		a.header.Del("Etag")
	}
}

func setField(body []byte, key string, value any) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // Ids do not fit into a float64.
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
