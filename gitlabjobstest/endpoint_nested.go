package gitlabjobstest

import (
	"net/url"
	"sort"
	"strings"
)

// parameters are the parameters of a request, nested as GitLab's framework
// parses them. A value is a string, []any or parameters. In JSON it can also be a
// json.Number, a bool or nil.
type parameters map[string]any

// parseParameters parses a query or a form. It returns false if a name has values
// of two types, as in "a=1&a[]=2", or if the escaping is invalid.
func parseParameters(raw string) (parameters, bool) {
	p := parameters{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, false
		}
		if !p.add(name, value) {
			return nil, false
		}
	}
	return p, true
}

// add adds a value with a name such as "a", "a[]", "a[b]" or "a[][b]". It returns
// false if the name already has a value of another type.
func (p parameters) add(name, value string) bool {
	key, rest := name, ""
	if i := strings.IndexByte(strings.TrimLeft(name, "[]"), '['); i >= 0 {
		i += len(name) - len(strings.TrimLeft(name, "[]"))
		key, rest = name[:i], name[i:]
	}
	key = strings.Trim(key, "[]")
	switch {
	case key == "":
		return true
	case rest == "":
		p[key] = value
		return true
	case rest == "[]":
		list, ok := p.listAt(key)
		p[key] = append(list, value)
		return ok
	case strings.HasPrefix(rest, "[]"):
		list, ok := p.listAt(key)
		if !ok {
			return false
		}
		child := strings.TrimPrefix(rest, "[]")
		if n := len(list); n > 0 {
			if last, isObject := list[n-1].(parameters); isObject && !last.has(child) {
				return last.add(child, value)
			}
		}
		object := parameters{}
		p[key] = append(list, object)
		return object.add(child, value)
	default:
		object, ok := p[key].(parameters)
		if !ok {
			if _, exists := p[key]; exists {
				return false
			}
			object = parameters{}
			p[key] = object
		}
		return object.add(strings.Replace(rest[1:], "]", "", 1), value)
	}
}

// listAt returns the list at a key. It returns false if the key has a value of
// another type.
func (p parameters) listAt(key string) ([]any, bool) {
	v, exists := p[key]
	list, ok := v.([]any)
	return list, ok || !exists
}

// has reports whether a name such as "[b]" has a value.
func (p parameters) has(name string) bool {
	_, ok := p[strings.Trim(name, "[]")]
	return ok
}

// encode encodes the parameters as a query, ordered by name.
func (p parameters) encode() string {
	var parts []string
	for _, k := range sortedKeys(p) {
		parts = appendQuery(parts, url.QueryEscape(k), p[k])
	}
	return strings.Join(parts, "&")
}

func appendQuery(parts []string, name string, value any) []string {
	switch v := value.(type) {
	case parameters:
		for _, k := range sortedKeys(v) {
			parts = appendQuery(parts, name+"%5B"+url.QueryEscape(k)+"%5D", v[k])
		}
	case []any:
		for _, item := range v {
			parts = appendQuery(parts, name+"%5B%5D", item)
		}
	case string:
		parts = append(parts, name+"="+url.QueryEscape(v))
	}
	return parts
}

func sortedKeys[M ~map[string]V, V any](m M) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
