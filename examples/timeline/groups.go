package main

import "regexp"

// matrixEnd matches the suffix that GitLab appends to the names of parallel jobs: "2/3", or "[linux, amd64]" for a matrix. It
// also matches the suffixes in "rspec 2 3" and "rspec:2:3".
var matrixEnd = regexp.MustCompile(`[\s:]+(\[.*\]|\d+[\s:/\\]+\d+)\s*$`)

// groupOf returns the common name of the jobs of a matrix. It is empty for other jobs.
func groupOf(name string) string {
	group := name
	for range 3 { // As in GitLab.
		group = matrixEnd.ReplaceAllString(group, "")
	}
	if group == name {
		return ""
	}
	return group
}
