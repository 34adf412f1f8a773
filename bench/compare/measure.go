package main

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"
)

// side is one of the implementations that are compared.
type side func() error

// sample is the average cost of one operation in a run.
type sample struct{ time, bytes, allocs float64 }

// samples has the runs of one side.
type samples []sample

// of returns the median of one figure and its spread: half of the interquartile range as a
// share of the median.
func (s samples) of(f func(sample) float64) (median, spread float64) {
	values := make([]float64, len(s))
	for i, x := range s {
		values[i] = f(x)
	}
	return center(values)
}

func center(values []float64) (median, spread float64) {
	slices.Sort(values)
	at := func(q float64) float64 {
		x := q * float64(len(values)-1)
		i := int(x)
		if i+1 == len(values) {
			return values[i]
		}
		return values[i] + (x-float64(i))*(values[i+1]-values[i])
	}
	median = at(0.5)
	if median != 0 {
		spread = (at(0.75) - at(0.25)) / 2 / median
	}
	return median, spread
}

// interleave runs the sides alternately, with n operations per run. Each round begins with
// another side. The garbage collector runs before each run.
func interleave(runs, n int, sides ...side) ([]samples, error) {
	found := make([]samples, len(sides))
	for _, s := range sides { // Connections, caches and pools.
		if err := s(); err != nil {
			return nil, err
		}
	}
	for turn := range runs {
		for i := range sides {
			at := (turn + i) % len(sides)
			x, err := measure(n, sides[at])
			if err != nil {
				return nil, err
			}
			found[at] = append(found[at], x)
		}
	}
	return found, nil
}

func measure(n int, f side) (sample, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range n {
		if err := f(); err != nil {
			return sample{}, err
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	per := func(total uint64) float64 { return float64(total) / float64(n) }
	return sample{float64(took) / float64(n), per(after.TotalAlloc - before.TotalAlloc), per(after.Mallocs - before.Mallocs)}, nil
}

const heapBytes = "/memory/classes/heap/objects:bytes"

// peakHeap returns the maximum growth of the heap while f runs, including garbage that has
// not been collected.
func peakHeap(f side) (float64, error) {
	runtime.GC()
	s := []metrics.Sample{{Name: heapBytes}}
	read := func() uint64 { metrics.Read(s); return s[0].Value.Uint64() }
	before := read()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			most = max(most, read())
			select {
			case <-done:
				peak <- max(most, read())
				return
			case <-time.After(500 * time.Microsecond):
			}
		}
	}()
	err := f()
	close(done)
	return float64(max(<-peak, before) - before), err
}

// peaks returns the median growth of the heap for each side.
func peaks(runs int, sides ...side) (medians, spreads []float64, err error) {
	found := make([][]float64, len(sides))
	for range runs {
		for i, s := range sides {
			p, err := peakHeap(s)
			if err != nil {
				return nil, nil, err
			}
			found[i] = append(found[i], p)
		}
	}
	for _, f := range found {
		m, s := center(f)
		medians, spreads = append(medians, m), append(spreads, s)
	}
	return medians, spreads, nil
}

func timeOf(s sample) float64   { return s.time }
func bytesOf(s sample) float64  { return s.bytes }
func allocsOf(s sample) float64 { return s.allocs }

func duration(ns float64) string {
	switch {
	case ns >= 1e9:
		return fmt.Sprintf("%.2f s", ns/1e9)
	case ns >= 1e6:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	default:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
}

func size(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", n/1e6)
	default:
		return fmt.Sprintf("%.1f kB", n/1e3)
	}
}

func count(n float64) string { return fmt.Sprintf("%.0f", n) }
