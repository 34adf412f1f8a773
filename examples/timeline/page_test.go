package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestThePageInABrowser(t *testing.T) { //nolint:paralleltest // One browser at a time.
	s := newTestBrowser(t)
	for _, part := range []struct {
		name string
		test func(*testBrowser, *testing.T)
	}{
		{"it loads nothing and fits every window", (*testBrowser).testScreens},
		{"stages, groups and pipelines fold", (*testBrowser).testFolding},
		{"a search and filters show some jobs", (*testBrowser).testFilters},
		{"it groups and sorts", (*testBrowser).testOrder},
		{"keys move between the jobs", (*testBrowser).testKeys},
		{"the time axis zooms and pans", (*testBrowser).testZoom},
		{"the axis and the names stay", (*testBrowser).testSticky},
		{"only rows that can be seen are elements", (*testBrowser).testMany},
		{"the tip tells all of a job", (*testBrowser).testTip},
		{"names of any kind", (*testBrowser).testNames},
		{"a phone shows the names", (*testBrowser).testPhone},
		{"the colors can be switched", (*testBrowser).testScheme},
		{"forced colors", (*testBrowser).testForcedColors},
		{"a table tells the same", (*testBrowser).testTable},
		{"paper", (*testBrowser).testPrint},
		{"without JavaScript", (*testBrowser).testNoScript},
	} {
		t.Run(part.name, func(t *testing.T) {
			s.t = t
			part.test(s, t)
		})
	}
	s.t = t
}

// rows returns the names of the visible rows, from top to bottom.
func (s *testBrowser) rows() (names []string) {
	s.t.Helper()
	s.evaluate(`[...document.querySelectorAll("#rows .row")].map(r => r.querySelector(".text").textContent)`, &names)
	return names
}

// number evaluates an expression with a number as its result.
func (s *testBrowser) number(expression string) (n float64) {
	s.t.Helper()
	s.evaluate(expression, &n)
	return n
}

func (s *testBrowser) text(expression string) (text string) {
	s.t.Helper()
	s.evaluate(expression, &text)
	return text
}

func (s *testBrowser) is(expression string) (yes bool) {
	s.t.Helper()
	s.evaluate(expression, &yes)
	return yes
}

