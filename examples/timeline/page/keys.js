// The keyboard, the mouse wheel and dragging.
let drag = null;

// focusRow focuses a row, and scrolls to it and to its bar.
function focusRow(place) {
  if (place === undefined || place < 0 || place >= chart.rows.length) return;
  const before = chart.elements.get(chart.places.get(chart.active));
  if (before) before.tabIndex = -1;
  const row = chart.rows[place];
  chart.active = row.key;
  const top = place * chart.row, room = view.clientHeight - axis.offsetHeight - chart.row;
  if (top < view.scrollTop) view.scrollTop = top;
  else if (top > view.scrollTop + room) view.scrollTop = top - room;
  const job = jobs[row.jobs.at(-1)];
  if (job && chart.zoom > 1) {
    const scale = chart.track / data.span, width = view.clientWidth - chart.left, begin = (beginOf(job) ?? job.ended) * scale;
    if (job.ended * scale < view.scrollLeft || begin > view.scrollLeft + width - 40) view.scrollLeft = Math.max(0, begin - width / 4);
  }
  draw();
  const el = chart.elements.get(place);
  el.tabIndex = 0;
  el.focus({ preventScroll: true });
}

function fold(row, shut) {
  if (row?.open === undefined) return;
  if (shut) folded().add(row.key); else folded().delete(row.key);
  chart.active = row.key;
  hideTip();
  update();
}

// parentOf returns the index of a row's parent.
function parentOf(place) {
  const level = chart.rows[place].level;
  while (place >= 0 && chart.rows[place].level >= level) place--;
  return place;
}

// zoomTo changes the zoom. The time at x, measured from the left of the view, keeps its position.
function zoomTo(zoom, x) {
  const at = (view.scrollLeft + x - chart.left) / chart.track;
  chart.zoom = zoom;
  resize();
  view.scrollLeft = at * chart.track + chart.left - x;
  hideTip();
  draw();
}

// anchor returns the position that a zoom by a key or a button keeps: the bar of the focused row, or the center.
function anchor() {
  const bar = chart.elements.get(chart.places.get(chart.active))?.querySelector(".bar"), box = view.getBoundingClientRect();
  const at = bar ? (bar.getBoundingClientRect().left + bar.getBoundingClientRect().right) / 2 - box.left : -1;
  return at > chart.left && at < view.clientWidth ? at : (chart.left + view.clientWidth) / 2;
}

const zoomIn = () => zoomTo(chart.zoom * 1.5, anchor());
const zoomOut = () => zoomTo(chart.zoom / 1.5, anchor());
const zoomReset = () => zoomTo(1, 0);

function press(key, shift) {
  const place = chart.places.get(chart.active), row = chart.rows[place];
  const page = Math.max(1, Math.floor((view.clientHeight - axis.offsetHeight) / chart.row) - 1);
  switch (key) {
    case "ArrowDown": return focusRow(Math.min(place + 1, chart.rows.length - 1));
    case "ArrowUp": return focusRow(Math.max(place - 1, 0));
    case "PageDown": return focusRow(Math.min(place + page, chart.rows.length - 1));
    case "PageUp": return focusRow(Math.max(place - page, 0));
    case "Home": return focusRow(0);
    case "End": return focusRow(chart.rows.length - 1);
    case "ArrowRight":
      if (shift) view.scrollLeft += view.clientWidth / 4;
      else if (row.open === false) fold(row, false);
      else if (row.open) focusRow(place + 1);
      return;
    case "ArrowLeft":
      if (shift) view.scrollLeft -= view.clientWidth / 4;
      else if (row.open) fold(row, true);
      else focusRow(parentOf(place));
      return;
    case "Enter":
    case " ":
      if (row.open !== undefined) fold(row, row.open);
      else if (key === "Enter") chart.elements.get(place).querySelector("a")?.click();
      return;
    case "+": case "=": return zoomIn();
    case "-": return zoomOut();
    case "0": return zoomReset();
    default: return false;
  }
}

body.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || !e.target.classList.contains("row")) return;
  if (press(e.key, e.shiftKey) !== false) e.preventDefault();
});

body.addEventListener("focusin", (e) => {
  const el = e.target.closest(".row");
  if (!el || !el.matches(":focus-visible")) return;
  hideTip();
  tipFor(el, null, (el.querySelector(".bar") ?? el).getBoundingClientRect().left);
  if (!tip.hidden) el.setAttribute("aria-describedby", "tip");
});
body.addEventListener("focusout", hideTip);

// The mouse wheel zooms with Ctrl, or over the axis.
view.addEventListener("wheel", (e) => {
  if (!e.ctrlKey && !e.metaKey && !axis.contains(e.target)) return;
  e.preventDefault();
  zoomTo(chart.zoom * Math.exp(-Math.max(-200, Math.min(200, e.deltaY)) / 300), Math.max(e.clientX - view.getBoundingClientRect().left, chart.left));
}, { passive: false });

// The mouse drags the chart. Touch scrolls without a script.
view.addEventListener("pointerdown", (e) => {
  if (e.button !== 0 || e.pointerType !== "mouse" || !e.target.closest(".track, #ticks")) return;
  drag = { x: e.clientX, y: e.clientY, left: view.scrollLeft, top: view.scrollTop, moved: false };
});
addEventListener("pointermove", (e) => {
  if (!drag) return;
  if (e.buttons === 0) { drag = null; view.classList.remove("dragged"); return; }
  const x = e.clientX - drag.x, y = e.clientY - drag.y;
  if (!drag.moved && Math.hypot(x, y) < 5) return;
  drag.moved = true;
  hideTip();
  view.classList.add("dragged");
  view.scrollTo(drag.left - x, drag.top - y);
});
let draggedAt = 0;
addEventListener("pointerup", (e) => {
  if (drag?.moved) draggedAt = e.timeStamp;
  drag = null;
  view.classList.remove("dragged");
});

// A click folds a row or opens the job of a bar, and focuses the row. A touch shows the tooltip instead of opening the job.
body.addEventListener("click", (e) => {
  const el = e.target.closest(".row");
  if (!el || e.target.closest("a") || e.timeStamp === draggedAt) return;
  const place = chart.places.get(el.dataset.key), row = chart.rows[place];
  if (row.open !== undefined) { fold(row, row.open); return; }
  focusRow(place);
  if (e.pointerType === "touch") { hideTip(); tipFor(el, e.target, e.clientX); return; }
  const url = jobs[e.target.closest(".bar")?.dataset.job]?.url;
  if (url) open(url, "_blank", "noopener,noreferrer");
});
