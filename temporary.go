package gitlabjobs

import (
	"crypto/tls"
	"errors"
	"net/http"
)

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
		return response.page || temporaryStatus(response.StatusCode)
	}
	noResponse, ok := errors.AsType[*callError](err)
	return ok && noResponse.temporary
}

// temporaryStatus reports whether a server may soon respond to the same request with
// another status.
func temporaryStatus(status int) bool {
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
