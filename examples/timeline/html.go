package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// scripts are the parts of the page's script in the order of their dependencies.
var scripts = []string{"rows.js", "chart.js", "tip.js", "keys.js", "start.js"}

// drawHTML draws a timeline as a page. Its content security policy allows only the page's own
// style and script, by their hashes.
func drawHTML(tl *timeline) ([]byte, error) {
	css, err := pageFile("page.css")
	if err != nil {
		return nil, err
	}
	css = variables() + classes() + css
	var script strings.Builder
	script.WriteString(`"use strict";` + "\n")
	for _, name := range scripts {
		part, err := pageFile(name)
		if err != nil {
			return nil, err
		}
		script.WriteString(part)
	}
	data := tl.data()
	text, err := json.Marshal(data) // Marshal escapes <, > and &, so the text is safe in a <script> element.
	if err != nil {
		return nil, err
	}
	skeleton, err := template.ParseFS(pageFiles, "page/page.html")
	if err != nil {
		return nil, err
	}
	lead, parts := tl.criticalText()
	var defs canvas
	signs(&defs)
	var out bytes.Buffer
	err = skeleton.Execute(&out, map[string]any{
		"Title":    tl.title(),
		"URL":      tl.root.url,
		"Look":     tl.rootLook(),
		"Status":   clean(string(tl.root.status)),
		"Summary":  strings.Split(tl.summary(), "  ·  "),
		"Critical": []string{lead, parts},
		"Live":     tl.live,
		"Retried":  tl.retried(),
		"Note":     tl.root.note(),
		"Legend":   tl.legend(),
		"Signs":    template.HTML(defs.String()), //nolint:gosec // Escaped by canvas.
		"Table":    data.table(),
		"Policy":   "default-src 'none'; img-src data:; style-src " + hashOf(css) + "; script-src " + hashOf(script.String()) + "; base-uri 'none'; form-action 'none'",
		"Style":    template.CSS(css),            //nolint:gosec // Files of this program.
		"Script":   template.JS(script.String()), //nolint:gosec // Files of this program.
		"Data":     template.JS(text),            //nolint:gosec // JSON without <, > and &.
	})
	return out.Bytes(), err
}

func pageFile(name string) (string, error) {
	text, err := pageFiles.ReadFile("page/" + name)
	return string(text), err
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// rootLook returns the class of the first pipeline's status, or "" if it is unknown.
func (tl *timeline) rootLook() string {
	if tl.root.status == "" {
		return ""
	}
	return lookOf(tl.root.status, false).class
}

// retried reports whether a job had more than one attempt.
func (tl *timeline) retried() bool {
	for b := range tl.root.all {
		if b.attempts > 1 {
			return true
		}
	}
	return false
}

type legendEntry struct{ Class, Label string }

// legend returns the entries of the legend.
func (tl *timeline) legend() []legendEntry {
	used := make(map[string]bool)
	for b := range tl.root.all {
		used[b.look().class] = true
	}
	var all []legendEntry
	for _, l := range looks {
		if used[l.class] {
			all = append(all, legendEntry{l.class, l.label})
		}
	}
	return all
}

// tableRow is a row of the page's table: an attempt.
type tableRow struct {
	Name, URL, Look, Status, Attempt, Stage, Pipeline, Runner, Queued, Ran, Started string
}

func (d *pageData) table() []tableRow {
	var all []tableRow
	for _, j := range d.Jobs {
		row := tableRow{
			Name: j.Name, URL: j.URL, Look: j.Look, Status: j.Status, Stage: j.Stage, Pipeline: d.Pipelines[j.Pipeline].Name,
			Runner: j.Runner, Queued: j.Waited, Ran: j.Ran,
		}
		for _, detail := range j.Details {
			switch detail[0] {
			case "Attempt":
				row.Attempt = detail[1]
			case "Started":
				row.Started = detail[1]
			}
		}
		all = append(all, row)
	}
	return all
}
