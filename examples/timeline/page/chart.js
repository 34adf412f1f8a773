// The chart is a canvas in a view that scrolls. The zoom sets the width of the canvas. Only visible rows have elements. The positions
// of bars are fractions of the width, so that a zoom does not change them.
const $ = (id) => document.getElementById(id);
const view = $("view"), canvas = $("canvas"), body = $("rows"), links = $("links"), ticks = $("ticks"), axis = $("axis");
const padding = 8; // Left of the start.
const chart = { rows: [], places: new Map(), placeOf: new Map(), elements: new Map(), active: null, zoom: 1, left: 0, track: 1, row: 26, printing: false, marks: [] };

function element(tag, className, ...children) {
  const el = document.createElement(tag);
  el.className = className;
  el.append(...children);
  return el;
}

function sign(look, className) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", "#sign-" + look);
  svg.append(use);
  return svg;
}

const part = (ms) => (ms / data.span) * 100;
const percent = (ms) => part(ms).toFixed(4) + "%";

function duration(ms) {
  if (ms < 10000) return (Math.round(ms / 100) / 10) + "s";
  const seconds = Math.round(ms / 1000), units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  const first = units.findIndex(([size]) => seconds >= size);
  return units.slice(first, first + 2).map(([size, unit], n) => [n ? Math.floor((seconds % units[first][0]) / size) : Math.floor(seconds / size), unit])
    .filter(([count]) => count > 0).map(([count, unit]) => count + unit).join(" ");
}

function barOf(i) {
  const job = jobs[i], begin = beginOf(job);
  const bar = element("div", `bar ${job.look}`);
  bar.dataset.job = i;
  if (job.bridge) bar.classList.add("bridge");
  if (job.attempt < job.attempts) bar.classList.add("older");
  if (job.onPath) bar.classList.add("onpath");
  if (begin === null) {
    bar.classList.add("never");
    bar.style.left = percent(job.ended);
    if (part(job.ended) > 70) bar.classList.add("atend");
    bar.append(element("span", "after", job.status));
    return bar;
  }
  const whole = Math.max(job.ended - begin, 1);
  bar.style.left = percent(begin);
  bar.style.width = percent(job.ended - begin);
  if (job.queued !== null) {
    const queue = element("span", "queue");
    queue.style.width = (((job.started ?? job.ended) - job.queued) / whole) * 100 + "%";
    bar.append(queue);
  }
  if (job.started !== null) bar.append(element("span", "run", sign(job.look, "sign")));
  bar.append(element("span", "after", job.started === null ? job.status : job.ran));
  return bar;
}

// spansOf returns the times in which any of the jobs ran or waited. It closes gaps that are too short to be visible.
function spansOf(list) {
  const spans = [];
  const times = list.map((i) => [beginOf(jobs[i]), jobs[i].ended]).filter(([begin]) => begin !== null).sort((a, b) => a[0] - b[0]);
  for (const [begin, end] of times) {
    const last = spans.at(-1);
    if (last && begin - last[1] < data.span / 300) last[1] = Math.max(last[1], end); else spans.push([begin, end]);
  }
  return spans;
}

const spoken = (job) => [
  job.status, job.attempts > 1 ? `attempt ${job.attempt} of ${job.attempts}` : "", job.waited ? "queued " + job.waited : "", job.ran ? "ran " + job.ran : "", job.onPath ? "on the critical path" : "",
].filter(Boolean).join(", ");

