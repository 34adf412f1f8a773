package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// FaultError is a call without a response.
type FaultError struct {
	Err       error // Of the last attempt, or the context's. It shows no secret.
	Temporary bool  // The same call may succeed later.
}

func (e *FaultError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the last attempt.
func (e *FaultError) Unwrap() error { return e.Err }

// LimitError is a call that was not sent, because a 429 in response to an earlier one
// forbids it for longer than the call may wait.
type LimitError struct {
	Message   string        // What the server said.
	Remaining time.Duration // Until the server allows requests again.
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s (for another %v)", e.Message, e.Remaining)
}

var errBodyTooLarge = errors.New("the response body is larger than the limit of the client: see WithMaxBody")

// timeoutError is an attempt that took too long. It is not the deadline of the context,
// and errors.Is does not take it for that.
type timeoutError struct {
	what  string
	after time.Duration
}

func (e *timeoutError) Error() string   { return fmt.Sprintf("no %s within %v", e.what, e.after) }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

// IsSuccess reports whether a status is 2xx.
func IsSuccess(status int) bool { return status >= 200 && status <= 299 }

// TemporaryStatus reports whether a server may soon respond to the same request with
// another status.
func TemporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500 && status <= 599
}

// temporaryFault reports whether a request that got no response, because of err, may
// get one later. The caller has checked that its context has not ended.
func temporaryFault(err error) bool {
	var cert *tls.CertificateVerificationError
	return !errors.As(err, &cert) && !errors.Is(err, errBodyTooLarge) && !errors.Is(err, http.ErrSchemeMismatch)
}
