// Colours, fonts, numbers and symbols, shared by the map and the panels.

const FONT_FALLBACK = "Inter, 'Source Sans', sans-serif";

/** The theme as Streamlit's CSS variables give it at this moment. */
function readTheme(element) {
  const css = getComputedStyle(element);
  const get = (name, otherwise) => css.getPropertyValue(`--st-${name}`).trim() || otherwise;
  const background = get("background-color", "#ffffff");
  const dark = luminance(background) < 0.35;
  const ink = dark ? "228,232,238" : "28,36,48";
  return {
    dark, background,
    text: get("text-color", dark ? "#e4e8ee" : "#1c2430"),
    muted: `rgba(${ink},${dark ? 0.66 : 0.64})`,
    grid: `rgba(${ink},0.09)`,
    line: `rgba(${ink},0.2)`,
    contour: dark ? "rgba(255,255,255,0.10)" : "rgba(20,26,36,0.09)",
    kink: dark ? "rgba(255,255,255,0.34)" : "rgba(20,26,36,0.42)",
    font: get("font", FONT_FALLBACK),
  };
}

/** Any CSS colour as [red, green, blue, alpha], each 0 to 255. */
function rgba(colour) {
  const probe = (rgba.probe ??= document.createElement("canvas").getContext("2d"));
  probe.fillStyle = colour; // the canvas normalises to #rrggbb or rgba()
  const text = probe.fillStyle;
  if (text[0] === "#") return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)).concat(255);
  const [r, g, b, a] = text.match(/[\d.]+/g).map(Number);
  return [r, g, b, 255 * a];
}

function luminance(colour) {
  const [r, g, b] = rgba(colour);
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

/** A layout in the theme's colours and fonts, for a box of the given size. */
function dressLayout(layout, theme, { width, height, margin, ...rest }) {
  const axis = (a = {}) => ({
    ...(a.type === "log" ? { exponentformat: "power" } : {}), ...a,
    ...(a.range ? { range: [...a.range] } : {}), // Plotly writes zooms into the array it is given
    gridcolor: theme.grid, linecolor: theme.line, tickcolor: theme.line, zeroline: false,
    tickfont: { color: theme.muted, size: 11 },
    title: { ...titleOf(a), font: { color: theme.muted, size: 12 }, standoff: 6 },
  });
  const out = {
    ...layout, width, height, margin, autosize: false, title: undefined, template: {},
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: theme.text, family: theme.font, size: 12 },
    hoverlabel: {
      bgcolor: theme.background, bordercolor: theme.line,
      font: { color: theme.text, family: theme.font, size: 12 },
    },
    ...rest,
  };
  const names = Object.keys(layout).filter((k) => /^[xy]axis\d*$/.test(k));
  for (const name of new Set([...names, "xaxis", "yaxis"])) out[name] = axis(layout[name]);
  for (const name of Object.keys(layout).filter((k) => /^scene\d*$/.test(k))) {
    out[name] = { ...layout[name] };
    for (const a of ["xaxis", "yaxis", "zaxis"])
      out[name][a] = { ...axis(layout[name][a]), backgroundcolor: "rgba(0,0,0,0)", showbackground: false };
  }
  if (layout.annotations)
    out.annotations = layout.annotations.map((a) => ({ ...a, font: { color: theme.muted, size: 11, ...a.font } }));
  return out;
}

const titleOf = (part) => (typeof part?.title === "string" ? { text: part.title } : part?.title ?? {});
const plainText = (html) => String(html ?? "").replace(/<br\s*\/?>/gi, " ").replace(/<[^>]*>/g, "");

