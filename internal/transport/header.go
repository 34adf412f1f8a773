package transport

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// harmlessHeaders are the headers that are kept after a redirect to another origin. All
// others are removed, because an Authorize of the caller may use any header for a
// credential.
var harmlessHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Content-Type": true, "If-None-Match": true, "If-Modified-Since": true,
	"Range": true, "User-Agent": true,
}

// credentialHeaders are the headers of HTTP and GitLab that always contain a credential.
var credentialHeaders = []string{"Private-Token", "Job-Token", "Authorization", "Proxy-Authorization", "Cookie"}

// credentialParams are the query parameters of GitLab that contain a token.
var credentialParams = []string{"job_token", "private_token", "access_token"}

// isCredential reports whether a header always contains a credential.
func isCredential(key string) bool { return slices.Contains(credentialHeaders, key) }

// CheckHeader returns an error for a header that net/http would refuse when it sends the
// request, or that would make net/http repeat a write. The error begins with option, the
// source of the header. It does not contain the value, which may be a token.
func CheckHeader(option, key, value string) error {
	const punctuation = "!#$%&'*+-.^_`|~"
	for _, r := range key {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune(punctuation, r) {
			return fmt.Errorf("%s: %q is not a valid header name", option, key)
		}
	}
	if key == "" {
		return fmt.Errorf("%s: the header name is empty", option)
	}
	switch http.CanonicalHeaderKey(key) {
	case "Content-Length", "Transfer-Encoding", "Accept-Encoding":
		return fmt.Errorf("%s: %s is set by net/http: remove it", option, key)
	case "Idempotency-Key", "X-Idempotency-Key":
		// net/http repeats a write that has one of these headers. GitLab ignores them.
		return fmt.Errorf("%s: %s would make net/http repeat writes: remove it", option, key)
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("%s: the value of %s contains a control character", option, key)
		}
	}
	return nil
}
