package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

var page = template.Must(template.New("page").Parse(pageHTML))

// drawHTML draws a timeline as a page. Its policy lets nothing in but its own style
// and its own script, by their hashes.
func drawHTML(tl *timeline) ([]byte, error) {
	css := style() + pageCSS
	var out bytes.Buffer
	err := page.Execute(&out, map[string]any{
		"Title":   (&drawing{tl: tl}).title(),
		"Policy":  "default-src 'none'; img-src data:; style-src " + hashOf(css) + "; script-src " + hashOf(pageJS) + "; base-uri 'none'; form-action 'none'",
		"Style":   template.CSS(css),           //nolint:gosec // A file of this program.
		"Script":  template.JS(pageJS),         //nolint:gosec // A file of this program.
		"Drawing": template.HTML(draw(tl, "")), //nolint:gosec // Escaped by canvas.
	})
	return out.Bytes(), err
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
