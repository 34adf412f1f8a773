package gitlabjobs

import "example.com/gitlabjobs/internal/transport"

// NewTransport is the transport of a client without WithHTTPClient. Its base trusts a
// test's certificate.
var NewTransport = transport.NewTransport
