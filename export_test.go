package gitlabjobs

// OwnTransport is the transport of a client without WithHTTPClient, on a base that
// trusts a test's certificate.
var OwnTransport = ownTransport
