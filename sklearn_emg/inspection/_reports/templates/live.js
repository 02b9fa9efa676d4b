"use strict";
const at = (id) => document.getElementById(id);
const write = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };
const part = (x) => x === null ? "–" : x.toFixed(2);
let paused = false, said = "", saidAt = 0;

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
});

// Blocks from the lowest to the highest sample of each interval; gaps stay empty.
function outline(low, high, scale, x0, width) {
  let path = "";
  for (let i = 0; i < low.length; i++) {
    if (low[i] === null) continue;
    const top = 50 - 48 * high[i] / scale, bottom = 50 - 48 * low[i] / scale;
    path += `M${(x0 + i * width).toFixed(1)} ${top.toFixed(1)}h${width.toFixed(1)}` +
      `V${bottom.toFixed(1)}h${(-width).toFixed(1)}z`;
  }
  return path;
}

function channels(n) {
  const box = at("channels");
  if (box.childElementCount === n) return;
  box.classList.toggle("many", n > 2);
  box.replaceChildren();
  for (let k = 0; k < n; k++) {
    const row = document.createElement("div");
    row.className = "channel";
    row.innerHTML = '<span class="name"></span><svg viewBox="0 0 1000 100" ' +
      'preserveAspectRatio="none" aria-hidden="true"><path/></svg>';
    row.firstChild.textContent = n > 1 ? `channel ${k + 1}` : "signal";
    box.append(row);
  }
}

function drawSignal(told) {
  const { start, step, low, high } = told.signal;
  const end = low.length ? start + step * low[0].length : 0;
  const begin = Math.max(0, end - told.seconds), pixels = 1000 / told.seconds;
  channels(low.length);
  let scale = 0;
  for (const row of [...low, ...high]) for (const x of row) scale = Math.max(scale, Math.abs(x));
  low.forEach((row, k) => at("channels").children[k].querySelector("path").setAttribute("d",
    outline(row, high[k], scale || 1, (start - begin) * pixels, step * pixels)));
  const hidden = told.hidden ? ` ${told.hidden} more channel${told.hidden === 1 ? " is" : "s are"} not drawn.` : "";
  write("scale", "Lowest and highest sample of each interval; the full height is ±" +
    `${scale.toPrecision(2)} mV.${hidden}`);
  write("from", `${begin.toFixed(1)} s`);
  write("to", `${(begin + told.seconds).toFixed(1)} s`);
  names.forEach((_, k) => at(`lane${k}`).setAttribute("d", lane(told.windows, k, begin, pixels)));
}

// The bar of a window ends at the end of the window and is as wide as the step between windows.
function lane(windows, k, begin, pixels) {
  let path = "";
  windows.forEach((w, i) => {
    if (w.scores === null) return;
    const left = Math.max(i ? windows[i - 1].stop : w.start, w.start, begin);
    const x = (left - begin) * pixels, width = (w.stop - begin) * pixels - x - 1;
    if (width > 0) path += `M${x.toFixed(1)} 100v${(-100 * w.scores[k]).toFixed(1)}` +
      `h${width.toFixed(1)}V100z`;
  });
  return path;
}

function drawDecision(told) {
  const d = told.decision;
  if (!d) return;
  write("subject", d.subject);
  write("time", d.seconds.toFixed(1));
  const latest = told.windows.length ? told.windows[told.windows.length - 1].scores : null;
  names.forEach((_, k) => {
    write(`mean${k}`, part(d.scores[k]));
    write(`latest${k}`, latest ? part(latest[k]) : "–");
  });
  const class_ = (k) => `${marks[k]} ${names[k]}`;
  write("mark", d.leading === null ? "" : marks[d.leading]);
  at("mark").setAttribute("class", d.leading === null ? "mark" : `mark k${d.leading}`);
  write("leading", d.leading === null ? "No window yet" : names[d.leading] +
    (d.smoothed === null ? "" : `; currently ${class_(d.smoothed)}`));
  at("bar").setAttribute("class", d.leading === null ? "" : `k${d.leading}`);
  at("bar").setAttribute("width", String(1000 * (d.fraction || 0)));
  const [a, b] = d.interval.map((x) => 1000 * x);
  at("whiskers").setAttribute("d", `M${a} 20H${b}M${a} 8V32M${b} 8V32`);
  const percent = (x) => `${Math.round(100 * x)} %`;
  write("fraction", d.fraction === null ? "No votes yet." :
    `${percent(d.fraction)} of the votes of windows that do not overlap are for this class, ` +
    `interval ${percent(d.interval[0])} to ${percent(d.interval[1])}. Windows: ${d.n_windows} scored, ` +
    `${d.n_rejected} left out.`);
  write("decided", d.decided === null ? "Not decided." : `Decided: ${class_(d.decided)}.`);
}

// Text for screen readers: changes of the decision, at most every three seconds.
function tell(told) {
  const d = told.decision;
  const now = d && d.leading !== null ? `Leading: ${names[d.leading]}.` +
    (d.decided === null ? "" : ` Decided: ${names[d.decided]}.`) : "";
  const text = `${now} The recording ${told.phase === "ended" ? "has ended" : "is " + told.phase}.`;
  if (text === said || Date.now() - saidAt < 3000 && told.phase === "running") return;
  said = text; saidAt = Date.now();
  write("told", text);
}

function draw(told) {
  write("phase", { waiting: "Waiting for the signal.", running: "Recording.",
    ended: "The recording has ended." }[told.phase] || `The recording was ${told.phase}.`);
  if (paused) return;
  drawSignal(told);
  drawDecision(told);
  tell(told);
  const lines = told.messages.length ? told.messages.slice().reverse() : ["None."];
  const items = lines.map((line) => Object.assign(document.createElement("li"),
    { textContent: line }));
  at("messages").replaceChildren(...items);
  write("latency", told.latency[0] === null ? "–" :
    `median ${told.latency[0].toFixed(1)} ms, 99th percentile ${told.latency[1].toFixed(1)} ms`);
}

draw(first);
const source = new EventSource("/events" + location.search);
source.onmessage = (message) => draw(JSON.parse(message.data));
source.onerror = () => write("phase", "The connection to the program has ended.");
