package gitlabjobs

import (
	"errors"
	"fmt"
	"math"
)

// dedup removes the items that a listing has returned before.
//
// GitLab's lists descend by ID, so the last ID is enough: an item that is not below
// it has been returned, or was created since. Not every list descends, though: the jobs
// of a pipeline ascended before GitLab 13.5. A listing by offset therefore keeps all
// IDs until orderProof items have shown the order, and a list without an order keeps
// them to its end. A listing by keyset, which may be of any length, keeps none.
type dedup struct {
	ids   map[int64]struct{} // nil once the order is certain.
	order order
	last  int64 // The ID of the last item returned.
}

type order int

const (
	unknownOrder order = iota // Fewer than two items.
	descending
	ascending
	unordered
)

const orderProof = 1000

var errNoID = errors.New("the server's page has an item without an ID, so the listing cannot tell whether it repeats")

// newDedup returns the dedup of a list that descends.
func newDedup() dedup { return dedup{order: descending, last: math.MaxInt64} }

// forget starts over, with a list whose order is not known.
func (d *dedup) forget() { *d = dedup{ids: make(map[int64]struct{})} }

// trust stops keeping IDs, of a list that had an order so far.
func (d *dedup) trust() {
	switch {
	case len(d.ids) == 0 || d.order == unordered:
		return
	case d.order == unknownOrder:
		d.order = descending
	}
	d.ids = nil
}

// unseen returns the items that were not returned before. It reuses their slice.
func unseen[T any](d *dedup, items []*T, ids []int64) ([]*T, error) {
	kept := items[:0]
	for i, id := range ids {
		if i > 0 && d.ids == nil && (d.order == descending && id > ids[i-1] || d.order == ascending && id < ids[i-1]) {
			return nil, outOfOrder(id, ids[i-1])
		}
		if d.add(id) {
			kept = append(kept, items[i])
		}
	}
	return kept, nil
}

func outOfOrder(id, before int64) error {
	return fmt.Errorf("the server sent ID %d after ID %d, which is out of order or a repetition: the listing can't go on", id, before)
}

// add reports whether an ID was not returned before.
func (d *dedup) add(id int64) bool {
	if d.ids == nil {
		if d.order == descending && id >= d.last || d.order == ascending && id <= d.last {
			return false
		}
		d.last = id
		return true
	}
	if _, known := d.ids[id]; known {
		return false
	}
	direction := ascending
	if id < d.last {
		direction = descending
	}
	switch {
	case len(d.ids) == 0:
	case d.order == unknownOrder:
		d.order = direction
	case d.order != direction:
		d.order = unordered
	}
	d.ids[id], d.last = struct{}{}, id
	if len(d.ids) >= orderProof {
		d.trust()
	}
	return true
}
