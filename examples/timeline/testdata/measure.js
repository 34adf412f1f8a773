// Measures the layout of the drawing in the browser and lists problems.
(() => {
  const svg = document.querySelector("svg.timeline");
  const known = new Map();
  const box = (el) => {
    if (!known.has(el)) { const { left, right, top, bottom, width, height } = el.getBoundingClientRect(); known.set(el, { left, right, top, bottom, width, height }); }
    return known.get(el);
  };
  const frame = box(svg), problems = [];
  const within = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  const meet = (a, b) => a.left < b.right - 0.5 && b.left < a.right - 0.5 && a.top < b.bottom - 0.5 && b.top < a.bottom - 0.5;
  const say = (what, el) => problems.push(`${what}: ${el.getAttribute("class")} ${JSON.stringify(el.textContent.slice(0, 40))}`);

  const channels = (css) => (css.match(/[\d.]+/g) || []).map(Number);
  const light = (css) => {
    const [r, g, b] = channels(css).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  };
  const opaque = (el) => {
    const style = getComputedStyle(el), fill = channels(style.fill);
    return el.matches("rect,circle") && fill.length >= 3 && (fill.length < 4 || fill[3] === 1) && Number(style.fillOpacity) === 1;
  };

  const texts = [...svg.querySelectorAll("text")].filter((el) => el.textContent.trim() !== "");
  const bars = [...svg.querySelectorAll(".job .run, .job .queue")];
  const chart = Math.min(...[...svg.querySelectorAll(".grid")].map((el) => box(el).left));
  let worst = Infinity;
  texts.forEach((el, i) => {
    const mine = box(el);
    if (!within(mine, frame)) say("outside the drawing", el);
    if (el.matches(".name, .stage") && mine.right > chart) say("into the chart", el);
    for (const other of texts.slice(i + 1)) if (meet(mine, box(other))) say("on " + other.textContent.slice(0, 40), el);
    if (!el.matches(".on")) for (const bar of bars) if (meet(mine, box(bar))) say("on a bar", el);
    for (const part of [el, ...el.querySelectorAll("tspan")]) {
      const at = box(part);
      const under = document.elementsFromPoint(at.left + 1, (at.top + at.bottom) / 2).find(opaque);
      if (!under) { say("on nothing", el); continue; }
      const ratio = contrast(getComputedStyle(part).fill, getComputedStyle(under).fill);
      worst = Math.min(worst, ratio);
      if (ratio < 4.5) say(`contrast of ${ratio.toFixed(2)}`, part);
    }
  });
  bars.forEach((bar, i) => {
    const mine = box(bar), job = bar.closest(".job");
    if (!within(mine, frame) || mine.left < chart - 1 || mine.width <= 0) say("outside the chart", job);
    for (const other of bars.slice(i + 1)) if (meet(mine, box(other))) say("bar on a bar", job);
  });
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth && page !== svg) problems.push(`the page is ${page.scrollWidth} wide, the window ${page.clientWidth}`);
  return {
    width: frame.width, height: frame.height, texts: texts.length, bars: bars.length, contrast: worst, problems,
    page: getComputedStyle(svg.querySelector(".page")).fill,
  };
})()
