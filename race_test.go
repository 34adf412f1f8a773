//go:build race

package gitlabjobs_test

// The race detector makes the largest tests ten times slower. They run at full size
// without it.
func init() { large, largeLog, watchedJobs = 10_000, min(largeLog, 128<<20), 150 }
