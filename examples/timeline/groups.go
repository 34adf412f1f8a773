package main

import "regexp"

// matrixEnd is what GitLab appends to the name of a job that it made several of: "2/3" for parallel, "[linux, amd64]" for a
// matrix. Names such as "rspec 2 3" and "rspec:2:3" count as well.
var matrixEnd = regexp.MustCompile(`[\s:]+(\[.*\]|\d+[\s:/\\]+\d+)\s*$`)

// groupOf is the name that the jobs of a matrix have in common; it is empty for a job that is not of a matrix.
func groupOf(name string) string {
	group := name
	for range 3 { // GitLab looks that often.
		group = matrixEnd.ReplaceAllString(group, "")
	}
	if group == name {
		return ""
	}
	return group
}
