package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryRequestIsASpanNamedByItsRoute(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, func(string) string { return "" }, nil))
	assert.Contains(t, out.String(), "span: GET /projects/:id/jobs, ")
	assert.Contains(t, out.String(), "span: GET /projects/:id/jobs/:job_id/trace, ")
	assert.Contains(t, out.String(), "read 10 bytes of the log of job ")
}

func TestAProjectWithoutAServerIsAnError(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	require.ErrorContains(t, run(t.Context(), new(strings.Builder), none, []string{"group/app"}), "set GITLAB_URL")
}
