package gitlabjobs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/gitlabjobs"
)

// Every endpoint is in the library, the table of endpoint tests, the fault table, the fake
// server and docs/promises.md.
func TestTheListsOfEndpointsAgree(t *testing.T) {
	t.Parallel()
	documented, documentedMethods := endpointsInDocument(t)

	tested := make(map[string]bool)
	for _, e := range endpoints {
		tested[e.method+" "+e.route] = true
	}
	assert.Equal(t, documented, tested, "docs/promises.md and the endpoints of endpoints_test.go")

	inFaultTable, served := make(map[string]bool), make(map[string]bool)
	for _, m := range methods {
		name := m.name
		if !strings.Contains(name, ".") {
			name = "Jobs." + name
		}
		inFaultTable[name] = true
		w := newWorld(t, m)
		require.NoError(t, m.call(t.Context(), w.srv.ClientWithAuth(w.auth), w.id), m.name)
		for _, request := range w.srv.Requests() {
			served[request.Method+" "+request.Route] = true
		}
	}
	assert.Equal(t, documented, served, "docs/promises.md and the requests of the fault table, as the fake server routes them")

	// Methods that combine other methods have no endpoint.
	composed := map[string]bool{
		"Jobs.Failed": true, "Jobs.FollowTrace": true, "Jobs.RetryFailed": true,
		"Jobs.Wait": true, "Jobs.WaitPipeline": true, "Jobs.Watch": true,
	}
	for service, of := range map[string]reflect.Type{
		"Jobs": reflect.TypeFor[*gitlabjobs.JobsService](), "Bridges": reflect.TypeFor[*gitlabjobs.BridgesService](),
		"JobToken": reflect.TypeFor[*gitlabjobs.JobTokenService](),
	} {
		for method := range of.Methods() {
			name := service + "." + method.Name
			if !composed[name] {
				assert.True(t, documentedMethods[name], "docs/promises.md lacks %s", name)
				assert.True(t, inFaultTable[name], "the fault table lacks %s", name)
			}
			delete(documentedMethods, name)
		}
	}
	assert.Empty(t, documentedMethods, "docs/promises.md has methods that do not exist")

	routes := map[string]bool{
		"/projects/:id/pipelines/:pipeline_id":              true, // Only for the status of a pipeline.
		"/projects/:id/pipelines/:pipeline_id/trigger_jobs": true, // The newer name of the bridges route.
	}
	for endpoint := range documented {
		_, route, _ := strings.Cut(endpoint, " ")
		routes[route] = true
	}
	assert.Equal(t, routes, routesInSource(t), "docs/promises.md and the routes in the library")
}

// endpointsInDocument returns the endpoints and the methods of the table in
// docs/promises.md.
func endpointsInDocument(t *testing.T) (endpoints, methods map[string]bool) {
	t.Helper()
	text, err := os.ReadFile("docs/promises.md")
	require.NoError(t, err)
	endpoints, methods = make(map[string]bool), make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]*)` \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1) {
		endpoints[row[1]] = true
		for method := range strings.SplitSeq(row[2], ", ") {
			methods[strings.Trim(method, "`")] = true
		}
	}
	require.NotEmpty(t, endpoints)
	return endpoints, methods
}

// routesInSource returns the string literals of the library that are routes.
func routesInSource(t *testing.T) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	route := regexp.MustCompile(`^/(projects/:id|job)(/[\w:]+)*$`)
	routes := make(map[string]bool)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if value, err := strconv.Unquote(literal.Value); err == nil && route.MatchString(value) {
					routes[value] = true
				}
			}
			return true
		})
	}
	return routes
}
