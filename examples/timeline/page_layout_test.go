package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// tip is the text of the tooltip, and whether the tooltip is inside the window.
type tip struct {
	Hidden, Inside bool
	Text           string
}

func (s *testBrowser) tip() (it tip) {
	s.t.Helper()
	s.evaluate(`(() => { const tip = document.getElementById("tip"), b = tip.getBoundingClientRect();
		return {hidden: tip.hidden, text: tip.innerText, inside: b.left >= 0 && b.top >= 0 && b.right <= innerWidth && b.bottom <= innerHeight}; })()`, &it)
	return it
}

func (s *testBrowser) testTip(t *testing.T) {
	s.show("demo.html", "light", 1280, 1200)
	assert.True(t, s.tip().Hidden)
	s.mouse(row("j21")+" .run", "mouseMoved")
	var licenses int
	s.evaluate(`[...document.querySelectorAll(".row.job.failed")].map(r => r.querySelector(".bar").dataset.job)[0] | 0`, &licenses)
	s.mouse(fmt.Sprintf(`.bar[data-job="%d"] .run`, licenses), "mouseMoved")
	it := s.tip()
	assert.False(t, it.Hidden)
	assert.True(t, it.Inside)
	for _, part := range []string{"licenses", "failed (script_failure)", "scan", "4712 of group/app", "21s", "1m 17s", "2026-03-02 09:31:47 UTC", "linux-small-1"} {
		assert.Contains(t, it.Text, part)
	}
	assert.NotContains(t, it.Text, "https://", "the tooltip shows no URL")
	s.mouse("#tip", "mouseMoved")
	assert.False(t, s.tip().Hidden, "the tooltip stays while the mouse is over it")
	s.mouse("#scheme", "mouseMoved")
	assert.True(t, s.tip().Hidden, "the tooltip is hidden when the mouse leaves")

	var bars int
	s.evaluate(`document.querySelectorAll(".bar").length`, &bars)
	assert.Equal(t, 25, bars)
	for i := range bars {
		s.mouse(fmt.Sprintf(`.bar[data-job="%d"]`, i), "mouseMoved")
		it := s.tip()
		assert.False(t, it.Hidden, i)
		assert.True(t, it.Inside, it.Text)
	}
	s.call("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": true}, nil)
	s.show("demo.html", "light", 400, 800)
	s.is(`(document.getElementById("view").scrollIntoView(), true)`)
	at := s.box(row("j0") + " .bar")
	point := []map[string]any{{"x": at.Left + at.Width/2, "y": at.Top + at.Height/2}}
	s.call("Input.dispatchTouchEvent", map[string]any{"type": "touchStart", "touchPoints": point}, nil)
	s.call("Input.dispatchTouchEvent", map[string]any{"type": "touchEnd", "touchPoints": []any{}}, nil)
	s.is(`new Promise((done) => { const look = () => document.getElementById("tip").hidden ? requestAnimationFrame(look) : done(true); look(); })`)
	assert.Contains(t, s.tip().Text, "compile", "a touch shows the tooltip")
	assert.True(t, s.tip().Inside)
	s.saveScreenshot(t, "touched")
	s.call("Emulation.setTouchEmulationEnabled", map[string]any{"enabled": false}, nil)
	s.assertQuiet(t)
}

func (s *testBrowser) testNames(t *testing.T) {
	s.show("hostile.html", "light", 1280, 1200)
	var bars int
	s.evaluate(`document.querySelectorAll(".bar").length`, &bars)
	for i := range bars {
		s.mouse(fmt.Sprintf(`.bar[data-job="%d"]`, i), "mouseMoved")
		assert.True(t, s.tip().Inside, s.tip().Text)
	}
	assert.Contains(t, s.rows(), hostileNames[0])
	assert.False(t, s.is(`"pwned" in window`))
	assert.Zero(t, s.number(`document.querySelectorAll("img, a[href^='javascript']").length`))
	// Each name has its own direction, and is cut at its end.
	var directions map[string]string
	s.evaluate(`Object.fromEntries([...document.querySelectorAll(".row .text")].map(el => [el.textContent, getComputedStyle(el).direction + " " + getComputedStyle(el).unicodeBidi + " " + getComputedStyle(el).textOverflow]))`, &directions)
	assert.Equal(t, "rtl isolate ellipsis", directions["اختبار التكامل"])
	assert.Equal(t, "ltr isolate ellipsis", directions[strings.Repeat("W", 200)])
	assert.Zero(t, s.number(`[...document.querySelectorAll(".name")].filter(el => el.scrollWidth > el.clientWidth).length`), "no name overflows its column")
	s.assertQuiet(t)
}

func (s *testBrowser) testPhone(t *testing.T) {
	s.show("demo.html", "light", 400, 860)
	assert.InDelta(t, 400, s.number(`document.documentElement.scrollWidth`), 0.5)
	assert.Zero(t, s.number(`[...document.querySelectorAll(".row.job .text")].filter(el => el.scrollWidth > el.clientWidth).length`), "all names are complete")
	name, track := s.box(row("j0")+" .name"), s.box(row("j0")+" .track")
	assert.GreaterOrEqual(t, track.Top, name.Bottom-0.5, "above the bars")
	assert.Greater(t, track.Width, 300.0)
	s.is(`(document.getElementById("view").scrollIntoView(), true)`)
	for range 3 {
		s.is(`(document.getElementById("in").click(), true)`)
	}
	s.is(`(document.getElementById("view").scrollLeft = 600, true)`)
	name = s.box(row("j0") + " .name")
	assert.InDelta(t, 0, name.Left, 0.5, "the names stay while the bars scroll")
	s.saveScreenshot(t, "phone-zoomed")
}

