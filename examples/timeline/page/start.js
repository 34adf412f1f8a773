// The tools and the first drawing.
const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (root.dataset.scheme ? root.dataset.scheme === "dark" : system.matches);
const nameScheme = () => { $("scheme").textContent = dark() ? "Light" : "Dark"; $("scheme").setAttribute("aria-label", $("scheme").textContent + " colors"); };
$("scheme").addEventListener("click", () => { root.dataset.scheme = dark() ? "light" : "dark"; nameScheme(); });
system.addEventListener("change", nameScheme);

const table = $("table"), tableRows = [...table.querySelectorAll("tbody tr")];
const taskOf = new Map(allTasks.flatMap((attempts) => attempts.map((i) => [i, attempts])));

// tabulate shows the same jobs in the table as in the chart, in the same order.
function tabulate() {
  const natural = state.group === "stage" && state.sort === "start";
  const order = jobs.map((_, i) => i);
  if (!natural) order.sort((a, b) => (state.group === "runner" ? (jobs[a].runner ?? "").localeCompare(jobs[b].runner ?? "") : 0) || compare([a], [b]));
  for (const i of order) tableRows[i].hidden = !matches(taskOf.get(i));
  table.querySelector("tbody").append(...order.map((i) => tableRows[i]));
}

function changed() {
  hideTip();
  view.scrollTop = 0;
  update();
  if (!table.hidden) tabulate();
  $("found").textContent = filtering() ? `${jobsIn(allTasks.filter(matches))} of ${jobsIn(allTasks)} jobs shown` : "";
}

function choose(change) {
  const before = filtering();
  change();
  if (filtering() || before) folds.filtered.clear();
  changed();
}

$("search").addEventListener("input", (e) => choose(() => { state.query = e.target.value.trim().toLowerCase(); }));
$("failed").addEventListener("change", (e) => choose(() => { state.failed = e.target.checked; }));
$("onpath").addEventListener("change", (e) => choose(() => { state.onPath = e.target.checked; }));
$("group").addEventListener("change", (e) => choose(() => { state.group = e.target.value; }));
$("sort").addEventListener("change", (e) => choose(() => { state.sort = e.target.value; }));
$("all").addEventListener("click", () => choose(() => {
  Object.assign(state, { query: "", failed: false, onPath: false });
  $("search").value = "";
  $("failed").checked = $("onpath").checked = false;
  $("search").focus();
}));
$("fold").addEventListener("click", () => {
  for (let before = -1; before !== folded().size; ) { // A folded row hides its children, so unfold all rows first.
    before = folded().size;
    for (const row of build()) if (row.open === false) folded().delete(row.key);
  }
  for (const row of build()) if (row.open !== undefined) folded().add(row.key);
  changed();
});
$("unfold").addEventListener("click", () => { folded().clear(); changed(); });
$("in").addEventListener("click", zoomIn);
$("out").addEventListener("click", zoomOut);
$("reset").addEventListener("click", zoomReset);
$("astable").addEventListener("click", () => {
  const show = table.hidden;
  table.hidden = !show;
  table.classList.add("asked");
  $("chart").hidden = show;
  $("astable").setAttribute("aria-pressed", show);
  if (show) tabulate(); else update();
});
$("tools").addEventListener("submit", (e) => e.preventDefault());

const failures = allTasks.filter((attempts) => ["failed", "warning"].includes(jobs[attempts.at(-1)].look)).length;
$("failures").textContent = `(${failures})`;
$("onpath-label").hidden = !data.critical?.length;

// On paper, all rows are visible, and the chart is as wide as the paper.
function print(on) {
  if (chart.printing === on) return;
  chart.printing = on;
  hideTip();
  if (on) { chart.before = [chart.zoom, view.scrollTop, view.scrollLeft]; chart.zoom = 1; }
  else chart.zoom = chart.before[0];
  chart.elements.clear();
  body.replaceChildren();
  layout();
  if (!on) { view.scrollTo(chart.before[2], chart.before[1]); draw(); }
}
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
matchMedia("print").addEventListener("change", (e) => print(e.matches));

let waiting = false;
view.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
});
new ResizeObserver(() => { if (!view.hidden && !$("chart").hidden) layout(); }).observe(view);

if (allTasks.length > 100) for (const row of build()) if (row.kind === "group") folds.all.add(row.key);
table.hidden = true;
$("chart").hidden = $("tools").hidden = false;
nameScheme();
update();
