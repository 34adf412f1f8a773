package gitlabjobs

import "slices"

// seen knows which items of a list have come by, without keeping them: ids
// descend, so that the last one suffices. Before GitLab 13.5 the jobs of a pipeline
// ascended, which the first page tells.
type seen struct {
	ids   []int64 // Of the last page.
	last  int64   // 0 before the first item.
	order order
	known bool // The order has been seen.
	stale int  // Pages in a row with nothing new,
	again int  // and that were the same as the one before.
}

type order int

const (
	descending order = iota
	ascending
	unordered // Nothing can be told.
)

// maxStale bounds a listing that brings nothing new. New jobs shift the pages, so a
// few such pages are no fault of the server's.
const maxStale = 1000

// compare counts the pages that are the same as the one before. A single one may
// be: where as many jobs were created meanwhile as a page has.
func (s *seen) compare(ids []int64) {
	if len(ids) > 0 && slices.Equal(ids, s.ids) {
		s.again++
	} else {
		s.again = 0
	}
}

func (s *seen) before(id int64) bool {
	switch {
	case s.last == 0 || id == 0:
		return false
	case s.order == descending:
		return id >= s.last
	case s.order == ascending:
		return id <= s.last
	default:
		return false
	}
}

func (s *seen) learn(ids []int64) {
	if s.known || len(ids) < 2 {
		return
	}
	s.known = true
	up := slices.IsSorted(ids)
	down := slices.IsSortedFunc(ids, func(a, b int64) int { return int(max(min(b-a, 1), -1)) })
	switch {
	case down:
	case up:
		s.order = ascending
	default:
		s.order = unordered
	}
}

// fresh returns the items that have not come by before.
func fresh[T any](s *seen, items []*T, ids []int64) []*T {
	s.learn(ids)
	s.ids = ids
	kept := items[:0]
	for i, item := range items {
		if s.again > 0 || s.before(ids[i]) {
			continue
		}
		if ids[i] != 0 {
			s.last = ids[i]
		}
		kept = append(kept, item)
	}
	if len(kept) > 0 {
		s.stale = 0
	} else {
		s.stale++
	}
	return kept
}
