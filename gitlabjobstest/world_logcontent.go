package gitlabjobstest

// content is the bytes of a body: first those that are made as they are read,
// then those that are held.
type content struct {
	made int64
	from int64 // Where the first made byte is in the whole.
	at   func(p []byte, off int64)
	held []byte
}

// Size, Generated and Part make a content a body of package delivery.

// Size returns the number of bytes.
func (c content) Size() int64 { return c.size() }

// Generated returns how many of them are made as they are read.
func (c content) Generated() int64 { return c.made }

func (c content) size() int64 { return c.made + int64(len(c.held)) }

// cut returns so many bytes from an offset on; a negative limit means the rest.
func (c content) cut(offset, limit int64) content {
	skip := min(offset, c.made)
	c.made, c.from = c.made-skip, c.from+skip
	c.held = c.held[min(offset-skip, int64(len(c.held))):]
	if limit < 0 {
		return c
	}
	c.made = min(c.made, limit)
	// The capacity goes too: what is put behind a body must not end up in the
	// log that it was cut from.
	n := min(limit-c.made, int64(len(c.held)))
	c.held = c.held[:n:n]
	return c
}

// Part returns at least one and at most n bytes from an offset on: held ones as
// they are, others in buf.
func (c content) Part(off, n int64, buf []byte) []byte {
	if off >= c.made {
		held := c.held[off-c.made:]
		return held[:min(n, int64(len(held)))]
	}
	p := buf[:min(n, c.made-off, int64(len(buf)))]
	c.at(p, c.from+off)
	return p
}

// lineWidth is the length of a numbered line, its end included.
const lineWidth = 64

// numberedLines is what a log of a given size says where a test does not: each
// line has its number, so that no part of it is like another, and each is as
// long as the others, so that any part can be made without what is before it.
func numberedLines(p []byte, off int64) {
	line := [lineWidth]byte([]byte("line 000000000000 of a log that is made up while it is read ...\n"))
	const first, last = 5, 16 // The number's digits.
	n := off/lineWidth + 1
	for i := last; i >= first; i-- {
		line[i] = byte('0' + n%10)
		n /= 10
	}
	skip := int(off % lineWidth)
	for {
		p = p[copy(p, line[skip:]):]
		if len(p) == 0 {
			return
		}
		skip = 0
		for i := last; i >= first; i-- {
			if line[i]++; line[i] <= '9' {
				break
			}
			line[i] = '0'
		}
	}
}
