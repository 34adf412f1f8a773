package transport

import "time"

// Limits is the number of rate limits that a client knows of.
func Limits(c *Client) int { return len(c.gates.gates) }

// Traced reports whether the last attempt of a call was traced.
func Traced(c *Call) bool { return c.wire != nil }

// Spread and Unsaid are the random parts of waits.
func Spread(p Policy, asked time.Duration) time.Duration { return p.spread(asked) }

func Unsaid(p Policy) time.Duration { return p.unsaid() }

// Add adds a secret.
func (s *Secrets) Add(secret string) { s.add(secret) }

// InAddress reports whether the address of another server holds a secret.
func (s Secrets) InAddress(address string) bool { return s.inAddress(address) }
