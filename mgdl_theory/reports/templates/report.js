"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const last = data.shown.length - 1;
  const slider = $("grade");
  const rows = new Map(Array.from(document.querySelectorAll("#grades tr[data-k]"), (row) => [Number(row.dataset.k), row]));
  let at = 0; // index into data.shown

  // -- the grade: numbers come from the table, so that they are the certified ones ----------------

  const cell = (k, name) => rows.get(k).querySelector(`[data-name="${name}"]`); // none if the table has no such column
  const text = (k, name) => { const found = cell(k, name); return found ? found.textContent.trim() : ""; };

  function sentence(k) {
    const bounds = text(k, "upper") === "–" ? "no bound is certified"
      : `the sup-norm of the residual is from ${text(k, "lower")} to ${text(k, "upper")}`;
    const made = !k ? ", before any grade" : text(k, "level") && `, level ${text(k, "level")}, ${text(k, "atoms")} atoms`;
    const balanced = text(k, "balanced") && `; balanced: ${text(k, "balanced")}`;
    const verdicts = k ? `${balanced}; residual falls: ${text(k, "falls")}` : "";
    return `Grade ${k} of ${data.shown[last]}${made}: ${bounds}${verdicts}.`;
  }

  function show(index) {
    at = Math.max(0, Math.min(last, index));
    const k = data.shown[at];
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", `grade ${k}`);
    $("at").textContent = `${k} of ${data.shown[last]}`;
    for (const slot of document.querySelectorAll("#now [data-name]")) {
      const found = cell(k, slot.dataset.name);
      slot.replaceChildren(...Array.from(found.childNodes, (node) => node.cloneNode(true)));
    }
    for (const [number, row] of rows) {
      if (number === k) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
    }
    $("spoken").textContent = sentence(k);
    draw();
  }

  slider.addEventListener("input", () => show(Number(slider.value)));
  $("back").addEventListener("click", () => show(at - 1));
  $("next").addEventListener("click", () => show(at + 1));

  // -- theme --------------------------------------------------------------------------------------

  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const theme = () => $("theme").setAttribute("aria-pressed", String(isDark()));
  $("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; theme(); });
  system.addEventListener("change", theme);

  // -- maps: two or more variables ----------------------------------------------------------------

  function drawMaps() {
    const k = data.shown[at];
    for (const image of document.querySelectorAll("img[data-map]")) {
      const n = Number(image.dataset.section);
      image.src = image.dataset.map === "e" ? $(`e${k}-${n}`).src : data.maps[k][n][Number(image.dataset.map)];
      image.alt = `${image.dataset.alt}, after grade ${k}`;
    }
    for (const place of document.querySelectorAll("[data-sub]")) {
      const name = document.createElement("i");
      const sub = document.createElement("sub");
      name.textContent = place.dataset.sub;
      sub.textContent = String(k);
      place.replaceChildren(name, sub);
    }
    $("top").textContent = data.tops[at];
  }

  // -- curves: one variable -----------------------------------------------------------------------

  const c = data.curves;
  const size = c ? 2 ** c.bits : 1;
  const sum = (steps) => { let s = 0; return Float64Array.from(steps, (d) => (s += d)); };
  const t = c ? sum(c.at).map((p) => p / size) : [];
  const rest = c ? Float64Array.from(c.rest.n, (n) => n * c.rest.unit) : [];
  const approximants = [];
  if (c) {
    let sofar = new Float64Array(t.length).fill(c.lift);
    for (const part of c.parts) {
      sofar = sofar.slice();
      let i = 0, j = 0, before = 0;
      part.at.forEach((step, k) => { // a part is linear from one of its points to the next
        const now = part.n[k] * part.unit;
        for (j += step; i <= j; i += 1) {
          const rise = t[i] < t[j] ? (now - before) * (t[j] - t[i]) / (t[j] - t[j - step]) : 0;
          sofar[i] += now - rise;
        }
        before = now;
      });
      approximants.push(sofar);
    }
  }
  const f = c ? rest.map((e, i) => e + approximants[last][i]) : [];
  const residual = (n) => f.map((v, i) => v - approximants[n][i]);
  const residuals = new Map();
  const e = (n) => { if (!residuals.has(n)) residuals.set(n, residual(n)); return residuals.get(n); };
  const x = (s) => c.box[0] + s * (c.box[1] - c.box[0]);
  const view = [0, 1];
  const least = c ? 2 ** (3 - c.bits) : 1;
  let probe = null;

  const NS = "http://www.w3.org/2000/svg";
  function make(name, attributes, content) {
    const node = document.createElementNS(NS, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (content !== undefined) node.textContent = content;
    return node;
  }

  function ticks(low, high, count) {
    const raw = (high - low) / Math.max(count, 1);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= raw * 0.999);
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) found.push([n * step, step]);
    return found;
  }

  // the nearest decimal, in the style of all numbers of the report: plain from 0.0001 to below 1000000
  function number(value, digits) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e").map(Number);
    return power >= -4 && power < 6 ? String(Number(value.toPrecision(digits))) : mantissa === 0 ? "0" : `${mantissa}e${power}`;
  }

  function label(value, step) {
    if (Math.abs(value) < step * 1e-6) return "0";
    const digits = Math.floor(Math.log10(Math.abs(value)) + 1e-9) - Math.floor(Math.log10(step) + 1e-9) + 1;
    return number(value, Math.max(1, Math.min(12, digits)));
  }

  const LEFT = 62, RIGHT = 10;

  // a panel: scales, grid and ticks of one chart; low and high are the ends of its vertical axis
  function panel(svg, height, low, high, bottom, count, top = high) {
    const width = Math.max(svg.clientWidth, 240);
    const base = height - (bottom ? 24 : 8);
    const px = (s) => LEFT + (s - view[0]) / (view[1] - view[0]) * (width - LEFT - RIGHT);
    const py = (v) => base - (v - low) / (high - low) * (base - 10);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    const clip = `clip-${svg.id}`;
    const inside = make("g", { "clip-path": `url(#${clip})` });
    const box = make("clipPath", { id: clip });
    box.append(make("rect", { x: LEFT, y: 4, width: width - LEFT - RIGHT, height: base }));
    const frame = make("g", {});
    for (const [v, step] of ticks(low, top, count)) {
      frame.append(make("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: py(v), y2: py(v) }));
      frame.append(make("text", { class: "tick", x: LEFT - 6, y: py(v) + 4, "text-anchor": "end" }, label(v, step)));
    }
    const ends = [x(view[0]), x(view[1])];
    for (const [v, step] of ticks(ends[0], ends[1], width / 95)) {
      const s = px((v - c.box[0]) / (c.box[1] - c.box[0]));
      frame.append(make("line", { class: "grid", x1: s, x2: s, y1: 8, y2: base }));
      if (bottom) frame.append(make("text", { class: "tick", x: s, y: base + 16, "text-anchor": "middle" }, label(v, step)));
    }
    svg.replaceChildren(box, frame, inside);
    return { inside, px, py, width, base };
  }

  // first index and end of the samples in view, one more on each side
  function range() {
    let low = t.findIndex((s) => s >= view[0]);
    let high = t.findIndex((s) => s > view[1]);
    low = Math.max(0, low - 1);
    high = high < 0 ? t.length : Math.min(t.length, high + 1);
    return [low, high];
  }

  function curve(p, values, css) {
    const [low, high] = range();
    let d = "";
    for (let i = low; i < high; i += 1) d += `${i === low ? "M" : "L"}${p.px(t[i]).toFixed(1)} ${p.py(values[i]).toFixed(1)}`;
    p.inside.append(make("path", { class: `line ${css}`, d }));
  }

  function vertical(p, named = true) {
    const k = data.shown[at];
    for (const [grade, place] of data.witness) {
      const s = p.px((place - c.box[0]) / (c.box[1] - c.box[0]));
      if (grade !== k) continue;
      p.inside.append(make("line", { class: "witness-line", x1: s, x2: s, y1: 4, y2: p.base }));
      if (!named) continue;
      const left = s > p.width - 90;
      p.inside.append(make("text", { class: "witness-text", x: s + (left ? -6 : 6), y: 18, "text-anchor": left ? "end" : "start" }, "witness"));
    }
    if (probe !== null) p.inside.append(make("line", { class: "probe-line", x1: p.px(probe), x2: p.px(probe), y1: 4, y2: p.base }));
  }

  function extent(lists) {
    const [i, j] = range();
    let low = Infinity, high = -Infinity;
    for (const list of lists) for (let n = i; n < j; n += 1) { low = Math.min(low, list[n]); high = Math.max(high, list[n]); }
    const room = 0.08 * (high - low) || Math.abs(high) || 1;
    return [low - room, high + room];
  }

  function drawApproximant() {
    const now = approximants[at], before = approximants[Math.max(at - 1, 0)];
    const [low, high] = extent([f, now]);
    const p = panel($("approximant"), 230, low, high, false, 5);
    curve(p, f, "f");
    if (at) curve(p, before, "before");
    curve(p, now, "now");
    vertical(p);
    $("approximant").setAttribute("aria-label", `Target and approximant after grade ${data.shown[at]}`);
  }

  function reach(n) {
    if (data.upper[n] !== null && data.upper[n] > 0) return data.upper[n];
    return Math.max(...e(n).map(Math.abs)) || 1;
  }

  function drawResidual() {
    const top = 1.18 * reach($("same").checked ? 0 : at);
    const p = panel($("residual"), 250, -top, top, false, 5);
    const envelope = c.envelopes[at];
    if (envelope) {
      const starts = sum(envelope.at);
      envelope.up.forEach((n, i) => {
        const a = starts[i] / size, b = (i + 1 < starts.length ? starts[i + 1] : size) / size;
        if (b < view[0] || a > view[1]) return;
        const y = n === null ? 2 * top : n * envelope.unit;
        const left = Math.max(p.px(a), LEFT - 5), right = Math.min(p.px(b), p.width);
        const high = Math.min(y, 2 * top);
        p.inside.append(make("rect", { class: "band", x: left.toFixed(2), width: (right - left).toFixed(2), y: p.py(high).toFixed(1), height: (p.py(-high) - p.py(high)).toFixed(1) }));
      });
    }
    p.inside.append(make("line", { class: "zero", x1: LEFT, x2: p.width, y1: p.py(0), y2: p.py(0) }));
    if (at) curve(p, e(at - 1), "before");
    curve(p, e(at), "now");
    const upper = data.upper[at];
    if (upper !== null && data.certified) {
      for (const v of [upper, -upper]) p.inside.append(make("line", { class: "bound", x1: LEFT, x2: p.width, y1: p.py(v), y2: p.py(v) }));
    }
    for (const [first, count] of c.grew[at]) {
      const a = p.px(t[Math.max(first - 0.5, 0) | 0]), b = p.px(t[Math.min(first + count, t.length - 1)]);
      p.inside.append(make("rect", { class: "grew", x: a, width: Math.max(b - a, 1), y: p.base - 7, height: 7 }));
    }
    vertical(p);
    $("residual").setAttribute("aria-label", `Residual after grade ${data.shown[at]}${envelope ? " in its proved envelope" : ""}`);
  }

  function drawMesh() {
    if (!c.leaves) return; // a trained model has no mesh of its own
    const k = data.shown[at];
    const level = k ? Number(text(k, "level")) : 0;
    const deepest = Math.max(...c.leaves.map((run) => run[0]), 1);
    const p = panel($("mesh"), 150, 0, deepest * 1.3, true, 4, deepest);
    const height = (l) => p.py(Math.min(l, level));
    let place = 0, done = "", live = "", edges = "";
    const bar = (a, b, l) => `M${p.px(Math.max(a, 2 * view[0] - view[1])).toFixed(2)} ${p.base}V${height(l).toFixed(1)}`
      + `H${p.px(Math.min(b, 2 * view[1] - view[0])).toFixed(2)}V${p.base}Z`;
    for (const [l, count] of c.leaves) {
      const a = place / size, b = a + count * 2 ** -l;
      place += count * 2 ** (c.bits - l);
      if (b < view[0] || a > view[1]) continue;
      if (l < level) done += bar(a, b, l); else live += bar(a, b, l);
      const side = 2 ** -Math.min(l, level);
      if (p.px(side) - p.px(0) < 4) continue;
      for (let s = Math.ceil(Math.max(a, view[0]) / side) * side; s <= Math.min(b, view[1]); s += side) {
        edges += `M${p.px(s).toFixed(1)} ${p.base}V${height(l).toFixed(1)}`;
      }
    }
    if (level === 0) live = `M${p.px(0)} ${p.base}V${p.base - 4}H${p.px(1)}V${p.base}Z`;
    p.inside.append(make("path", { class: "done", d: done }), make("path", { class: "live", d: live }), make("path", { class: "edge", d: edges }));
    const atoms = c.atoms[at];
    if (atoms === null) {
      p.inside.append(make("text", { class: "tick", x: p.width - RIGHT - 6, y: 20, "text-anchor": "end" }, "too many atoms to mark each"));
    }
    if (c.finest !== null && level > c.finest) {
      p.inside.append(make("text", { class: "tick", x: LEFT + 6, y: 20 }, `cells finer than level ${c.finest} are drawn at that level`));
    }
    for (const n of atoms || []) {
      const s = p.px((Math.abs(n) - 1) * 2 ** -level);
      if (s < LEFT - 5 || s > p.width) continue;
      const d = n > 0 ? `M${s - 4} 19h8l-4 -8z` : `M${s - 4} 11h8l-4 8z`;
      p.inside.append(make("path", { class: n > 0 ? "plus" : "minus", d }));
    }
    vertical(p, false);
    $("mesh").setAttribute("aria-label", `Mesh at level ${level} and the atoms of grade ${k}`);
  }

  function interpolate(list, s) {
    let i = t.findIndex((v) => v >= s);
    if (i <= 0) i = 1;
    const part = (s - t[i - 1]) / (t[i] - t[i - 1]);
    return list[i - 1] + part * (list[i] - list[i - 1]);
  }

  function showValues() {
    if (probe === null) { $("values").textContent = ""; return; }
    const k = data.shown[at];
    const four = (v) => number(v, 4);
    $("values").textContent = `${data.name} = ${number(x(probe), 7)}: f ≈ ${four(interpolate(f, probe))}, `
      + `f after grade ${k} ≈ ${four(interpolate(approximants[at], probe))}, residual ≈ ${four(interpolate(e(at), probe))} `
      + "(floating point, between samples)";
  }

  // -- zoom: view is the part of the unit interval that is shown ----------------------------------

  function setView(low, high) {
    const width = Math.min(1, Math.max(least, high - low));
    const middle = (low + high) / 2;
    const start = Math.min(1 - width, Math.max(0, middle - width / 2));
    view[0] = start;
    view[1] = start + width;
    draw();
  }
  function zoom(factor, about = (view[0] + view[1]) / 2) {
    setView(about - (about - view[0]) * factor, about + (view[1] - about) * factor);
  }
  function move(share) {
    const step = share * (view[1] - view[0]);
    setView(view[0] + step, view[1] + step);
  }
  function place(event) { // unit coordinate under the pointer
    const box = $("residual").getBoundingClientRect();
    return view[0] + (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT) * (view[1] - view[0]);
  }

  function listen() {
    const charts = $("charts");
    $("zoom-in").addEventListener("click", () => zoom(0.5));
    $("zoom-out").addEventListener("click", () => zoom(2));
    $("left").addEventListener("click", () => move(-0.25));
    $("right").addEventListener("click", () => move(0.25));
    $("whole").addEventListener("click", () => setView(0, 1));
    $("same").addEventListener("change", draw);
    charts.addEventListener("dblclick", () => setView(0, 1));
    charts.addEventListener("wheel", (event) => {
      if (!(charts.contains(document.activeElement) || event.ctrlKey)) return;
      if (event.deltaY > 0 && view[1] - view[0] >= 1) return;
      event.preventDefault();
      zoom(2 ** (Math.sign(event.deltaY) * 0.4), place(event));
    }, { passive: false });
    let drag = null;
    charts.addEventListener("pointerdown", (event) => {
      if (event.target.closest("svg")) drag = { x: event.clientX, view: view.slice(), moved: false };
    });
    charts.addEventListener("pointermove", (event) => {
      if (!drag || !event.buttons) return;
      const box = $("residual").getBoundingClientRect();
      const by = (drag.x - event.clientX) / (box.width - LEFT - RIGHT) * (drag.view[1] - drag.view[0]);
      if (Math.abs(drag.x - event.clientX) > 4) drag.moved = true;
      if (drag.moved) setView(drag.view[0] + by, drag.view[1] + by);
    });
    charts.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) setProbe(Math.min(1, Math.max(0, place(event))), true);
      drag = null;
    });
    $("probe").min = String(c.box[0]);
    $("probe").max = String(c.box[1]);
    $("probe").addEventListener("input", () => {
      const value = $("probe").valueAsNumber;
      const inside = value >= c.box[0] && value <= c.box[1];
      setProbe(inside ? (value - c.box[0]) / (c.box[1] - c.box[0]) : null, false);
    });
    new ResizeObserver(draw).observe(charts);
  }
  function setProbe(s, write) {
    probe = s;
    if (write && s !== null) $("probe").value = number(x(s), 7);
    draw();
  }

  // -- keys ---------------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest("input, select, textarea, .scroll, pre")) return;
    if (c && event.shiftKey && event.key === "ArrowLeft") move(-0.25);
    else if (c && event.shiftKey && event.key === "ArrowRight") move(0.25);
    else if (event.key === "ArrowLeft") show(at - 1);
    else if (event.key === "ArrowRight") show(at + 1);
    else if (c && (event.key === "+" || event.key === "=")) zoom(0.5);
    else if (c && (event.key === "-" || event.key === "−")) zoom(2);
    else if (c && event.key === "0") setView(0, 1);
    else return;
    event.preventDefault();
  });

  function draw() {
    if (!c) { drawMaps(); return; }
    drawApproximant();
    drawResidual();
    drawMesh();
    showValues();
  }

  $("explore").hidden = false;
  $("theme").hidden = false;
  theme();
  if (c) listen();
  show(Math.min(3, last));
})();
