package main

import (
	"fmt"
	"strings"
)

// row is one figure. Values that do not apply are zero.
type row struct {
	figure              string
	unit                func(float64) string
	ours, theirs, floor float64
	spread              float64 // The larger of the spreads of ours and theirs.
	atMost              float64 // Of theirs.
	atMostOfFloor       float64
	atMostItself        float64 // In the unit of the figure.
}

func (r row) target() (text string, met bool) {
	var parts []string
	met = true
	if r.atMost > 0 {
		parts = append(parts, fmt.Sprintf("≤ %.2f of theirs", r.atMost))
		met = met && r.ours <= r.atMost*r.theirs
	}
	if r.atMostOfFloor > 0 {
		parts = append(parts, fmt.Sprintf("≤ %.2f of the floor", r.atMostOfFloor))
		met = met && r.ours <= r.atMostOfFloor*r.floor
	}
	if r.atMostItself > 0 {
		parts = append(parts, "≤ "+r.unit(r.atMostItself))
		met = met && r.ours <= r.atMostItself
	}
	return strings.Join(parts, ", "), met
}

func printTable(rows []row) {
	fmt.Println("| figure | ours | theirs | ratio | floor | ratio to the floor | spread | target | met |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|---|---|")
	for _, r := range rows {
		floor, toFloor := "", ""
		if r.floor > 0 {
			floor, toFloor = r.unit(r.floor), fmt.Sprintf("%.2f", r.ours/r.floor)
		}
		target, ok := r.target()
		met := map[bool]string{true: "yes", false: "no"}[ok]
		if target == "" {
			met = ""
		}
		fmt.Printf("| %s | %s | %s | %.3f | %s | %s | ± %.0f%% | %s | %s |\n", r.figure,
			r.unit(r.ours), r.unit(r.theirs), r.ours/r.theirs, floor, toFloor, 100*r.spread, target, met)
	}
}
