package gitlabjobs

import (
	"net/url"
	"slices"
	"strings"
)

// link is one link of a Link header, as RFC 8288 defines it.
type link struct {
	query     string   // Of its URL; the rest can name another host, and is not used.
	relations []string // In lower case.
}

func (l link) is(relation string) bool { return slices.Contains(l.relations, relation) }

// param returns a parameter of the URL's query, or "" if it is absent or can't be
// decoded. A ";" separates nothing.
func (l link) param(name string) string {
	for pair := range strings.SplitSeq(l.query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key, err := url.QueryUnescape(key); err != nil || key != name {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			return ""
		}
		return value
	}
	return ""
}

// parseLinks returns the links of Link headers. It reports false if a part of them
// can't be parsed.
func parseLinks(headers []string) (links []link, ok bool) {
	ok = true
	for _, rest := range headers {
		for rest = strings.TrimLeft(rest, " \t,"); rest != ""; rest = strings.TrimLeft(rest, " \t,") {
			l, after, parsed := parseLink(rest)
			if !parsed {
				ok = false
				break
			}
			links, rest = append(links, l), after
		}
	}
	return links, ok
}

// parseLink parses the first link of a header, up to the comma after it.
func parseLink(s string) (l link, rest string, ok bool) {
	target, rest, ok := strings.Cut(s, ">")
	if !ok || !strings.HasPrefix(target, "<") {
		return l, "", false
	}
	target, _, _ = strings.Cut(target, "#")
	_, l.query, _ = strings.Cut(target, "?")
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == ',' {
			return l, rest, true
		}
		if rest[0] != ';' {
			return l, "", false
		}
		var name, value string
		if name, value, rest, ok = parseParam(rest[1:]); !ok {
			return l, "", false
		}
		if name == "rel" && l.relations == nil { // Of several, the first counts.
			l.relations = append([]string{}, strings.Fields(strings.ToLower(value))...)
		}
	}
}

// parseParam parses a parameter: a name, and a value that may be absent or quoted.
func parseParam(s string) (name, value, rest string, ok bool) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return "", "", "", true
	}
	name, rest = strings.ToLower(strings.Trim(s[:end], " \t")), s[end:]
	if rest[0] != '=' {
		return name, "", rest, true
	}
	rest = strings.TrimLeft(rest[1:], " \t")
	if strings.HasPrefix(rest, `"`) {
		value, rest, ok = parseQuoted(rest[1:])
		return name, value, rest, ok
	}
	end = strings.IndexAny(rest+",", ";,")
	return name, strings.Trim(rest[:end], " \t"), rest[end:], true
}

// parseQuoted parses a quoted string, after its first quote.
func parseQuoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
