package gitlabjobs

import (
	"errors"
	"fmt"
	"math"
)

// dedup removes the items that a listing has returned before.
//
// A keyset listing descends by ID, so the last ID is enough: an item that is not below it
// has been returned, or was created since. An offset listing may have any order, and its
// pages shift, so all IDs are kept. GitLab ends it at 50,000 jobs of a project.
type dedup struct {
	below int64              // An item with this ID or a higher one is not new.
	ids   map[int64]struct{} // Of the items of an offset listing; nil for a keyset listing.

	last       int64 // The ID of the last item of an offset listing.
	disordered bool  // The offset listing does not descend.
}

var errNoID = errors.New("the server's page has an item without an ID, so the listing cannot tell whether it repeats")

func newDedup() dedup { return dedup{below: math.MaxInt64} }

// useOffset is called before each page of an offset listing, which may continue a keyset
// listing.
func (d *dedup) useOffset() {
	if d.ids == nil {
		d.ids, d.last = make(map[int64]struct{}), d.below
	}
}

// continueByKeyset is called when an offset listing continues by keyset. The last ID is
// enough if the listing descends so far.
func (d *dedup) continueByKeyset() {
	if d.ids != nil && !d.disordered {
		d.ids, d.below = nil, d.last
	}
}

// unseen returns the items that were not returned before. It reuses their slice.
func unseen[T any](d *dedup, items []*T, ids []int64) []*T {
	kept := items[:0]
	for i, id := range ids {
		if d.add(id) {
			kept = append(kept, items[i])
		}
	}
	return kept
}

func outOfOrder(id, before int64) error {
	return fmt.Errorf("the server sent ID %d after ID %d, which is out of order or a repetition: the listing can't go on", id, before)
}

// add reports whether an ID was not returned before.
func (d *dedup) add(id int64) bool {
	if id >= d.below {
		return false
	}
	if d.ids == nil {
		d.below = id
		return true
	}
	if _, known := d.ids[id]; known {
		return false
	}
	d.disordered = d.disordered || id > d.last
	d.ids[id], d.last = struct{}{}, id
	return true
}
