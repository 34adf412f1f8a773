// The rows of the chart, from top to bottom, for the current settings of the tools.
const data = JSON.parse(document.getElementById("data").textContent);
const { jobs, pipelines } = data;
const state = { query: "", failed: false, onPath: false, group: "stage", sort: "start" };

// Folds contain the keys of folded rows. Filters have separate folds, so that an older fold does not hide a match.
const folds = { all: new Set(), filtered: new Set() };
const filtering = () => state.query !== "" || state.failed || state.onPath;
const folded = () => (filtering() ? folds.filtered : folds.all);

const beginOf = (job) => job.queued ?? job.started;
const ranOf = (job) => (job.started === null ? -1 : job.ended - job.started);
const searched = jobs.map((job) => [job.name, job.stage, job.status, job.runner ?? "", pipelines[job.pipeline].heading].join("\n").toLowerCase());

// matches reports whether a task, which is a list of attempts, matches the filters. Only its last attempt counts.
function matches(attempts) {
  const last = attempts.at(-1);
  if (state.failed && jobs[last].look !== "failed" && jobs[last].look !== "warning") return false;
  if (state.onPath && !attempts.some((i) => jobs[i].onPath)) return false;
  return searched[last].includes(state.query);
}

function compare(a, b) {
  if (state.sort === "duration") {
    const longer = ranOf(jobs[b.at(-1)]) - ranOf(jobs[a.at(-1)]);
    if (longer !== 0) return longer;
  }
  const x = beginOf(jobs[a[0]]), y = beginOf(jobs[b[0]]);
  return (x ?? Infinity) === (y ?? Infinity) ? a[0] - b[0] : (x ?? Infinity) - (y ?? Infinity);
}

const severity = ["failed", "warning", "running", "waiting", "manual", "canceled", "success", "skipped"];
const worst = (tasks) => severity.find((look) => tasks.some((attempts) => jobs[attempts.at(-1)].look === look));

// Bridges do not count as jobs.
const jobsIn = (tasks) => tasks.filter((attempts) => !jobs[attempts.at(-1)].bridge).length;

function counted(tasks) {
  const n = jobsIn(tasks);
  return n === 0 && tasks.length ? "" : `${n} ${n === 1 ? "job" : "jobs"}`;
}

function heading(rows, kind, key, name, tasks, level, nest) {
  const open = !folded().has(key);
  const failures = tasks.filter((attempts) => jobs[attempts.at(-1)].look === "failed").length;
  const count = counted(tasks);
  rows.push({ kind, key, name, level, nest, open, count, failures: failures ? `${failures} failed` : "", look: worst(tasks), jobs: tasks.flat() });
  return open;
}

// taskRows adds the row of a task. An attempt that overlaps the next one has a separate row.
function taskRows(rows, attempts, level, nest, extra) {
  const parts = [[]];
  let next = Infinity;
  for (const i of [...attempts].reverse()) {
    if (beginOf(jobs[i]) !== null && jobs[i].ended > next) parts.push([]);
    parts.at(-1).unshift(i);
    next = beginOf(jobs[i]) ?? next;
  }
  parts.forEach((part, n) => {
    const last = jobs[part.at(-1)];
    const times = n === 0 ? (attempts.length > 1 ? `×${attempts.length}` : "") : `attempt ${last.attempt} of ${last.attempts}`;
    rows.push({ kind: "job", key: "j" + part.at(-1), name: last.name, times, extra, level, nest, look: last.look, older: n > 0, jobs: part });
  });
}

const childrenOf = (attempts) => attempts.map((i) => jobs[i].down).filter((down) => down > 0);
const tasksBelow = (p) => pipelines[p].stages.flatMap((stage) => stage.tasks.flatMap((attempts) => [attempts, ...childrenOf(attempts).flatMap(tasksBelow)]));

function pipelineRows(rows, p, level, nest) {
  if (pipelines[p].note && !filtering()) rows.push({ kind: "note", key: "n" + p, name: pipelines[p].note, level, nest, jobs: [] });
  pipelines[p].stages.forEach((stage, n) => {
    const below = (attempts) => childrenOf(attempts).flatMap(tasksBelow).some(matches);
    const tasks = stage.tasks.filter((attempts) => matches(attempts) || below(attempts)).sort(compare);
    if (!tasks.length || !heading(rows, "stage", `s${p}.${n}`, stage.name || "(no stage)", tasks, level, nest)) return;
    const groups = groupBy(tasks, (a) => jobs[a[0]].group ?? "");
    const done = new Set();
    for (const attempts of tasks) {
      const group = jobs[attempts[0]].group ?? "", members = groups.get(group);
      if (group === "" || members.length < 2) task(rows, attempts, level + 1, nest);
      else if (!done.has(group)) {
        done.add(group);
        if (heading(rows, "group", `g${p}.${n}.${group}`, group, members, level + 1, nest)) for (const one of members) task(rows, one, level + 2, nest);
      }
    }
  });
}

// task adds the rows of a task and of the pipelines that it triggered.
function task(rows, attempts, level, nest) {
  taskRows(rows, attempts, level, nest, "");
  for (const down of childrenOf(attempts)) {
    const tasks = tasksBelow(down);
    if (filtering() && !tasks.some(matches)) continue;
    const at = rows.length;
    const open = heading(rows, "pipeline", "p" + down, pipelines[down].heading, filtering() ? tasks.filter(matches) : tasks, level + 1, nest + 1);
    Object.assign(rows[at], { look: pipelines[down].look, status: pipelines[down].status });
    if (open) pipelineRows(rows, down, level + 2, nest + 1);
  }
}

function groupBy(list, keyOf) {
  const groups = new Map();
  for (const item of list) {
    const key = keyOf(item);
    if (groups.has(key)) groups.get(key).push(item); else groups.set(key, [item]);
  }
  return groups;
}

const allTasks = tasksBelow(0);

function build() {
  const rows = [];
  if (state.group === "stage") {
    pipelineRows(rows, 0, 1, 0);
  } else if (state.group === "none") {
    for (const attempts of allTasks.filter(matches).sort(compare)) taskRows(rows, attempts, 1, 0, jobs[attempts[0]].stage);
  } else {
    const groups = groupBy(allTasks.flat().map((i) => [i]).filter(matches).sort(compare), ([i]) => jobs[i].runner ?? "");
    for (const runner of [...groups.keys()].sort((a, b) => (a === "") - (b === "") || a.localeCompare(b, "en", { numeric: true }))) {
      const members = groups.get(runner);
      if (!heading(rows, "runner", "r" + runner, runner || "No runner", members, 1, 0)) continue;
      for (const [i] of members) {
        taskRows(rows, [i], 2, 0, jobs[i].stage);
        if (jobs[i].attempts > 1) rows.at(-1).times = `attempt ${jobs[i].attempt} of ${jobs[i].attempts}`;
      }
    }
  }
  return rows;
}
