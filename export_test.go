package gitlabjobs

import "example.com/gitlabjobs/internal/transport"

// OwnTransport is the transport of a client without WithHTTPClient. Its base trusts a
// test's certificate.
var OwnTransport = transport.OwnTransport
