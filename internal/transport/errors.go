package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// FaultError is the error of a call that got no response.
type FaultError struct {
	Err       error // The error of the last attempt or of the context. Its text has no secret.
	Temporary bool  // The same call may succeed later.
}

func (e *FaultError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the last attempt.
func (e *FaultError) Unwrap() error { return e.Err }

// LimitError is the error of a call whose next attempt was not sent, because an earlier 429
// forbids requests for longer than the call can wait.
type LimitError struct {
	Message   string        // The message of the server.
	Remaining time.Duration // The time until the server allows requests again.
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s (for another %v)", e.Message, e.Remaining)
}

var errBodyTooLarge = errors.New("the response body is larger than the limit of the client: see WithMaxBody")

// timeoutError is the error of an attempt that exceeded its timeout. It does not match
// context.DeadlineExceeded, which is for the deadline of the caller's context.
type timeoutError struct {
	missing string
	after   time.Duration
}

func (e *timeoutError) Error() string   { return fmt.Sprintf("no %s within %v", e.missing, e.after) }
func (e *timeoutError) Timeout() bool   { return true }
func (e *timeoutError) Temporary() bool { return true }

// IsSuccess reports whether a status is 2xx.
func IsSuccess(status int) bool { return status >= 200 && status <= 299 }

// TemporaryStatus reports whether the same request may succeed later, after a response with
// this status.
func TemporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500 && status <= 599
}

// temporaryFault reports whether a request that failed with err may succeed later. The
// caller must also check that the context has not ended.
func temporaryFault(err error) bool {
	var cert *tls.CertificateVerificationError
	return !errors.As(err, &cert) && !errors.Is(err, errBodyTooLarge) && !errors.Is(err, http.ErrSchemeMismatch)
}
