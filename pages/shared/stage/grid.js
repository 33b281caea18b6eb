// A heatmap trace as an image on a canvas: Plotly takes 100 to 350 ms for what this does in 2.

/** Colour stops as 256 RGBA entries. */
function colourTable(scale) {
  const stops = scale.map(([at, colour]) => [at, rgba(colour)]);
  const table = new Uint8ClampedArray(1024);
  for (let i = 0, k = 0; i < 256; i++) {
    const at = i / 255;
    while (k < stops.length - 2 && at > stops[k + 1][0]) k++;
    const [[a, from], [b, to]] = [stops[k], stops[k + 1]];
    const t = Math.max(0, Math.min(1, (at - a) / (b - a || 1)));
    for (let c = 0; c < 4; c++) table[4 * i + c] = from[c] + t * (to[c] - from[c]);
  }
  return table;
}

/** Whether a trace is a plain heatmap on numeric axes that `Grid` can draw. */
const isGrid = (t) =>
  t.type === "heatmap" && t.z?.shape && Array.isArray(t.colorscale ?? []) && t.showscale !== true
  && typeof (t.x?.[0] ?? 0) === "number" && typeof (t.y?.[0] ?? 0) === "number";

class Grid {
  constructor(trace) {
    this.trace = trace;
    this.z = flat(trace.z);
    [this.rows, this.columns] = String(trace.z.shape).split(",").map(Number);
    this.x = this.#ends(flat(trace.x), this.columns);
    this.y = this.#ends(flat(trace.y), this.rows);
    let [low, high] = [Infinity, -Infinity];
    for (const v of this.z) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
    [this.low, this.high] = [trace.zmin ?? low, trace.zmax ?? high];
  }

  /** The outer edges of the cells, which Plotly centres on the coordinates. */
  #ends(at, n) {
    const [first, last] = at.length ? [at[0], at[at.length - 1]] : [0, n - 1];
    const half = n > 1 ? (last - first) / (n - 1) / 2 : 0.5;
    return [first - half, last + half];
  }

  /** Colour the cells; again only when the scale changes. */
  paint(scale) {
    const name = JSON.stringify(scale);
    if (name === this.name) return;
    this.name = name;
    const table = new Uint32Array(colourTable(scale).buffer);
    const image = new ImageData(this.columns, this.rows);
    const pixels = new Uint32Array(image.data.buffer);
    const factor = 255 / (this.high - this.low || 1);
    for (let i = 0; i < pixels.length; i++) {
      const v = (this.z[i] - this.low) * factor;
      if (v === v) pixels[i] = table[v < 0 ? 0 : v > 255 ? 255 : Math.round(v)]; // NaN stays clear
    }
    this.image ??= new OffscreenCanvas(this.columns, this.rows);
    this.image.getContext("2d").putImageData(image, 0, 0);
  }

  /** Draw on the axes of a Plotly figure: smooth as a whole, or row by row with gaps between. */
  draw(ctx, xaxis, yaxis) {
    const [left, right] = this.x.map((v) => onAxis(xaxis, v));
    const [first, last] = this.y.map((v) => onAxis(yaxis, v));
    const gap = this.trace.ygap ?? 0;
    const whole = !gap;
    ctx.imageSmoothingEnabled = true;
    ctx.imageSmoothingQuality = "high";
    const rows = whole ? 1 : this.rows;
    const tall = (last - first) / rows;
    for (let r = 0; r < rows; r++) {
      ctx.save();
      ctx.translate(left, first + r * tall + (Math.sign(tall) * gap) / 2);
      ctx.scale(1, Math.sign(tall)); // rows run upwards on an ordinary axis
      ctx.drawImage(this.image, 0, r, this.columns, whole ? this.rows : 1, 0, 0, right - left, Math.abs(tall) - gap);
      ctx.restore();
    }
  }
}