/** The theme's version of a colour that the figure gives for a light background. */
const colorFor = (trace, theme) =>
  (theme.dark && trace.meta?.color_dark) || trace.line?.color || trace.marker?.color || theme.text;

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number for reading: four digits, powers of ten written out, a real minus. */
function pretty(value) {
  if (value == null || !Number.isFinite(+value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e-3 && size < 1e5) return String(+(+value).toPrecision(4)).replace("-", "−");
  const [digits, power] = (+value).toExponential(2).split("e");
  const raised = [...String(Math.abs(+power))].map((d) => SUPERSCRIPT[d]).join("");
  return `${digits.replace("-", "−")}·10${power < 0 ? "⁻" : ""}${raised}`;
}

/** Plotly's dash styles as canvas and SVG lengths. */
function dashOf(style, width) {
  if (!style || style === "solid") return [];
  const unit = Math.max(width, 2);
  const known = {
    dot: [1, 1.6], dash: [3.5, 2.5], longdash: [6, 3],
    dashdot: [4, 2, 1, 2], longdashdot: [6, 2.5, 1, 2.5],
  }[style];
  return known ? known.map((n) => n * unit) : style.split(/[\s,]+/).map(parseFloat);
}

const polygon = (points) => `M${points.map((p) => p.map((v) => v.toFixed(2)).join(",")).join("L")}Z`;
const ring = (n, r, turn = -Math.PI / 2, inner = 0) =>
  Array.from({ length: inner ? 2 * n : n }, (_, i) => {
    const a = turn + (i * 2 * Math.PI) / (inner ? 2 * n : n);
    const length = inner && i % 2 ? r * inner : r;
    return [length * Math.cos(a), length * Math.sin(a)];
  });
const plus = (r) => {
  const a = r * 0.38;
  return [[-a, -r], [a, -r], [a, -a], [r, -a], [r, a], [a, a], [a, r], [-a, r], [-a, a], [-r, a], [-r, -a], [-a, -a]];
};
const turned = (points) => points.map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]);

/** A Plotly marker symbol of radius r around the origin, as SVG path data. */
function symbolPath(name, r) {
  switch (String(name ?? "circle").replace(/-(open|dot)/g, "")) {
    case "square": return polygon([[-r, -r], [r, -r], [r, r], [-r, r]].map((p) => p.map((v) => v * 0.88)));
    case "diamond": return polygon(ring(4, r * 1.28));
    case "triangle-up": return polygon(ring(3, r * 1.3).map(([x, y]) => [x, y + r * 0.18]));
    case "triangle-down": return polygon(ring(3, r * 1.3, Math.PI / 2).map(([x, y]) => [x, y - r * 0.18]));
    case "triangle-left": return polygon(ring(3, r * 1.3, Math.PI).map(([x, y]) => [x + r * 0.18, y]));
    case "triangle-right": return polygon(ring(3, r * 1.3, 0).map(([x, y]) => [x - r * 0.18, y]));
    case "pentagon": return polygon(ring(5, r * 1.15));
    case "hourglass": return polygon([[-0.95, -1.1], [0.95, -1.1], [-0.95, 1.1], [0.95, 1.1]].map((p) => p.map((v) => v * r)));
    case "bowtie": return polygon([[-1.1, -0.95], [-1.1, 0.95], [1.1, -0.95], [1.1, 0.95]].map((p) => p.map((v) => v * r)));
    case "cross": return polygon(plus(r * 1.12));
    case "x": return polygon(turned(plus(r * 1.2)));
    case "star": return polygon(ring(5, r * 1.4, -Math.PI / 2, 0.42));
    case "hexagon": return polygon(ring(6, r * 1.12));
    default: return `M${r},0A${r},${r} 0 1 1 ${-r},0A${r},${r} 0 1 1 ${r},0Z`;
  }
}

const TYPED = {
  f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array, u1c: Uint8ClampedArray,
  i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array,
};

/** A figure's array, given as a list or as one of Plotly's blocks (bytes or base64), flat. */
function flat(array) {
  if (array == null) return [];
  if (array.bdata == null) return Array.isArray(array[0]) ? array.flat() : array;
  if (array.bdata instanceof ArrayBuffer) return new TYPED[array.dtype](array.bdata);
  const raw = atob(array.bdata);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new TYPED[array.dtype](bytes.buffer);
}