function rowOf(row) {
  const el = element("div", `row ${row.kind} ${row.look ?? ""}`);
  el.dataset.key = row.key;
  el.setAttribute("role", "row");
  el.setAttribute("aria-level", row.level);
  el.tabIndex = -1;
  if (row.nest % 2) el.classList.add("nested");
  if (row.older) el.classList.add("past");
  const name = element("div", "name"), track = element("div", "track");
  name.setAttribute("role", "rowheader");
  track.setAttribute("role", "gridcell");
  name.style.setProperty("--level", row.level - 1);
  const text = element("bdi", "text", row.name);
  if (row.kind === "job") {
    name.append(sign(row.look, `disc ${row.look}`));
    const url = jobs[row.jobs.at(-1)].url;
    if (url) {
      const link = element("a", "link", text);
      Object.assign(link, { href: url, target: "_blank", rel: "noopener noreferrer", tabIndex: -1 });
      name.append(link);
    } else name.append(text);
    if (row.times) name.append(element("span", "soft", row.times));
    if (row.extra) name.append(element("bdi", "soft extra", row.extra));
    track.append(element("span", "unseen", row.jobs.map((i) => spoken(jobs[i])).join("; ")), ...row.jobs.map(barOf));
  } else if (row.kind === "note") {
    name.append(text);
  } else {
    el.setAttribute("aria-expanded", row.open);
    name.append(element("span", "arrow"));
    if (row.look && (row.kind === "pipeline" || !row.open)) name.append(sign(row.look, `disc ${row.look}`));
    if (row.kind !== "group") {
      text.setAttribute("role", "heading");
      text.setAttribute("aria-level", 3);
    }
    name.append(text, element("span", "soft count", row.count));
    if (row.failures) name.append(element("span", "failures", row.failures));
    const spans = spansOf(row.jobs);
    if (row.status) track.append(element("span", "unseen", row.status));
    for (const [begin, end] of spans) {
      const span = element("span", "span");
      span.style.left = percent(begin);
      span.style.width = percent(end - begin);
      track.append(span);
    }
    if (spans.length) {
      const after = element("span", "after", duration(spans.at(-1)[1] - spans[0][0]));
      after.style.left = percent(spans.at(-1)[1]);
      track.append(after);
    }
  }
  for (const ms of chart.marks) {
    const mark = element("span", "mark");
    mark.style.left = percent(ms);
    track.prepend(mark);
  }
  el.append(element("div", "cells", name, track)); // The cells are one table cell on paper.
  return el;
}

// update rebuilds the rows after a fold or a change of the tools.
function update() {
  const focused = body.contains(document.activeElement);
  chart.rows = build();
  chart.places = new Map(chart.rows.map((row, place) => [row.key, place]));
  chart.placeOf = new Map(chart.rows.flatMap((row, place) => (row.kind === "job" ? row.jobs.map((i) => [i, place]) : [])));
  if (!chart.places.has(chart.active)) chart.active = chart.rows[0]?.key ?? null;
  chart.elements.clear();
  body.replaceChildren();
  body.setAttribute("aria-rowcount", chart.rows.length);
  $("nothing").hidden = chart.rows.length > 0;
  view.hidden = chart.rows.length === 0;
  layout();
  if (focused && chart.active !== null) focusRow(chart.places.get(chart.active));
}

const stacked = matchMedia("(max-width: 640px)");
const ruler = document.createElement("canvas").getContext("2d");

// namesWidth returns the width of the names.
function namesWidth() {
  if (stacked.matches) return 0;
  ruler.font = "600 13px " + getComputedStyle(document.body).fontFamily;
  let widest = 0;
  for (const row of chart.rows) {
    if (row.kind === "note") continue;
    const texts = [row.name, row.times, row.extra, row.count, row.failures].filter(Boolean).join("   ");
    widest = Math.max(widest, row.level * 14 + (row.kind === "pipeline" ? 58 : 40) + ruler.measureText(texts).width);
  }
  return Math.ceil(Math.min(Math.max(widest, 150), Math.max(200, Math.min(420, view.clientWidth * 0.28))));
}

// layout computes the widths and draws.
function layout() {
  const style = getComputedStyle(view);
  chart.row = parseFloat(style.getPropertyValue("--row"));
  const names = namesWidth();
  canvas.style.setProperty("--names", names + "px");
  canvas.style.setProperty("--view", view.clientWidth + "px");
  body.style.height = chart.rows.length * chart.row + "px";
  chart.left = names + padding;
  resize();
}

const roomRight = () => parseFloat(getComputedStyle(canvas).getPropertyValue("--room"));
const baseTrack = () => Math.max(view.clientWidth - chart.left - roomRight(), 60);
const mostZoom = () => Math.max(1, Math.min(data.span / 100, 4e6 / baseTrack()));

// resize sets the width of the canvas for the zoom.
function resize() {
  chart.zoom = Math.min(Math.max(chart.zoom, 1), mostZoom());
  chart.track = baseTrack() * chart.zoom;
  canvas.style.width = chart.left + chart.track + roomRight() + "px";
  $("reset").disabled = chart.zoom === 1;
  $("out").disabled = chart.zoom === 1;
  $("in").disabled = chart.zoom >= mostZoom();
  draw();
}

