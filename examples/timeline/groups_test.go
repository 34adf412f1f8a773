package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestJobsOfAMatrixHaveAGroup(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"unit 1/3": "unit", "unit: [linux, amd64]": "unit", "unit: [linux, amd64] 2/3": "unit", "rspec 1 2": "rspec", "rspec:1:2": "rspec",
		"deploy: [eu]": "deploy", "unit": "", "go 1.26": "", "build 2": "", "[linux]": "", "a 1/2 b": "",
	} {
		assert.Equal(t, want, groupOf(name), name)
	}
}
