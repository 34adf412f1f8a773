package transport

import (
	"net/url"
	"slices"
	"strings"
)

// The functions below change single parameters of a query without encoding the others
// again, because the signature in the URL of an object storage may depend on the encoding.

// param is a parameter of a query, in its raw form and unescaped.
type param struct{ raw, name, value string }

func params(query string) []param {
	if query == "" {
		return nil
	}
	var list []param
	for raw := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(raw, "=")
		list = append(list, param{raw, unescapeQuery(name), unescapeQuery(value)})
	}
	return list
}

// unescapeQuery returns the unescaped form of s, or s itself if it is not a valid escaping.
func unescapeQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// addedParams compares two forms of a query and returns the parameters of the second that
// are not in the first.
func addedParams(before, after string) []param {
	if before == after {
		return nil
	}
	old := params(before)
	return slices.DeleteFunc(params(after), func(p param) bool {
		return slices.ContainsFunc(old, func(q param) bool { return p.name == q.name && p.value == q.value })
	})
}

// withoutParams removes the parameters for which drop returns true. It does not change the
// others.
func withoutParams(query string, drop func(param) bool) string {
	var kept []string
	all := params(query)
	for _, p := range all {
		if !drop(p) {
			kept = append(kept, p.raw)
		}
	}
	if len(kept) == len(all) {
		return query
	}
	return strings.Join(kept, "&")
}

// SetParam sets a parameter in the query of a URL. It removes existing parameters of that
// name.
func SetParam(u *url.URL, name, value string) {
	rest := withoutParams(u.RawQuery, func(p param) bool { return p.name == name })
	u.RawQuery = appendQuery(rest, name+"="+url.QueryEscape(value))
}

func appendQuery(query, part string) string {
	if query == "" {
		return part
	}
	return query + "&" + part
}
