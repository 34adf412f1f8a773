package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// violation is a violation of a rule of axe-core, with its elements.
type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML, FailureSummary string
	}
}

func TestThePageHasNoAccessibilityViolations(t *testing.T) { //nolint:paralleltest // One browser at a time.
	path := os.Getenv("GITLABJOBS_AXE")
	if path == "" {
		t.Skip("it needs axe-core: set GITLABJOBS_AXE to the path of axe.min.js, which .ci/axe prints, and GITLABJOBS_BROWSER=1")
	}
	axe, err := os.ReadFile(path)
	require.NoError(t, err)
	s := newTestBrowser(t)
	check := func(what string) {
		t.Helper()
		s.evaluate(string(axe)+"; 0", new(int))
		var found []violation
		// All rules, including best practices and those that are off by default.
		s.evaluate(`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], rules: {"color-contrast-enhanced": {enabled: false}}}).then(r => r.violations)`, &found)
		for _, v := range found {
			for _, n := range v.Nodes {
				assert.Fail(t, what+": "+v.ID+": "+v.Help, n.HTML+"\n"+n.FailureSummary)
			}
		}
	}
	for _, screen := range []struct {
		name, scheme string
		width        int
	}{
		{"demo", "light", 1280},
		{"demo", "dark", 1280},
		{"demo", "light", 400},
		{"demo", "dark", 400},
		{"large", "light", 2560},
		{"large", "dark", 400},
		{"hostile", "dark", 1280},
		{"hostile", "light", 400},
		{"one", "light", 1280},
		{"empty", "dark", 400},
	} {
		s.show(screen.name+".html", screen.scheme, screen.width, 900)
		what := fmt.Sprintf("%s, %s, %d pixels", screen.name, screen.scheme, screen.width)
		check(what)
		if screen.width == 1280 && screen.name == "demo" {
			s.mouse(`.bar[data-job="1"]`, "mouseMoved")
			check(what + ", with a tip")
			s.click("#fold")
			check(what + ", folded")
			s.set("group", "runner")
			check(what + ", by runner")
			s.click("#failed")
			s.enter("nothing is called so")
			check(what + ", with nothing found")
			s.click("#all")
		}
		if screen.name == "demo" || screen.name == "hostile" {
			s.is(`(document.getElementById("astable").click(), true)`)
			check(what + ", as a table")
		}
	}
}
