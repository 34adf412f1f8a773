package gitlabjobstest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// response is a response of GitLab or of the fake.
type response struct {
	status int
	header http.Header
	body   string
}

// comparedHeaders returns the headers whose values must be equal.
func comparedHeaders() []string {
	return []string{
		"X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "X-Total", "X-Total-Pages", "X-Next-Cursor", "X-Prev-Cursor",
		"Link", "Allow", "Www-Authenticate", "Location", "Content-Type", "Content-Disposition", "Etag",
	}
}

// comparer compares responses.
type comparer struct {
	// values also compares the values that the data set determines. Without it, the
	// comparer compares only keys and types, and null equals every type.
	values bool
}

// compare returns how two responses differ.
func (c comparer) compare(want, got response) (differences []string) {
	differ := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	if want.status != got.status {
		differ("status %d, not %d: %.200s, not %.200s", got.status, want.status, got.body, want.body)
		return differences
	}
	for _, name := range comparedHeaders() {
		w, g := normalizeHeader(name, want.header[name]), normalizeHeader(name, got.header[name])
		if w != g {
			differ("%s is %q, not %q", name, g, w)
		}
	}
	switch {
	case want.body == got.body:
	case want.status >= http.StatusBadRequest:
		differ("body %.300s, not %.300s", got.body, want.body)
	case strings.HasPrefix(want.header.Get("Content-Type"), "application/json"):
		var w, g any
		if err := json.Unmarshal([]byte(want.body), &w); err != nil {
			differ("the recorded body: %v", err)
		}
		if err := json.Unmarshal([]byte(got.body), &g); err != nil {
			differ("the body: %v", err)
		}
		c.json("", w, g, differ)
	case c.values:
		differ("body %.100q, not %.100q", got.body, want.body)
	}
	return differences
}

// linkHost matches the configured host of a server in Link.
var linkHost = regexp.MustCompile(`<https?://[^/>]+/`)

// opaque matches a cursor or a token in Link.
var opaque = regexp.MustCompile(`\b(cursor|[a-z]+_token)=[^&>]*`)

// normalizeHeader removes the parts of a header that differ between servers.
func normalizeHeader(name string, values []string) string {
	switch {
	case values == nil:
		return "(none)"
	case strings.HasSuffix(name, "-Cursor"), name == "Etag":
		return "(any)"
	case name == "Link":
		link := opaque.ReplaceAllString(strings.Join(values, ", "), "$1=*")
		return linkHost.ReplaceAllString(link, "</")
	default:
		return strings.Join(values, ", ")
	}
}

// isVolatile reports whether a value differs between runs or is not determined by
// the data set. Only the types of such values are compared.
func isVolatile(path string) bool {
	path = strings.TrimPrefix(path, ".")
	parts := strings.Split(path, ".")
	last := parts[len(parts)-1]
	for _, p := range parts[:len(parts)-1] {
		switch p {
		case "user", "commit", "runner", "runner_manager", "config_project":
			return true
		}
	}
	switch {
	// The recorded pipelines have fixed statuses, because GitLab's background jobs
	// that compute the statuses did not run.
	case last == "status" && len(parts) > 1 && strings.Contains(parts[len(parts)-2], "pipeline"):
		return true
	case strings.HasPrefix(path, "project.groups["):
		return true // The fake's group IDs are arbitrary.
	}
	switch last {
	case "duration", "queued_duration", "sha", "size", "iid":
		return true
	}
	return strings.HasSuffix(last, "_at")
}

// json compares decoded JSON.
func (c comparer) json(path string, want, got any, differ func(string, ...any)) {
	if !c.values && (want == nil || got == nil || strings.HasSuffix(path, "trailers") || strings.HasSuffix(path, ".configuration")) {
		return
	}
	if kind(want) != kind(got) {
		differ("%s is %s, not %s", path, kind(got), kind(want))
		return
	}
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		if w, g := keys(want), keys(got); !slices.Equal(w, g) {
			differ("%s has the keys %s, not %s", path, without(g, w), without(w, g))
		}
		for _, k := range keys(want) {
			if g, ok := got[k]; ok {
				c.json(path+"."+k, want[k], g, differ)
			}
		}
	case []any:
		got, _ := got.([]any)
		if len(want) != len(got) && (c.values || path == "") {
			differ("%s has %d items, not %d", path, len(got), len(want))
		}
		for i := range min(len(want), len(got)) {
			c.json(path+"["+strconv.Itoa(i)+"]", want[i], got[i], differ)
		}
	default:
		if c.values && !isVolatile(path) && want != got {
			differ("%s is %v, not %v", path, got, want)
		}
	}
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

func keys(m map[string]any) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	sort.Strings(all)
	return all
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}
