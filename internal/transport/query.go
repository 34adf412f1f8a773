package transport

import (
	"net/url"
	"slices"
	"strings"
)

// A query is changed parameter by parameter, and never encoded again: the signature of an
// object storage's URL may depend on how its query is encoded.

// param is a parameter of a query, as it is and unescaped.
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

// unescapeQuery is url.QueryUnescape, and the text itself if that is not possible.
func unescapeQuery(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// addedParams returns the parameters of a query that were not in it before.
func addedParams(before, after string) []param {
	if before == after {
		return nil
	}
	was := params(before)
	return slices.DeleteFunc(params(after), func(p param) bool {
		return slices.ContainsFunc(was, func(q param) bool { return p.name == q.name && p.value == q.value })
	})
}

// withoutParams removes parameters from a query, and leaves the others as they are.
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

// SetParam sets a parameter of a URL's query, in place of others of its name.
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
