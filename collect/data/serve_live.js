"use strict";
// Moves the page of the run under way by the server's events. What they say is text on the page and nothing else.
const part = id => document.getElementById(id);
const KEPT = 180, LEAST = 45, WIDTH = 300, HEIGHT = 80;
// Events that come so soon after the run was named tell of what has been.
const REPLAY_MS = 1500;
const FIGURES = {rps: 0, p95_ms: 1, failures: 0, server_cpu_cores: 2, app_cpu_cores: 2, client_cpu_cores: 2, generator_cpu_cores: 2};
const CURVES = {rps: ["rps"], p95_ms: ["p95_ms"], cpu: ["server_cpu_cores", "client_cpu_cores"]};
const CPUS = ["server_cpus", "client_cpus"];
let trial = null, seconds = [], run = null, named = 0;

const known = value => typeof value === "number" && Number.isFinite(value);
const figure = (value, digits) => known(value) ? value.toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits}) : "–";
const lasting = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const lasted = seconds => seconds < 90 ? `${Math.floor(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
const say = text => { if (part("state").textContent !== text) part("state").textContent = text };

const clear = name => {
  trial = null;
  seconds = [];
  part("state").dataset.run = name;
  part("trial").hidden = true;
  part("heard").textContent = "";
};

const draw = () => {
  const at = index => (index / (Math.max(LEAST, seconds.length) - 1) * WIDTH).toFixed(1);
  const begin = seconds.findIndex(line => line.phase === "window"), end = seconds.findLastIndex(line => line.phase === "window");
  for (const span of document.querySelectorAll(".curve .window")) {
    span.setAttribute("x", begin < 0 ? 0 : at(begin));
    span.setAttribute("width", begin < 0 ? 0 : at(end - begin));
  }
  for (const [name, columns] of Object.entries(CURVES)) {
    // The whole of a CPU set is the top, so that one sees what is left of it.
    const all = [...columns, ...(name === "cpu" ? CPUS : [])];
    const most = Math.max(0, ...all.flatMap(column => seconds.map(line => line[column]).filter(known)));
    part(`${name}-most`).textContent = name === "cpu" ? `${figure(most, Number.isInteger(most) ? 0 : 2)} ${most === 1 ? "core" : "cores"}` : figure(most, most < 10 ? 2 : 0);
    for (const column of columns) {
      const points = seconds.flatMap((line, index) => known(line[column])
        ? [`${at(index)},${(HEIGHT - line[column] / (most || 1) * (HEIGHT - 2)).toFixed(1)}`] : []);
      document.querySelector(`[data-of=${column}]`).setAttribute("points", points.join(" "));
    }
  }
};

const forget = () => {
  part("finished").tBodies[0].replaceChildren();
  part("all").hidden = true;
};

const tell = () => {
  const done = Math.max(run.done ?? 0, part("finished").tBodies[0].rows.length);
  say(run.plan ? `${run.run_id}, plan ${run.plan}: ${done} of ${run.of} trials are done.` : `${run.run_id} is under way.`);
};

const onNone = () => { clear(""); forget(); say("No run is under way. This page waits for one.") };

const onRun = found => {
  run = found;
  named = performance.now();
  clear(run.run_id);
  forget();
  tell();
  onBeat(run);
};

const onSecond = line => {
  // The same trial may be measured again after it failed: then its seconds begin anew.
  const again = seconds.length && line.second < seconds[seconds.length - 1].second;
  if (line.trial_id !== trial || again) seconds = [];
  trial = line.trial_id;
  seconds = [...seconds, line].slice(-KEPT);
  part("trial").hidden = false;
  part("which").textContent = `Trial ${line.ordinal} of ${line.of}: ${line.cell ?? line.trial_id}`;
  part("phase").textContent = line.phase + (known(line.window_second) && known(line.window_s) ? `, ${line.window_second} of ${line.window_s} s` : known(line.second) ? `, ${line.second} s` : "");
  for (const [name, digits] of Object.entries(FIGURES)) part(name).textContent = figure(line[name], digits);
  part("left").textContent = known(line.left_s) ? `${lasting(line.left_s)} left` : "";
  part("progress").max = line.of || 1;
  part("progress").value = Math.max(0, (line.ordinal || 1) - 1);
  if (performance.now() - named > REPLAY_MS) part("heard").textContent = "";
  draw();
};

const onFinished = line => {
  const body = part("finished").tBodies[0];
  [...body.rows].filter(row => row.dataset.trial === line.trial_id).forEach(row => row.remove());
  const row = body.insertRow(0);
  row.dataset.trial = line.trial_id;
  const cells = [line.ordinal ?? "", line.trial_id, figure(line.rps, 1), figure(line.p95_ms, 2), (line.limited_by ?? []).join(", ") || "not judged", line.validity];
  cells.forEach((text, index) => {
    const cell = index ? row.insertCell() : row.appendChild(document.createElement("th"));
    if (!index) cell.scope = "row";
    if ([0, 2, 3].includes(index)) cell.className = "n";
    if (index === 1) cell.className = "wrap";
    if (index === 5 && ["degraded", "invalid"].includes(text)) cell.className = `validity ${text}`;
    cell.textContent = text;
  });
  part("all").hidden = false;
  if (run) tell();
};

const onBeat = beat => { part("heard").textContent = known(beat.heard_s) && beat.heard_s > 3 ? `Last heard of ${lasted(beat.heard_s)} ago${beat.heard_s > 60 ? ": it may have been interrupted" : ""}.` : "" };

const onEnded = ended => {
  clear("");
  say(ended.sealed ? `The run ${ended.run_id} has ended and is sealed. ` : `The run ${ended.run_id} has ended. `);
  if (!ended.sealed) return;
  const link = document.createElement("a");
  link.href = `/run/${encodeURIComponent(ended.run_id)}`;
  link.textContent = "What came out";
  part("state").append(link);
};

const source = new EventSource("/live/events");
const take = {none: onNone, run: onRun, second: onSecond, finished: onFinished, beat: onBeat, ended: onEnded};
for (const [name, act] of Object.entries(take)) source.addEventListener(name, event => act(JSON.parse(event.data)));
source.addEventListener("error", () => { part("heard").textContent = "The server does not answer; trying again." });
