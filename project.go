package gitlabjobs

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// A Project identifies a project by its numeric ID ("42") or its full path
// ("group/subgroup/app"). Do not escape the path: the client escapes it.
type Project string

// ProjectID returns the Project with a numeric ID.
func ProjectID(id int64) Project { return Project(strconv.FormatInt(id, 10)) }

// pathArg is the value of a placeholder in a route.
type pathArg interface {
	// escape returns the argument as one segment of a path. name is the name of the
	// placeholder, for the error.
	escape(name string) (string, error)
}

func (p Project) escape(string) (string, error) {
	s := string(p)
	if id, err := strconv.ParseInt(s, 10, 64); err == nil && s[0] != '+' {
		return number(id).escape("project")
	}
	switch {
	case s == "":
		return "", fmt.Errorf(`project is empty: use its ID, such as "42", or its full path, such as "group/app"`)
	case strings.Contains(s, "://"):
		return "", fmt.Errorf(`project %q is a URL: use only the full path, such as "group/app"`, s)
	case strings.Contains(strings.ToLower(s), "%2f"):
		return "", fmt.Errorf(`project %q is escaped: use the path as it is, such as "group/app"`, s)
	case !strings.Contains(s, "/"):
		return "", fmt.Errorf(`project %q is neither a number nor a full path: use its ID, such as "42", or its full path, such as "group/app"`, s)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("project %q has a control character: remove it", s)
	}
	segments := strings.Split(s, "/")
	for i, segment := range segments {
		switch segment {
		case "", ".", "..":
			return "", fmt.Errorf(`project %q has an empty part, "." or "..": use the full path, such as "group/app"`, s)
		case "-":
			return "", fmt.Errorf(`project %q is the path of a page: use only the part before "/-/", such as "group/app"`, s)
		}
		segments[i] = url.PathEscape(segment)
	}
	return strings.Join(segments, "%2F"), nil
}

// number is an ID in a path.
type number int64

func (n number) escape(name string) (string, error) {
	if n <= 0 {
		return "", fmt.Errorf("%s is %d: IDs are positive numbers", name, n)
	}
	return strconv.FormatInt(int64(n), 10), nil
}
