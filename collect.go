package gitlabjobs

import (
	"fmt"
	"iter"
	"time"
)

// Collect returns the items of an iterator, at most the given number of them; 0 means
// all. It requests no page that it does not need. If the iterator yields an error, Collect
// returns it together with the items before it.
func Collect[T any](items iter.Seq2[*T, error], most int) ([]*T, error) {
	if most < 0 {
		return nil, fmt.Errorf("gitlabjobs: Collect: the number of items is %d: use a positive number, or 0 for all", most)
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

// CreatedAfter ends an iterator over jobs, newest first, before the first job that was
// created at t or earlier, and requests no older jobs. Jobs without a creation time are
// yielded. Jobs that were created earlier but changed after t are not found: use
// [JobsService.Watch] for changes.
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
