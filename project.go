package gitlabjobs

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Project names a project: by its id, "42", or by its full path,
// "group/subgroup/app". Write the path as it is: the package escapes it.
type Project string

// ProjectID names a project by its id, a positive number.
func ProjectID(id int64) Project { return Project(strconv.FormatInt(id, 10)) }

// pathArg is what stands for a placeholder of a route.
type pathArg interface {
	// escape returns the argument as one segment of a path. name is the
	// placeholder's, for the error.
	escape(name string) (string, error)
}

func (p Project) escape(string) (string, error) {
	s := string(p)
	if id, err := strconv.ParseInt(s, 10, 64); err == nil && s[0] != '+' {
		return number(id).escape("project")
	}
	switch {
	case s == "":
		return "", fmt.Errorf(`project is empty: give its id, "42", or its full path, "group/app"`)
	case strings.Contains(s, "://"):
		return "", fmt.Errorf(`project %q: give its full path, "group/app", without scheme and host`, s)
	case strings.Contains(strings.ToLower(s), "%2f"):
		return "", fmt.Errorf(`project %q: give the path unescaped, "group/app"`, s)
	case !strings.Contains(s, "/"):
		return "", fmt.Errorf(`project %q: neither a number nor a full path: give its id, "42", or "group/app"`, s)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", fmt.Errorf("project %q: a path holds no control characters", s)
	}
	segments := strings.Split(s, "/")
	for i, segment := range segments {
		switch segment {
		case "", ".", "..":
			return "", fmt.Errorf(`project %q: give a full path such as "group/app", with no empty part, "." or ".."`, s)
		case "-":
			return "", fmt.Errorf(`project %q: give the project's own path, "group/app": what follows "/-/" belongs to a page of it`, s)
		}
		segments[i] = url.PathEscape(segment)
	}
	return strings.Join(segments, "%2F"), nil
}

// number is an id in a path.
type number int64

func (n number) escape(name string) (string, error) {
	if n <= 0 {
		return "", fmt.Errorf("%s is %d: an id is a positive number", name, n)
	}
	return strconv.FormatInt(int64(n), 10), nil
}