func (s *testBrowser) testScheme(t *testing.T) {
	const colors = `[getComputedStyle(document.body).backgroundColor, document.getElementById("scheme").textContent]`
	light, dark := []string{"rgb(255, 255, 255)", "Dark"}, []string{"rgb(18, 22, 28)", "Light"}
	for _, tc := range []struct {
		system       string
		first, after []string
	}{{"light", light, dark}, {"dark", dark, light}} {
		s.show("demo.html", tc.system, 1280, 900)
		var got []string
		for _, want := range [][]string{tc.first, tc.after, tc.first} {
			s.evaluate(colors, &got)
			assert.Equal(t, want, got)
			s.click("#scheme")
		}
	}
	s.media("dark", "print")
	var got []string
	s.evaluate(colors, &got)
	assert.Equal(t, light[0], got[0], "paper is light")
}

func (s *testBrowser) testForcedColors(t *testing.T) {
	defer s.media("light", "screen")
	s.show("demo.html", "light", 1280, 1200)
	s.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "forced-colors", "value": "active"}}}, nil)
	for _, selector := range []string{".run", ".row.failed .run", ".queue", ".span", ".disc"} {
		assert.NotEqual(t, s.text(fmt.Sprintf(`getComputedStyle(document.querySelector("#rows %s")).backgroundColor`, selector)), s.text(`getComputedStyle(document.body).backgroundColor`), "%s can be seen", selector)
	}
	s.saveScreenshot(t, "forced-colors")
}

func (s *testBrowser) testTable(t *testing.T) {
	s.show("demo.html", "light", 1280, 900)
	visible := func() (names []string) {
		s.evaluate(`[...document.querySelectorAll("#table tbody tr")].filter(r => r.offsetHeight > 0).map(r => r.cells[0].innerText)`, &names)
		return names
	}
	assert.Empty(t, visible())
	s.click("#astable")
	assert.Len(t, visible(), 25)
	assert.True(t, s.is(`document.getElementById("chart").offsetHeight === 0`))
	s.click("#failed")
	assert.Equal(t, []string{"spelling", "licenses"}, visible())
	s.click("#failed")
	s.set("sort", "duration")
	assert.Equal(t, []string{"roll out", "unit 2/3", "unit 3/3", "image"}, visible()[:4])
	s.saveScreenshot(t, "table")
	s.set("sort", "start")
	assert.Equal(t, []string{"compile", "assets", "lint", "unit 1/3"}, visible()[:4])
	s.click("#astable")
	assert.Empty(t, visible())
	assert.NotEmpty(t, s.rows())
	s.assertQuiet(t)
}

func (s *testBrowser) testPrint(t *testing.T) {
	defer s.media("light", "screen")
	s.show("large.html", "light", 1280, 900)
	s.click("#in")
	s.media("light", "print")
	s.frames()
	total := s.number(`Number(document.getElementById("rows").getAttribute("aria-rowcount"))`)
	assert.InDelta(t, total, s.number(`document.querySelectorAll("#rows .row").length`), 0, "all rows are printed")
	var styles []string
	s.evaluate(`["#axis", "#rows", "#canvas", ".row"].map(s => getComputedStyle(document.querySelector(s)).display)`, &styles)
	assert.Equal(t, []string{"table-header-group", "table-row-group", "table", "table-row"}, styles, "the table header is printed on each page")
	for _, selector := range []string{"#axis", ".row"} {
		assert.Equal(t, "avoid", s.text(fmt.Sprintf(`getComputedStyle(document.querySelector(%q)).breakInside`, selector)), "no page break is inside a row")
	}
	assert.Zero(t, s.number(`document.getElementById("tools").offsetHeight`))
	assert.InDelta(t, 1280, s.number(`document.documentElement.scrollWidth`), 0.5, "the chart is as wide as the paper at any zoom")
	assert.True(t, s.is(`document.querySelectorAll(".mark").length === document.querySelectorAll(".row .track").length * chart.marks.length`), "each row has lines for the times")
	bar, tick := s.box(`.bar[data-job="1"]`), s.box("#ticks")
	want := s.number(`(jobs[1].queued / data.span)`)
	assert.InDelta(t, tick.Left+want*tick.Width, bar.Left, 1, "the bars are below their times")
	s.saveScreenshot(t, "print")
	s.media("light", "screen")
	s.frames()
	assert.LessOrEqual(t, s.number(`document.querySelectorAll("#rows .row").length`), 52.0, "the page is as before")
	assert.Greater(t, s.number(`document.getElementById("canvas").offsetWidth`), 1300.0)
	s.assertQuiet(t)
}

func (s *testBrowser) testNoScript(t *testing.T) {
	s.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	defer s.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)
	s.show("demo.html", "dark", 1280, 900)
	assert.InDelta(t, 25, s.number(`[...document.querySelectorAll("#table tbody tr")].filter(r => r.offsetHeight > 0).length`), 0)
	assert.Zero(t, s.number(`document.getElementById("tools").offsetHeight + document.getElementById("chart").offsetHeight`), "the tools are hidden without jobs")
	s.saveScreenshot(t, "no-script")
}
