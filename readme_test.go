package gitlabjobs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snippet is a piece of Go in the README that an Example runs.
var snippet = regexp.MustCompile("(?s)<!-- (Example\\w*) -->\n```go\n(.*?)```")

// TestTheREADMEShowsTheExamples: each snippet is the body of its Example, without
// the first paragraph, which is the stage, and the output.
func TestTheREADMEShowsTheExamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	snippets := snippet.FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, snippets)
	bodies := exampleBodies(t, source)
	for _, s := range snippets {
		assert.Equal(t, bodies[s[1]], s[2], s[1])
	}
	// And no other Go stands there but for whole programs, and parts of them.
	for _, block := range regexp.MustCompile("(?s)(?:<!-- ([^\n]*) -->\n)?```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		whole := strings.HasPrefix(block[2], "package main")
		switch {
		case strings.HasPrefix(block[1], "Example"), whole && block[1] == "":
		default:
			file, err := os.ReadFile(block[1])
			require.NoError(t, err, block[2])
			program := string(file)
			if !whole {
				program = strings.ReplaceAll(program, "\n\t", "\n")
			}
			assert.Contains(t, program, block[2])
		}
	}
}

func exampleBodies(t *testing.T, source []byte) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "example_test.go", source, parser.ParseComments)
	require.NoError(t, err)
	bodies := make(map[string]string)
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
			continue
		}
		body := string(source[files.Position(f.Body.Lbrace).Offset+1 : files.Position(f.Body.Rbrace).Offset])
		if _, after, ok := strings.Cut(body, "\n\n"); ok {
			body = after
		}
		body, _, _ = strings.Cut(body, "\t// Output:")
		var lines []string
		for line := range strings.Lines(body) {
			lines = append(lines, strings.TrimPrefix(line, "\t"))
		}
		bodies[f.Name.Name] = strings.Join(lines, "")
	}
	return bodies
}