// frames waits until the page has been redrawn.
func (s *testBrowser) frames() {
	s.t.Helper()
	s.is(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

func (s *testBrowser) click(selector string) {
	s.t.Helper()
	s.mouse(selector, "mouseMoved", "mousePressed", "mouseReleased")
}

// enter replaces the text in the search box.
func (s *testBrowser) enter(text string) {
	s.t.Helper()
	s.is(`(() => { const box = document.getElementById("search"); box.value = ""; box.focus(); box.dispatchEvent(new Event("input")); return true; })()`)
	s.call("Input.insertText", map[string]any{"text": text}, nil)
}

// set selects an option of a select element.
func (s *testBrowser) set(id, value string) {
	s.t.Helper()
	s.is(fmt.Sprintf(`(() => { const box = document.getElementById(%q); box.value = %q; box.dispatchEvent(new Event("change")); return true; })()`, id, value))
}

func row(key string) string { return fmt.Sprintf(`.row[data-key="%s"]`, key) }

func (s *testBrowser) testScreens(t *testing.T) {
	for _, name := range []string{"one", "demo", "large", "huge", "hostile", "empty"} {
		for _, size := range [][2]int{{400, 860}, {1280, 900}, {2560, 1300}} {
			for _, scheme := range []string{"light", "dark"} {
				if scheme == "dark" && (name == "one" || name == "huge") && *shots == "" {
					continue
				}
				s.show(name+".html", scheme, size[0], size[1])
				at := fmt.Sprint(name, " ", size)
				assert.InDelta(t, size[0], s.number(`document.documentElement.scrollWidth`), 0.5, at)
				if name != "empty" {
					assert.InDelta(t, size[0], s.number(`document.getElementById("view").clientWidth`), 0.5, at)
					assert.InDelta(t, size[0], s.number(`document.getElementById("view").scrollWidth`), 0.5, "%s: the chart takes the window's width", at)
				} else {
					assert.Contains(t, s.text(`document.body.innerText`), "This pipeline has no jobs. It may be new,")
				}
				s.assertQuiet(t)
				s.saveScreenshot(t, fmt.Sprintf("%s-%d-%s", name, size[0], scheme))
			}
		}
	}
}

func (s *testBrowser) testFolding(t *testing.T) {
	s.show("demo.html", "light", 1280, 1600)
	all := s.rows()
	assert.Equal(t, []string{
		"build", "compile", "assets", "lint",
		"test", "unit", "unit 1/3", "unit 2/3", "unit 3/3", "integration", "spelling", "browser", "scans",
		"Pipeline 4712 of group/app", "scan", "secrets", "dependencies", "licenses", "report", "summary", "upload",
		"package", "image", "chart", "deploy", "roll out",
		"Pipeline 4715 of group/deploy", "plan", "plan", "staging", "apply staging", "verify", "smoke", "load", "production", "apply production", "documentation",
	}, all, "a stage comes before its jobs")
	s.click(row("g0.1.unit") + " .name")
	assert.NotContains(t, s.rows(), "unit 1/3")
	assert.Equal(t, "false", s.text(`document.querySelector('`+row("g0.1.unit")+`').getAttribute("aria-expanded")`))
	s.click(row("p1") + " .track")
	rows := s.rows()
	assert.NotContains(t, rows, "secrets")
	assert.Contains(t, rows, "Pipeline 4712 of group/app")
	s.click(row("s0.0"))
	assert.NotContains(t, s.rows(), "compile")
	assert.Contains(t, s.rows(), "integration")
	assert.Equal(t, "3 jobs", s.text(`document.querySelector('`+row("s0.0")+` .count').textContent`))
	assert.Equal(t, "6 jobs", s.text(`document.querySelector('`+row("s0.1")+` .count').textContent`), "bridges do not count as jobs")
	s.saveScreenshot(t, "folded")
	s.click("#unfold")
	assert.Equal(t, all, s.rows())
	s.click("#fold")
	assert.Equal(t, []string{"build", "test", "package", "deploy"}, s.rows())
	s.click(row("s0.1"))
	assert.Equal(t, []string{"build", "test", "unit", "integration", "spelling", "browser", "scans", "Pipeline 4712 of group/app", "package", "deploy"}, s.rows(), "what is in it is folded too")
	s.assertQuiet(t)
}

func (s *testBrowser) testFilters(t *testing.T) {
	s.show("demo.html", "light", 1280, 1600)
	all := s.rows()
	s.click("#fold")
	s.click("#failed")
	assert.Equal(t, []string{"test", "spelling", "scans", "Pipeline 4712 of group/app", "scan", "licenses"}, s.rows(), "matches are shown with their parents, even if those were folded")
	assert.Equal(t, "2 of 22 jobs shown", s.text(`document.getElementById("found").textContent`))
	s.saveScreenshot(t, "failed-only")
	s.click("#failed")
	assert.Equal(t, []string{"build", "test", "package", "deploy"}, s.rows(), "the earlier folds are restored")
	s.click("#unfold")
	for query, want := range map[string][]string{
		"UNIT 2":     {"test", "unit 2/3"},
		"staging":    {"deploy", "roll out", "Pipeline 4715 of group/deploy", "staging", "apply staging"},
		"script_fa":  {"test", "spelling", "scans", "Pipeline 4712 of group/app", "scan", "licenses"},
		"large-2":    {"build", "assets", "test", "unit", "unit 2/3", "unit 3/3", "scans", "Pipeline 4712 of group/app", "scan", "secrets"},
		"no such  ":  nil,
		" package  ": {"package", "image", "chart"},
	} {
		s.enter(query)
		rows := s.rows()
		if want == nil {
			assert.Empty(t, rows)
			assert.Contains(t, s.text(`document.getElementById("chart").innerText`), "No job matches.")
			s.click("#all")
			assert.Equal(t, all, s.rows())
		} else {
			assert.Equal(t, want, rows, query)
		}
	}
	s.enter("")
	s.click("#onpath")
	rows := s.rows()
	assert.Contains(t, rows, "smoke")
	assert.NotContains(t, rows, "lint")
	assert.Equal(t, "6 of 22 jobs shown", s.text(`document.getElementById("found").textContent`), "two of the 8 steps are attempts of one job, and one is a bridge")
	s.assertQuiet(t)
}

func (s *testBrowser) testOrder(t *testing.T) {
	s.show("demo.html", "light", 1280, 1600)
	s.set("sort", "duration")
	rows := s.rows()
	assert.Equal(t, []string{"build", "compile", "assets", "lint", "test", "unit", "unit 2/3", "unit 3/3", "unit 1/3", "browser", "integration", "spelling", "scans"}, rows[:13], "the longest first, within a stage")
	s.set("group", "none")
	rows = s.rows()
	assert.Equal(t, []string{"roll out", "unit 2/3", "unit 3/3", "image"}, rows[:4])
	assert.Len(t, rows, 24)
	s.set("sort", "start")
	assert.Equal(t, []string{"compile", "assets", "lint", "unit 1/3"}, s.rows()[:4])
	s.set("group", "runner")
	rows = s.rows()
	assert.Equal(t, []string{"linux-large-1", "compile", "unit 1/3", "integration", "browser", "integration", "image", "linux-large-2"}, rows[:8], "each attempt is listed under its runner")
	assert.Contains(t, rows, "No runner")
	s.saveScreenshot(t, "runners")
	s.click(row("rlinux-large-1"))
	assert.Equal(t, []string{"linux-large-1", "linux-large-2"}, s.rows()[:2], "runners can be folded")
	s.assertQuiet(t)
}

// active returns the name of the focused row.
func (s *testBrowser) active() string {
	s.t.Helper()
	return s.text(`document.activeElement.classList.contains("row") ? document.activeElement.querySelector(".text").textContent : "#" + document.activeElement.id`)
}

func (s *testBrowser) testKeys(t *testing.T) {
	s.show("demo.html", "light", 1280, 700)
	assert.InDelta(t, 1, s.number(`document.querySelectorAll('#rows [tabindex="0"]').length`), 0, "the Tab key stops at one row")
	assert.InDelta(t, 0, s.number(`document.querySelectorAll('#rows :is(a, button):not([tabindex="-1"])').length`), 0)
	stops := []string{"#failed"}
	s.is(`(document.getElementById("search").focus(), true)`)
	for range 20 {
		s.key("Tab")
		stops = append(stops, s.active())
		if !strings.HasPrefix(stops[len(stops)-1], "#") {
			break
		}
	}
	assert.Equal(t, []string{"#failed", "#failed", "#onpath", "#group", "#sort", "#fold", "#unfold", "#in", "#astable", "#scheme", "build"}, stops)

	press := func(want string, keys ...string) {
		t.Helper()
		for _, key := range keys {
			s.key(key)
		}
		assert.Equal(t, want, s.active(), keys)
	}
	press("compile", "ArrowDown")
	assert.Contains(t, s.tip().Text, "compile")
	press("compile", "Escape")
	assert.True(t, s.tip().Hidden)
	press("assets", "ArrowDown")
	press("build", "ArrowLeft")
	assert.Contains(t, s.rows(), "compile")
	press("build", "ArrowLeft")
	assert.NotContains(t, s.rows(), "compile", "the stage is folded")
	press("test", "ArrowDown")
	press("build", "ArrowUp")
	press("build", "ArrowRight")
	assert.Contains(t, s.rows(), "compile")
	press("compile", "ArrowRight")
	press("build", "ArrowUp", " ")
	assert.NotContains(t, s.rows(), "compile")
	press("build", "Enter")
	assert.Contains(t, s.rows(), "compile")
	press("documentation", "End")
	assert.Positive(t, s.number(`document.getElementById("view").scrollTop`))
	assert.True(t, s.is(`(() => { const row = document.activeElement.getBoundingClientRect(), view = document.getElementById("view").getBoundingClientRect(); return row.bottom <= view.bottom && row.top >= view.top; })()`), "it is scrolled to")
	press("build", "Home")
	assert.Zero(t, s.number(`document.getElementById("view").scrollTop`))
	press("build", "PageDown", "PageUp")
	press("compile", "ArrowDown")
	s.is(`(window.opened = [], document.addEventListener("click", (e) => { const a = e.target.closest("a"); if (a) { window.opened.push(a.href); e.preventDefault(); } }), true)`)
	s.key("Enter")
	assert.Contains(t, s.text(`window.opened.join()`), "https://gitlab.example.com/group/app/-/jobs/")

	// The focus stays on its row even if the row is scrolled out of view.
	s.is(`(document.getElementById("view").scrollTop = 1e6, true)`)
	s.frames()
	assert.Equal(t, "compile", s.active())
	assert.Equal(t, "compile", s.rows()[0], "the rows are in order")
	s.assertQuiet(t)
}

func (s *testBrowser) testZoom(t *testing.T) {
	s.show("demo.html", "light", 1280, 900)
	const width = `document.getElementById("canvas").offsetWidth`
	const at = `document.querySelector('.bar[data-job="0"]').getBoundingClientRect().right`
	whole := s.number(width)
	grown := func(what string) {
		t.Helper()
		assert.Greater(t, s.number(width), whole*1.2, what)
		assert.InDelta(t, 1280, s.number(`document.documentElement.scrollWidth`), 0.5, "only the chart becomes wider")
	}
	reset := func() {
		t.Helper()
		s.click("#reset")
		assert.InDelta(t, whole, s.number(width), 0.5)
		assert.Zero(t, s.number(`document.getElementById("view").scrollLeft`))
		assert.True(t, s.is(`document.getElementById("reset").disabled`))
	}
	x := s.number(at)
	s.wheel(x, 400, -300, true)
	grown("Ctrl and the wheel")
	assert.InDelta(t, x, s.number(at), 3, "the time under the mouse keeps its position")
	reset()
	s.wheel(x, s.number(`document.getElementById("ticks").getBoundingClientRect().top`)+8, -300, false)
	grown("the wheel over the axis")
	reset()
	s.wheel(x, 400, 200, false)
	s.is(`new Promise((done) => { const view = document.getElementById("view"), look = () => view.scrollTop > 0 ? done(true) : requestAnimationFrame(look); look(); })`)
	assert.InDelta(t, whole, s.number(width), 0.5, "without Ctrl, the wheel scrolls")

	s.click("#in")
	grown("the button")
	s.click("#out")
	assert.InDelta(t, whole, s.number(width), 0.5)
	s.is(`(document.getElementById("view").scrollTop = 0, document.querySelector('.row[tabindex="0"]').focus(), true)`)
	for range 4 {
		s.key("+")
	}
	grown("+")
	zoomed := s.number(width)
	s.key("-")
	assert.Less(t, s.number(width), zoomed)
	s.saveScreenshot(t, "zoomed")
	left := s.number(`document.getElementById("view").scrollLeft`)
	s.key("Shift+ArrowRight")
	assert.Greater(t, s.number(`document.getElementById("view").scrollLeft`), left, "Shift and an arrow pan")
	s.key("Shift+ArrowLeft")
	assert.InDelta(t, left, s.number(`document.getElementById("view").scrollLeft`), 1)
	s.mouseAt(900, 500, "mouseMoved", "mousePressed")
	s.mouseAt(800, 450, "mouseMoved")
	s.mouseAt(700, 400, "mouseMoved", "mouseReleased")
	assert.InDelta(t, left+200, s.number(`document.getElementById("view").scrollLeft`), 1, "dragging pans")
	assert.InDelta(t, 100, s.number(`document.getElementById("view").scrollTop`), 1)
	s.key("0")
	assert.InDelta(t, whole, s.number(width), 0.5, "0 resets")

	// At the maximum zoom, there are still few ticks, at round times.
	s.is(`(document.querySelector('.row[tabindex="0"]').focus(), true)`)
	for range 60 {
		s.key("+")
	}
	assert.True(t, s.is(`document.getElementById("in").disabled`))
	assert.LessOrEqual(t, s.number(`document.querySelectorAll(".tick").length`), 20.0)
	assert.Regexp(t, `^\+\S*\d+(\.\d)?(m?s|m|m \d+(\.\d)?s)$`, s.text(`[...document.querySelectorAll(".tick")].at(-2).textContent`))
	s.assertQuiet(t)
}

// box is the position of an element.
func (s *testBrowser) box(selector string) (b struct{ Left, Top, Right, Bottom, Width, Height float64 }) {
	s.t.Helper()
	s.evaluate(fmt.Sprintf(`document.querySelector(%q).getBoundingClientRect().toJSON()`, selector), &b)
	return b
}

func (s *testBrowser) testSticky(t *testing.T) {
	s.show("large.html", "light", 1280, 700)
	for range 3 {
		s.click("#in")
	}
	axis, name := s.box("#axis"), s.box(".row .name")
	s.is(`(document.getElementById("view").scrollTo(500, 2000), true)`)
	s.frames()
	assert.InDelta(t, axis.Top, s.box("#axis").Top, 0.5, "the axis stays above")
	assert.InDelta(t, name.Left, s.box(".row .name").Left, 0.5, "the names stay at the left")
	assert.Negative(t, s.box(".row .track").Left)
	for _, point := range [][2]float64{{60, axis.Top + 12}, {60, axis.Top + 200}} {
		assert.True(t, s.is(fmt.Sprintf(`document.elementFromPoint(%v, %v).closest(".corner, .name") !== null`, point[0], point[1])), "no element covers them")
	}
	assert.True(t, s.is(fmt.Sprintf(`document.elementFromPoint(900, %v).closest("#axis") !== null`, axis.Top+12)))
	assert.Positive(t, s.number(`[...document.querySelectorAll(".tick")].filter((el) => { const b = el.getBoundingClientRect(); return b.left > 400 && b.right < 1280; }).length`), "there are times on the axis")
	s.saveScreenshot(t, "scrolled")
}

func (s *testBrowser) testMany(t *testing.T) {
	s.show("huge.html", "light", 1280, 900)
	count := func() (rows, all float64) {
		return s.number(`document.querySelectorAll("#rows .row").length`), s.number(`document.querySelectorAll("#chart *").length`)
	}
	rows, all := count()
	total := s.number(`Number(document.getElementById("rows").getAttribute("aria-rowcount"))`)
	assert.Greater(t, total, 2000.0)
	assert.LessOrEqual(t, rows, 50.0)
	assert.LessOrEqual(t, all, 1000.0)
	for _, top := range []int{1000, 30000, 1e9, 0} {
		// One frame after a scroll, the rows are visible.
		assert.True(t, s.is(fmt.Sprintf(`new Promise((done) => {
			const view = document.getElementById("view");
			view.scrollTop = %d;
			requestAnimationFrame(() => requestAnimationFrame(() => {
				const box = view.getBoundingClientRect(), axis = document.getElementById("axis").offsetHeight;
				done([axis + 4, view.clientHeight / 2, view.clientHeight - 4].every((y) => document.elementFromPoint(box.left + 30, box.top + y)?.closest(".row")));
			}));
		})`, top)), top)
		rows, all = count()
		assert.LessOrEqual(t, rows, 52.0)
		assert.LessOrEqual(t, all, 1000.0)
	}
	var indexes []int
	s.evaluate(`[...document.querySelectorAll("#rows .row")].map(r => Number(r.getAttribute("aria-rowindex")))`, &indexes)
	assert.IsIncreasing(t, indexes, "the order of the elements is the order on the screen")
	s.enter("job 1999 ")
	assert.Contains(t, s.rows(), "job 1999 of many: [linux, amd64]")
	s.set("group", "none")
	s.enter("")
	rows, _ = count()
	assert.LessOrEqual(t, rows, 52.0)
	s.assertQuiet(t)
}