// draw creates the elements of the visible rows and of the focused row.
function draw() {
  const from = chart.printing ? 0 : Math.max(0, Math.floor(view.scrollTop / chart.row) - 6);
  const to = chart.printing ? chart.rows.length : Math.min(chart.rows.length, Math.ceil((view.scrollTop + view.clientHeight) / chart.row) + 6);
  drawAxis();
  const wanted = new Set();
  for (let place = from; place < to; place++) wanted.add(place);
  const active = chart.places.get(chart.active);
  if (active !== undefined) wanted.add(active); // Without its element, the row would lose the focus, and the Tab key could not reach the chart.
  for (const [place, el] of chart.elements) if (!wanted.has(place)) { el.remove(); chart.elements.delete(place); }
  let next = body.firstChild;
  for (const place of [...wanted].sort((a, b) => a - b)) {
    let el = chart.elements.get(place);
    if (!el) {
      el = rowOf(chart.rows[place]);
      el.style.top = place * chart.row + "px";
      el.setAttribute("aria-rowindex", place + 1);
      if (place === active) el.tabIndex = 0;
      chart.elements.set(place, el);
      body.insertBefore(el, next);
    } else next = el.nextSibling;
  }
  drawLinks(from, to);
}

const steps = [100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5];

function tick(ms) {
  const units = [[864e5, "d"], [36e5, "h"], [6e4, "m"]];
  const parts = [];
  for (const [size, unit] of units) {
    if (ms >= size) parts.push(Math.floor(ms / size) + unit);
    ms %= size;
  }
  if (ms > 0 || !parts.length) parts.push(ms < 1000 && !parts.length ? ms + "ms" : ms / 1000 + "s");
  return "+" + parts.join(" ");
}

function drawAxis() {
  const track = chart.printing ? 450 : chart.track; // The approximate width of paper.
  const room = 84, scale = track / data.span;
  let step = steps.find((ms) => ms * scale >= room) ?? steps.at(-1);
  while (step * scale < room) step *= 2;
  canvas.style.setProperty("--step", Math.max(part(step), 1e-4) + "%");
  const begin = chart.printing ? 0 : view.scrollLeft - room, end = chart.printing ? Infinity : view.scrollLeft + view.clientWidth;
  const labels = [];
  chart.marks = [];
  if (chart.printing) for (let ms = 0; ms <= data.span; ms += step) chart.marks.push(ms);
  const add = (className, text, ms) => {
    const el = element("span", className, text);
    el.style.left = percent(ms);
    labels.push(el);
  };
  if (begin < 2 * room) add("tick from", data.clock, 0);
  const asOf = data.asOf && "as of " + (stacked.matches || chart.printing ? data.asOf.split(" ")[1] : data.asOf);
  ruler.font = "600 11px " + getComputedStyle(document.body).fontFamily;
  const taken = asOf ? track + roomRight() - ruler.measureText(asOf).width - 44 : track + 30;
  for (let ms = Math.max(step, Math.floor(begin / scale / step) * step); ms <= data.span && ms * scale < end; ms += step) if (ms * scale < taken) add("tick", tick(ms), ms);
  if (data.asOf) labels.push(element("span", "tick today", asOf));
  ticks.replaceChildren(...labels);
}

// drawLinks draws the lines of the critical path between bars whose rows are both in the chart.
function drawLinks(from, to) {
  const all = [], scale = chart.track / data.span;
  data.critical?.forEach(({ job, leads }, n) => {
    const next = data.critical[n + 1];
    const a = chart.placeOf.get(job), b = next && chart.placeOf.get(next.job);
    if (a === undefined || b === undefined || a === b || Math.max(a, b) < from || Math.min(a, b) > to) return;
    const start = leads ? (beginOf(jobs[job]) ?? 0) + 4 / scale : jobs[job].ended, end = beginOf(jobs[next.job]), gap = (end - start) * scale;
    const line = element("div", `line ${b > a ? "down" : "up"} ${gap > 8 ? "bent" : "straight"}`);
    const middle = (place) => (stacked.matches ? place * chart.row + chart.row * 0.72 : (place + 0.5) * chart.row);
    const half = 9, top = b > a ? middle(a) + half : middle(b) + (gap > 8 ? 0 : half), bottom = b > a ? middle(b) - (gap > 8 ? 0 : half) : middle(a) - half;
    line.style.left = percent(gap > 8 ? start : Math.max(start, end));
    line.style.top = top + "px";
    line.style.height = bottom - top + "px";
    if (gap > 8) line.style.width = percent(end - start);
    all.push(line);
  });
  links.replaceChildren(...all);
}
