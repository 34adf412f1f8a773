"use strict";
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("scheme");
  const dark = () => root.dataset.scheme ? root.dataset.scheme === "dark" : system.matches;
  const name = () => { button.textContent = dark() ? "Light scheme" : "Dark scheme"; };
  button.addEventListener("click", () => { root.dataset.scheme = dark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  button.hidden = false;
  name();

  // A job's <title> would be shown by the browser as well: it moves into the tooltip.
  const tip = document.getElementById("tip");
  const details = new Map();
  for (const job of document.querySelectorAll(".job")) {
    const title = job.querySelector("title");
    details.set(job, title.textContent.split("\n"));
    job.setAttribute("aria-label", title.textContent.replaceAll("\n", ", "));
    title.remove();
  }

  const show = (job, x, y) => {
    const [heading, ...lines] = details.get(job);
    const strong = document.createElement("strong");
    strong.textContent = heading;
    const list = document.createElement("dl");
    for (const line of lines) {
      const at = line.indexOf(": ");
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = line.slice(0, at);
      dd.textContent = line.slice(at + 2);
      dd.className = dt.textContent.toLowerCase();
      list.append(dt, dd);
    }
    tip.className = [...job.classList].at(-1); // The look, for its colours.
    tip.replaceChildren(strong, list);
    tip.hidden = false;
    // Right of the bar if there is room for it, and otherwise below or above the mouse.
    const { width, height } = tip.getBoundingClientRect();
    const bar = job.querySelector(".hit").getBoundingClientRect();
    let left = bar.right + 56, top = (bar.top + bar.bottom - height) / 2;
    if (x < bar.left || left + width > root.clientWidth - 8) {
      left = x + 12;
      top = y + 18 + height > innerHeight - 8 ? y - height - 14 : y + 18;
    }
    tip.style.left = Math.max(8, Math.min(left, root.clientWidth - width - 8)) + "px";
    tip.style.top = Math.max(8, Math.min(top, innerHeight - height - 8)) + "px";
  };
  const hide = () => { tip.hidden = true; };

  const drawing = document.getElementById("scroll");
  drawing.addEventListener("pointermove", (e) => {
    const job = e.target.closest(".job");
    if (job) show(job, e.clientX, e.clientY); else hide();
  });
  drawing.addEventListener("pointerleave", hide);
  drawing.addEventListener("focusin", (e) => {
    const job = e.target.closest(".job");
    if (!job || !job.matches(":focus-visible")) return;
    const box = job.querySelector(".hit").getBoundingClientRect();
    show(job, box.left, box.bottom - 12);
  });
  drawing.addEventListener("focusout", hide);
  addEventListener("keydown", (e) => { if (e.key === "Escape") hide(); });
  addEventListener("scroll", hide, true);
})();
