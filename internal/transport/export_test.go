package transport

import "time"

// Limits returns the number of rate limits that a client has recorded.
func Limits(c *Client) int { return len(c.gates.gates) }

// Traced reports whether the last attempt of a call was traced.
func Traced(c *Call) bool { return c.attemptTrace != nil }

// Jitter returns the random time that is added to a wait that the server asked for.
func Jitter(p Policy, asked time.Duration) time.Duration { return p.jitter(asked) }

// DefaultLimitWait returns the wait after a 429 that has none.
func DefaultLimitWait(p Policy) time.Duration { return p.defaultLimitWait() }

// Add adds a secret.
func (s *Secrets) Add(secret string) { s.add(secret) }

// InAddress reports whether the URL of another server contains a secret.
func (s Secrets) InAddress(address string) bool { return s.inAddress(address) }
