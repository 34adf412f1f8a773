package gitlabjobs

// OwnTransport is the transport of a client without WithHTTPClient, on a base that
// trusts a test's certificate.
var OwnTransport = ownTransport

// Gates is the number of rate limits that a client knows of.
func Gates(c *Client) int { return len(c.gates.gates) }
