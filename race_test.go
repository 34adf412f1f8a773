//go:build race

package gitlabjobs_test

// The race detector makes the largest tests ten times as slow; they are run in
// full without it.
func init() { large, largeLog, watchedJobs = 10_000, min(largeLog, 128<<20), 150 }
