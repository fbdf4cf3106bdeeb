// The charts: one of memory, one small one a map, each made once and then given new data.
"use strict";

const charts = new Map();

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function hue(index) {
  return colour(`hue-${index % 8}`);
}

// A line is broken where readings are missing, not where they are merely thinned out for drawing.
function longestStep(times) {
  const steps = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
  return steps.length ? 4000 * steps[Math.floor(steps.length / 2)] + 1000 : 0;
}

// Readings taken during a census read low and are left out.
function points(times, values, masked = null) {
  const all = times.map((t, i) => ({ x: t * 1000, y: values[i] }));
  return masked ? all.filter((_, i) => !masked[i]) : all;
}

function line(label, data, color, extra = {}) {
  return {
    label, data, borderColor: color, backgroundColor: color, borderWidth: 1.5, pointRadius: data.length < 3 ? 2 : 0,
    pointHoverRadius: 3, tension: 0, ...extra,
  };
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];

// Round times of the reader's own day, and what to call them.
function timeTicks(axis, most) {
  const reach = (axis.max - axis.min) / 1000;
  const step = TIME_STEPS.find((one) => reach / one <= most) ?? TIME_STEPS.at(-1);
  const shift = new Date(axis.min).getTimezoneOffset() * 60;
  const ticks = [];
  for (let t = Math.ceil((axis.min / 1000 - shift) / step) * step + shift; t * 1000 <= axis.max; t += step) ticks.push({ value: t * 1000 });
  return ticks;
}

function timeLabel(value, reach) {
  const at = new Date(value), time = at.toLocaleTimeString("en-GB");
  if (reach < 600e3) return time;
  const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return reach > 172800e3 || time === "00:00:00" ? day : time.slice(0, 5);
}

// Steps that are round in the unit they are read in: 64 MiB and not 95.4 MiB.
function sizeTicks(axis, most, base) {
  const reach = Math.max(axis.max - axis.min, 1e-9);
  const unit = base ** Math.max(0, Math.floor(Math.log(Math.max(axis.max, 1)) / Math.log(base)));
  let step = (base === 1024 ? unit : 1) / 1000;
  for (let i = 0; reach / step > most; i += 1) step *= [2, 2.5, 2][i % 3];
  if (step < 1) step = 1;
  const ticks = [];
  for (let value = Math.ceil(axis.min / step) * step; value <= axis.max; value += step) ticks.push({ value });
  return ticks;
}

function options(show, { small = false, base = 1024, zero = false } = {}) {
  const ticks = { color: colour("soft"), font: { size: small ? 10.5 : 12 }, maxRotation: 0, autoSkip: false, padding: small ? 4 : 8 };
  return {
    animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
    interaction: { mode: "nearest", intersect: false, axis: "x" },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: colour("card"), titleColor: colour("soft"), bodyColor: colour("ink"), borderColor: colour("line"),
        borderWidth: 1, padding: 10, boxWidth: 8, boxHeight: 8, boxPadding: 4, titleFont: { weight: "normal" },
        callbacks: {
          title: (items) => (items.length ? clock(items[0].parsed.x / 1000) : ""),
          label: (item) => ` ${item.dataset.label}  ${show(item.parsed.y)}`,
        },
      },
    },
    scales: {
      x: {
        type: "time", bounds: "data", grid: { display: false }, border: { color: colour("line") },
        ticks: { ...ticks, callback(value) { return timeLabel(value, this.max - this.min); } },
        afterBuildTicks(axis) { axis.ticks = timeTicks(axis, Math.max(1, Math.floor(axis.width / 90))); },
      },
      y: {
        grace: "8%", beginAtZero: zero, grid: { color: colour("grid") }, border: { display: false },
        ticks: { ...ticks, callback: (value) => show(value) },
        afterDataLimits(axis) { axis.min = Math.max(0, axis.min); },
        afterBuildTicks(axis) { axis.ticks = sizeTicks(axis, small ? 3 : 6, base); },
      },
    },
  };
}

function draw(canvas, datasets, settings) {
  const known = charts.get(canvas);
  if (known && known.canvas.isConnected) {
    // Datasets keep their objects, so that a hover survives the refresh.
    const byLabel = new Map(known.data.datasets.map((set) => [set.label, set]));
    known.data.datasets = datasets.map((set) => Object.assign(byLabel.get(set.label) ?? {}, set));
    known.options = settings;
    known.update("none");
    return;
  }
  if (typeof Chart === "undefined") return;
  charts.set(canvas, new Chart(canvas, { type: "line", data: { datasets }, options: settings }));
}

function discard(canvas) {
  charts.get(canvas)?.destroy();
  charts.delete(canvas);
}
