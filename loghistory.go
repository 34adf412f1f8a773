package gitlabjobs

import (
	"errors"
	"hash/crc32"
	"hash/maphash"
	"io"
	"slices"
)

// logHistory describes the part of a log that was read, without keeping it. A reader
// that reconnects requests the end of that part again, to see that the log is the same.
//
// That end proves little if the same bytes also occur earlier, as progress bars and
// repeated lines do. So the history has the hashes of blocks of what was read, in regular
// spaces. The end is long enough that an earlier occurrence of it would contain one of
// these blocks; if no other block of the history is found in it, it occurs only once.
// The number of hashes is bounded: in a long log the spaces, and the end, are larger.
type logHistory struct {
	begin, next int64  // The part that was read.
	sum         uint32 // Its checksum.

	size, spacing int64    // A block of size bytes begins every spacing bytes.
	blocks        []uint64 // The hashes of the complete ones.
	hash          maphash.Hash
	marks         []logMark // Where the last blocks begin.
}

// logMark is a place in a log, and the checksum of what was read up to there.
type logMark struct {
	offset int64
	sum    uint32
}

const (
	maxBlocks = 8192
	maxMarks  = 6 // Enough for two blocks and a space after the spacing has doubled.

	// smallEnd is up to how many bytes everything that was read is compared.
	smallEnd = 1 << 10
)

func newLogHistory(begin, blockSize int64) logHistory {
	return logHistory{begin: begin, next: begin, size: blockSize, spacing: blockSize}
}

// castagnoli is the polynomial that processors know. The table is made once, by
// the standard library.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// add records the bytes that were read next.
func (h *logHistory) add(p []byte) {
	for len(p) > 0 {
		at := (h.next - h.begin) % h.spacing
		if at == 0 {
			h.marks = append(h.marks[max(0, len(h.marks)-maxMarks+1):], logMark{h.next, h.sum})
		}
		inBlock, left := at < h.size, h.spacing-at
		if inBlock {
			left = h.size - at
		}
		piece := p[:min(left, int64(len(p)))]
		p = p[len(piece):]
		h.next += int64(len(piece))
		h.sum = crc32.Update(h.sum, castagnoli(), piece)
		if inBlock {
			h.hash.Write(piece)
			if int64(len(piece)) == left {
				h.addBlock()
			}
		}
	}
}

func (h *logHistory) addBlock() {
	h.blocks = append(h.blocks, h.hash.Sum64())
	h.hash.Reset()
	if len(h.blocks) == maxBlocks {
		for i := range maxBlocks / 2 {
			h.blocks[i] = h.blocks[2*i]
		}
		h.blocks = h.blocks[:maxBlocks/2]
		h.spacing *= 2
	}
}

// end returns where the end begins that is compared.
func (h *logHistory) end() logMark {
	if h.next-h.begin > smallEnd {
		for _, mark := range slices.Backward(h.marks) {
			if h.next-mark.offset >= h.spacing+h.size {
				return mark
			}
		}
	}
	return logMark{offset: h.begin}
}

// matches reports whether r continues from the mark on as the part that was read, and
// whether that shows that the log is the same: if not, the same bytes may also occur
// earlier. An error is one of r, except for its end.
func (h *logHistory) matches(r io.Reader, mark logMark) (same, shown bool, err error) {
	c := endChecker{history: h, sum: mark.sum, offset: mark.offset}
	if mark.offset > h.begin {
		c.blocks = make(map[uint64]int64, len(h.blocks))
		for i, hash := range h.blocks {
			offset := h.begin + int64(i)*h.spacing
			if _, twice := c.blocks[hash]; twice {
				offset = -1
			}
			c.blocks[hash] = offset
		}
	}
	_, err = io.CopyN(&c, r, h.next-mark.offset)
	if errors.Is(err, io.EOF) {
		return false, false, nil
	}
	return err == nil && c.sum == h.sum, !c.repeated, err
}

// endChecker computes the checksum of an end, and looks for blocks of the history in it.
type endChecker struct {
	history  *logHistory
	sum      uint32
	blocks   map[uint64]int64 // Where a block is; -1 for more than one place.
	offset   int64            // Of rest.
	rest     []byte           // Shorter than a block.
	repeated bool
}

func (c *endChecker) Write(p []byte) (int, error) {
	c.sum = crc32.Update(c.sum, castagnoli(), p)
	if c.blocks == nil || c.repeated {
		return len(p), nil
	}
	c.rest = append(c.rest, p...)
	size := int(c.history.size)
	for ; len(c.rest) >= size; c.rest = c.rest[1:] {
		offset, found := c.blocks[maphash.Bytes(c.history.hash.Seed(), c.rest[:size])]
		if found && offset != c.offset {
			c.repeated = true
			break
		}
		c.offset++
	}
	return len(p), nil
}
