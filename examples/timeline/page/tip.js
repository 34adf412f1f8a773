// The tooltip shows the details of a job: of the bar under the mouse, the focused row, or the touched row. It stays while the mouse
// is over it. Escape hides it.
const tip = $("tip");
let tipped = null;

function showTip(i, box, x) {
  if (tipped === i) return;
  tipped = i;
  const job = jobs[i], list = document.createElement("dl");
  for (const [what, value] of job.details) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = what;
    dd.textContent = value;
    dd.className = what.toLowerCase();
    list.append(dt, dd);
  }
  const strong = document.createElement("strong");
  strong.dir = "auto";
  strong.textContent = job.name;
  tip.className = job.look;
  tip.replaceChildren(strong, list);
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const top = box.bottom + height > innerHeight - 4 && box.top - height > 4 ? box.top - height : box.bottom;
  tip.style.left = Math.max(8, Math.min(x - 12, document.documentElement.clientWidth - width - 8)) + "px";
  tip.style.top = Math.max(4, Math.min(top, innerHeight - height - 4)) + "px";
}

function hideTip() {
  tip.hidden = true;
  tipped = null;
  for (const el of body.querySelectorAll("[aria-describedby]")) el.removeAttribute("aria-describedby");
}

// tipFor shows the tooltip of a row, or of one of its bars, next to x.
function tipFor(el, target, x) {
  const row = chart.rows[chart.places.get(el.dataset.key)];
  if (!row || row.kind !== "job") return hideTip();
  const bar = target?.closest(".bar");
  showTip(bar ? Number(bar.dataset.job) : row.jobs.at(-1), el.getBoundingClientRect(), x);
}

view.addEventListener("pointermove", (e) => {
  if (e.pointerType === "touch" || drag?.moved) return;
  const row = e.target.closest(".row");
  if (row && e.target.closest(".track")) tipFor(row, e.target, e.clientX); else hideTip();
});
view.addEventListener("pointerleave", (e) => { if (!tip.contains(e.relatedTarget)) hideTip(); });
tip.addEventListener("pointerleave", hideTip);
addEventListener("keydown", (e) => { if (e.key === "Escape") hideTip(); });
