package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThePageAllowsOnlyItsOwnStyleAndScript(t *testing.T) {
	t.Parallel()
	page, err := drawHTML(demoTimeline(t))
	require.NoError(t, err)
	text := string(page)

	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(text)
	require.NotNil(t, policy)
	rules := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1])
	assert.Contains(t, rules, "default-src 'none'")
	assert.NotContains(t, rules, "unsafe")
	for _, kind := range []string{"style", "script"} {
		parts := regexp.MustCompile(`(?s)<`+kind+`>(.*?)</`+kind+`>`).FindAllStringSubmatch(text, -1)
		require.Len(t, parts, 1, kind) // The data is in a <script> with a type, which is not executed.
		sum := sha256.Sum256([]byte(parts[0][1]))
		assert.Contains(t, rules, kind+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}

	assert.NotRegexp(t, `<[^>]*\s(src|on[a-z]+|style)=|@import|url\(`, text)
	assert.Less(t, strings.Index(text, "Content-Security-Policy"), strings.Index(text, "<style"), "a policy does not apply to the elements before it")
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		assert.Regexp(t, `^(#sign-|data:,$|https://gitlab\.example\.com/)`, link[1])
	}
}

func TestUntrustedTextIsEscapedInThePage(t *testing.T) {
	t.Parallel()
	page, err := drawHTML(hostileTimeline())
	require.NoError(t, err)
	text := string(page)
	assert.Equal(t, 2, strings.Count(text, "<script"))
	assert.Equal(t, 2, strings.Count(text, "</script"))
	assert.Equal(t, 1, strings.Count(text, "</title>"))
	assert.Equal(t, 1, strings.Count(text, "</style>"))
	assert.NotContains(t, text, "<img")
	assert.NotContains(t, text, `href="javascript:`)
	assert.Contains(t, text, "&lt;script&gt;window.pwned = 1&lt;/script&gt;")
	assert.Contains(t, text, "{{.Title}} ${1}")

	script := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(text)
	require.NotNil(t, script)
	var data pageData
	require.NoError(t, json.Unmarshal([]byte(script[1]), &data))
	names := make(map[string]bool)
	for _, j := range data.Jobs {
		names[j.Name] = true
		assert.Empty(t, j.URL)
	}
	assert.True(t, names[hostileNames[0]] && names[hostileNames[11]], "the names are unchanged")
}

func TestThePageHasATableWithoutJavaScript(t *testing.T) {
	t.Parallel()
	page, err := drawHTML(demoTimeline(t))
	require.NoError(t, err)
	text := string(page)
	rows := regexp.MustCompile(`(?s)<tr><th scope="row">(.*?)</tr>`).FindAllString(text, -1)
	require.Len(t, rows, 25)
	assert.Contains(t, rows[0], `<a href="https://gitlab.example.com/group/app/-/jobs/`)
	for _, part := range []string{"compile", "success", "build", "4711 of group/app", "4s", "1m 18s", "2026-03-02 09:30:04 UTC", "linux-large-1"} {
		assert.Contains(t, rows[0], part)
	}
	assert.Contains(t, text, `<h1><svg class="disc running" role="img" aria-label="running"><use href="#sign-running"/></svg><a href="https://gitlab.example.com/group/app/-/pipelines/4711"`)
	assert.Contains(t, text, `<section id="chart" hidden`, "the chart needs the script")
	assert.NotContains(t, text, `<section id="table" hidden`)
}
