"use strict";
// Moves the page of the run under way by the server's events. What they say is text on the page and nothing else.
const part = id => document.getElementById(id);
const KEPT = 180, WIDTH = 300, HEIGHT = 80;
const FIGURES = {rps: 0, p95_ms: 1, failures: 0, server_cpu_cores: 2, app_cpu_cores: 2, client_cpu_cores: 2, generator_cpu_cores: 2};
const CURVES = {rps: ["rps"], p95_ms: ["p95_ms"], cpu: ["server_cpu_cores", "client_cpu_cores"]};
let trial = null, seconds = [];

const known = value => typeof value === "number" && Number.isFinite(value);
const figure = (value, digits) => known(value) ? value.toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits}) : "–";
const lasting = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const say = text => { if (part("state").textContent !== text) part("state").textContent = text };

const clear = run => {
  trial = null;
  seconds = [];
  part("state").dataset.run = run;
  part("trial").hidden = true;
  part("finished").tBodies[0].replaceChildren();
  part("heard").textContent = "";
};

const draw = () => {
  for (const [name, columns] of Object.entries(CURVES)) {
    const most = Math.max(0, ...columns.flatMap(column => seconds.map(line => line[column]).filter(known)));
    part(`${name}-most`).textContent = figure(most, most < 10 ? 2 : 0);
    for (const column of columns) {
      const points = seconds.flatMap((line, index) => known(line[column])
        ? [`${(index / (KEPT - 1) * WIDTH).toFixed(1)},${(HEIGHT - line[column] / (most || 1) * (HEIGHT - 2)).toFixed(1)}`] : []);
      document.querySelector(`[data-of=${column}]`).setAttribute("points", points.join(" "));
    }
  }
};

const onNone = () => { clear(""); say("No run is under way. This page waits for one.") };

const onRun = run => {
  clear(run.run_id);
  say(run.plan ? `${run.run_id}, plan ${run.plan}: ${run.done} of ${run.of} trials are done.` : `${run.run_id} is under way.`);
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
  part("phase").textContent = line.phase + (known(line.second) ? `, ${line.second} s` : "");
  for (const [name, digits] of Object.entries(FIGURES)) part(name).textContent = figure(line[name], digits);
  part("left").textContent = known(line.left_s) ? `${lasting(line.left_s)} left` : "";
  part("progress").max = line.of || 1;
  part("progress").value = Math.max(0, (line.ordinal || 1) - 1);
  part("heard").textContent = "";
  draw();
};

const onFinished = line => {
  const body = part("finished").tBodies[0];
  [...body.rows].filter(row => row.dataset.trial === line.trial_id).forEach(row => row.remove());
  const row = body.insertRow(0);
  row.dataset.trial = line.trial_id;
  const cells = [line.trial_id, figure(line.rps, 1), figure(line.p95_ms, 2), (line.limited_by ?? []).join(", ") || "not judged", line.validity];
  cells.forEach((text, index) => {
    const cell = index ? row.insertCell() : row.appendChild(document.createElement("th"));
    if (!index) cell.scope = "row";
    if (index === 1 || index === 2) cell.className = "n";
    cell.textContent = text;
  });
};

const onBeat = beat => { part("heard").textContent = known(beat.heard_s) && beat.heard_s > 3 ? `Last heard of ${Math.floor(beat.heard_s)} s ago.` : "" };

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
