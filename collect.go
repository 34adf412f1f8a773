package gitlabjobs

import (
	"fmt"
	"iter"
	"time"
)

// Collect gathers the items of an iterator, at most so many of them; 0 is for all.
// It stops there, and asks for no page more. With an error it returns what came
// before.
func Collect[T any](items iter.Seq2[*T, error], most int) ([]*T, error) {
	if most < 0 {
		return nil, fmt.Errorf("gitlabjobs: Collect: %d is no number of items: give how many at most, or 0 for all", most)
	}
	var collected []*T
	for item, err := range items {
		if err != nil {
			return collected, err
		}
		collected = append(collected, item)
		if len(collected) == most {
			break
		}
	}
	return collected, nil
}

// CreatedAfter ends an iterator over jobs, newest first, at the first job that was
// created at t or before: what is older is not asked for. A job that does not say
// when it was created is passed on.
func CreatedAfter(jobs iter.Seq2[*Job, error], t time.Time) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		for job, err := range jobs {
			if err == nil && !job.CreatedAt.IsZero() && !job.CreatedAt.After(t) {
				return
			}
			if !yield(job, err) {
				return
			}
		}
	}
}