/** Pixel offsets along a Plotly axis (linear or log) as a function of data values. */
function alongAxis(axis) {
  const [a, b] = axis.range;
  const [start, log, up] = [axis._offset, axis.type === "log", axis._id[0] === "y"];
  const scale = axis._length / (b - a);
  return (value) => {
    const run = scale * ((log ? Math.log10(value) : value) - a);
    return start + (up ? axis._length - run : run);
  };
}

/** Pixel offset along a Plotly axis of a data value. */
const onAxis = (axis, value) => alongAxis(axis)(value);

/** The same of many values, none beyond `far`: a diverged run must not upset the canvas. */
function allOnAxis(axis, values, far) {
  const place = alongAxis(axis);
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = Math.max(-far, Math.min(far, place(values[i])));
  return out;
}

/** The data value at a pixel offset along a Plotly axis. */
function fromAxis(axis, pixel) {
  const share = (pixel - axis._offset) / axis._length;
  const [a, b] = axis.range;
  const v = a + (b - a) * (axis._id[0] === "y" ? 1 - share : share);
  return axis.type === "log" ? 10 ** v : v;
}

const CHUNK = 32; // steps that are judged together

/**
 * Measure a line given in pixels: how far it has run at each point, and where it runs to and fro.
 * Chattering is drawn as a solid hair line: readable, and twenty times faster to paint without a
 * graphics card than one wide stroke that overlaps itself.
 */
function measureLine(line) {
  const { px, py } = line;
  line.run = new Float32Array(px.length);
  line.dense = [];
  for (let start = 0; start < px.length; start += CHUNK) {
    const stop = Math.min(px.length - 1, start + CHUNK);
    let [left, right, top, bottom] = [px[start], px[start], py[start], py[start]];
    for (let i = start + 1; i <= stop; i++) {
      line.run[i] = line.run[i - 1] + (Math.hypot(px[i] - px[i - 1], py[i] - py[i - 1]) || 0);
      left = Math.min(left, px[i]);
      right = Math.max(right, px[i]);
      top = Math.min(top, py[i]);
      bottom = Math.max(bottom, py[i]);
    }
    const length = line.run[stop] - line.run[start];
    line.dense.push(length > 24 && length > 3.5 * Math.hypot(right - left, bottom - top));
  }
  return line;
}

/** Stroke points from..to of a measured line; `to` may lie between two points, `from` not. */
function strokeLine(ctx, { px, py, run, dense, width, dash }, from, to) {
  const thin = 1 / (window.devicePixelRatio || 1);
  const lengths = dashOf(dash, width);
  const whole = Math.floor(to);
  ctx.lineJoin = "miter";
  ctx.miterLimit = 2;
  for (let start = from; start < to; ) {
    const chunk = Math.floor(start / CHUNK);
    const stop = Math.min(whole, (chunk + 1) * CHUNK);
    let pen = false;
    ctx.beginPath();
    for (let i = start; i <= stop; i++) {
      const ok = Number.isFinite(px[i]) && Number.isFinite(py[i]);
      if (ok) ctx[pen ? "lineTo" : "moveTo"](px[i], py[i]);
      pen = ok;
    }
    const t = stop === whole && (chunk + 1) * CHUNK > whole ? to - whole : 0;
    if (pen && t) ctx.lineTo(px[whole] + t * (px[whole + 1] - px[whole]), py[whole] + t * (py[whole + 1] - py[whole]));
    ctx.setLineDash(dense[chunk] ? [] : lengths);
    ctx.lineDashOffset = run[start];
    ctx.lineWidth = dense[chunk] ? thin : width;
    ctx.stroke();
    start = t || stop === start ? to : stop;
  }
  ctx.setLineDash([]);
}

/** An element with attributes and children; text is always text. */
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** An icon drawn from path data in a 24 x 24 box. */
function icon(path, size = 18) {
  const node = make("span", { class: "icon", "aria-hidden": "true" });
  node.innerHTML = `<svg viewBox="0 0 24 24" width="${size}" height="${size}"><path d="${path}"/></svg>`;
  return node;
}

/** Make a canvas as sharp as the screen and return its context in CSS pixels. */
function sharpContext(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    [canvas.width, canvas.height] = [w, h];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  }
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  return ctx;
}
