package gitlabjobs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goBlock matches a block of Go code and the comment before it, which names its source.
var goBlock = regexp.MustCompile("(?s)(?:<!-- ([^\n]*) -->\n)?```go\n(.*?)```")

// The comment before each block of Go code names its source: a file, or an Example without
// its first paragraph and its output. A block that is a program needs no comment, because
// .ci/newcomer builds it.
func TestDocumentsShowTestedCode(t *testing.T) {
	t.Parallel()
	examples := exampleBodies(t)
	for _, document := range []string{"README.md", "docs/recipes.md"} {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		blocks := goBlock.FindAllStringSubmatch(string(text), -1)
		require.NotEmpty(t, blocks, document)
		for _, block := range blocks {
			source, code := block[1], block[2]
			switch {
			case strings.HasPrefix(source, "Example"):
				assert.Equal(t, examples[source], code, "%s: %s", document, source)
			case source == "":
				assert.True(t, document == "README.md" && strings.HasPrefix(code, "package main\n"), "%s: no source is named for:\n%s", document, code)
			default:
				file, err := os.ReadFile(source)
				require.NoError(t, err, document)
				assert.Contains(t, string(file), code, "%s: %s", document, source)
			}
		}
	}
}

// exampleBodies returns the bodies of the Examples by name, without their output and their
// first paragraph, which is the setup.
func exampleBodies(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("example*_test.go")
	require.NoError(t, err)
	bodies := make(map[string]string)
	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, source, parser.ParseComments)
		require.NoError(t, err)
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
	}
	return bodies
}

func TestTheREADMEIsShort(t *testing.T) {
	t.Parallel()
	assert.LessOrEqual(t, len(strings.Fields(prose(t, "README.md"))), 900, "words outside code blocks")
}

// prose returns a document without its code blocks and comments.
func prose(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	return regexp.MustCompile("(?s)```.*?```|<!--.*?-->").ReplaceAllString(string(text), "")
}

// The targets of links between documents, and to files and directories, exist.
func TestLinksInDocuments(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("*.md")
	require.NoError(t, err)
	more, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	anchors := make(map[string]map[string]bool)
	for _, document := range append(documents, more...) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		anchors[document] = make(map[string]bool)
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
			name := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(heading[1]), "")
			anchors[document][strings.ReplaceAll(name, " ", "-")] = true
		}
	}
	for document := range anchors {
		text := regexp.MustCompile("`[^`\n]*`").ReplaceAllString(prose(t, document), "")
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(link[1], "#")
			target := document
			if path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(document), path))
				_, err := os.Stat(target)
				require.NoError(t, err, "%s links to %s", document, link[1])
			}
			if anchor != "" {
				assert.True(t, anchors[target][anchor], "%s links to %s", document, link[1])
			}
		}
	}
}
