package main

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThePageLetsNothingInButItself(t *testing.T) {
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
		require.Len(t, parts, 1, kind)
		sum := sha256.Sum256([]byte(parts[0][1]))
		assert.Contains(t, rules, kind+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}

	assert.NotRegexp(t, `\ssrc=|@import|url\(|\son[a-z]+=|\sstyle=`, text)
	assert.Less(t, strings.Index(text, "Content-Security-Policy"), strings.Index(text, "<style"), "what comes before a policy is not held to it")
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		assert.Regexp(t, `^(#sign-|data:,$|https://gitlab\.example\.com/)`, link[1])
	}
}

func TestStrangersTextsAreTextsInThePageToo(t *testing.T) {
	t.Parallel()
	page, err := drawHTML(hostileTimeline())
	require.NoError(t, err)
	text := string(page)
	assert.Equal(t, 1, strings.Count(text, "<script"))
	assert.Equal(t, 1, strings.Count(text, "</svg>"))
	assert.NotContains(t, text, "<img")
	assert.NotContains(t, text, `href="javascript:`)
	assert.Contains(t, text, "&lt;script&gt;window.pwned = 1&lt;/script&gt;")
	assert.Contains(t, text, "{{.Title}} ${1}")
}
