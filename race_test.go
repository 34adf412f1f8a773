//go:build race

package gitlabjobs_test

// The race detector makes the largest tests ten times slower, so they are smaller with it.
func init() { large, largeLog, watchedJobs = 10_000, min(largeLog, 128<<20), 150 }
