// The paths of a race on a canvas above the map: drawing, and finding the point under the pointer.

/** What a path trace says, decoded once per run. */
function readPath(trace) {
  const values = flat(trace.customdata);
  const x = flat(trace.x);
  return {
    trace, x, y: flat(trace.y), values, width: trace.line?.width ?? 2, dash: trace.line?.dash,
    columns: x.length ? Math.round(values.length / x.length) : 0,
    rule: trace.meta?.rule ?? trace.name, name: trace.name ?? trace.meta?.rule,
    symbol: trace.meta?.symbol ?? trace.marker?.symbol,
  };
}

const FRESH = 40; // steps behind the play head that are drawn at full strength

class PathLayer {
  constructor() {
    this.canvas = make("canvas", { class: "overlay", "aria-hidden": "true" });
    this.floor = make("canvas", { class: "overlay", "aria-hidden": "true" }); // below Plotly's lines
    this.full = document.createElement("canvas"); // all steps, drawn once
    this.trail = document.createElement("canvas"); // the steps behind the play head
    this.grids = [];
    this.paths = [];
    this.marks = [];
  }

  setData(overlay) {
    this.paths = overlay.filter((t) => t.meta?.role === "path").map(readPath);
    this.marks = overlay
      .filter((t) => t.meta?.role === "start" || t.meta?.role === "minimiser")
      .map((t) => ({ role: t.meta.role, x: flat(t.x), y: flat(t.y) }));
  }

  /** Take the heatmaps of the ground; what is left is for Plotly. */
  setGround(traces) {
    this.grids = traces.filter((t) => t.meta?.role === "ground" && isGrid(t)).map((t) => new Grid(t));
    return traces.filter((t) => !this.grids.some((g) => g.trace === t));
  }

  /** Recompute pixels for the axes of a drawn Plotly figure. */
  project(full) {
    const { xaxis, yaxis } = full;
    this.axes = { xaxis, yaxis };
    this.box = [xaxis._offset, yaxis._offset, xaxis._length, yaxis._length];
    this.size = [full.width, full.height];
    for (const p of this.paths) {
      p.px = allOnAxis(xaxis, p.x, 1e5);
      p.py = allOnAxis(yaxis, p.y, 1e5);
      measureLine(p);
    }
    this.known = null;
  }

  /** Draw the ground with a colour scale (or each heatmap's own). */
  drawFloor(scale) {
    const ctx = sharpContext(this.floor, ...this.size);
    ctx.beginPath();
    ctx.rect(...this.box);
    ctx.save();
    ctx.clip();
    for (const grid of this.grids) {
      grid.paint(scale ?? grid.trace.colorscale);
      grid.draw(ctx, this.axes.xaxis, this.axes.yaxis);
    }
    ctx.restore();
  }

  /** Draw everything at a play head (a fractional step); Infinity is the finished race. */
  draw({ head, theme, hidden, lit, asked }) {
    if (!this.box) return;
    const [left, top, width, height] = this.box;
    const ctx = sharpContext(this.canvas, ...this.size);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    this.#marks(ctx, theme);
    const shown = this.paths.filter((p) => !hidden.has(p.rule));
    const state = JSON.stringify([theme.dark, lit, [...hidden]]);
    if (state !== this.known) {
      this.known = state;
      const brush = this.#fresh(this.full);
      for (const p of shown) this.#stroke(brush, p, 0, p.px.length - 1, theme, lit);
      this.trailed = Infinity; // the trail is of another picture
    }
    if (head === Infinity) this.#lay(ctx, this.full, 0.86);
    else {
      const fresh = Math.max(0, Math.floor(head) - FRESH);
      this.#trail(shown, fresh, theme, lit);
      this.#lay(ctx, this.full, 0.16);
      this.#lay(ctx, this.trail, 0.5);
      for (const p of shown) this.#stroke(ctx, p, fresh, Math.min(head, p.px.length - 1), theme, lit);
    }
    for (const p of shown) {
      const [x, y] = this.#at(p, head);
      if (!Number.isFinite(x + y)) continue;
      ctx.globalAlpha = lit && lit !== p.rule ? 0.25 : 1;
      this.#symbol(ctx, p.symbol, x, y, lit === p.rule ? 7.5 : 6, colorFor(p.trace, theme), theme);
    }
    ctx.globalAlpha = 1;
    if (asked) this.#asked(ctx, asked, theme);
    ctx.restore();
  }

  /** The nearest point of a shown path within reach, or null. */
  nearest(x, y, hidden, reach = 12) {
    let best = null;
    let least = reach * reach;
    for (const p of this.paths) {
      if (hidden.has(p.rule) || !p.px) continue;
      for (let i = 0; i < p.px.length; i++) {
        const d = (p.px[i] - x) ** 2 + (p.py[i] - y) ** 2;
        if (d < least || (d === least && best)) [least, best] = [d, { path: p, index: i }];
      }
    }
    return best;
  }

  #stroke(ctx, p, from, to, theme, lit) {
    ctx.strokeStyle = colorFor(p.trace, theme);
    ctx.globalAlpha = lit && lit !== p.rule ? 0.12 : 1;
    strokeLine(ctx, p, from, to);
    ctx.globalAlpha = 1;
  }

  /** Bring the picture of all steps before `to` up to date; playing forward adds to it. */
  #trail(shown, to, theme, lit) {
    if (to === this.trailed) return;
    const brush = to > this.trailed ? this.trail.getContext("2d") : this.#fresh(this.trail);
    const from = to > this.trailed ? this.trailed : 0;
    for (const p of shown) this.#stroke(brush, p, from, Math.min(to, p.px.length - 1), theme, lit);
    this.trailed = to;
  }

  #fresh(canvas) {
    const ctx = sharpContext(canvas, ...this.size);
    ctx.beginPath();
    return ctx;
  }

  #lay(ctx, canvas, alpha) {
    ctx.globalAlpha = alpha;
    ctx.drawImage(canvas, 0, 0, ...this.size);
    ctx.globalAlpha = 1;
  }

  /** Where a path is at a fractional step, in pixels. */
  #at(p, head) {
    const last = p.px.length - 1;
    const i = Math.min(Math.floor(head), last);
    const j = Math.min(i + 1, last);
    const t = head >= last ? 0 : head - i;
    return [p.px[i] + t * (p.px[j] - p.px[i]), p.py[i] + t * (p.py[j] - p.py[i])];
  }

  #marks(ctx, theme) {
    for (const mark of this.marks)
      for (let i = 0; i < mark.x.length; i++) {
        const x = onAxis(this.axes.xaxis, mark.x[i]);
        const y = onAxis(this.axes.yaxis, mark.y[i]);
        if (mark.role === "minimiser") this.#symbol(ctx, "star", x, y, 6.5, theme.text, theme);
        else this.#ring(ctx, x, y, 7, theme, 1);
      }
  }

  #symbol(ctx, name, x, y, r, colour, theme) {
    const shape = new Path2D(symbolPath(name, r));
    ctx.save();
    ctx.translate(x, y);
    ctx.lineJoin = "round";
    ctx.lineWidth = 3;
    ctx.strokeStyle = theme.background;
    ctx.stroke(shape);
    ctx.fillStyle = colour;
    ctx.fill(shape);
    ctx.restore();
  }

  #ring(ctx, x, y, r, theme, alpha) {
    ctx.globalAlpha = alpha;
    for (const [width, colour] of [[4.5, theme.background], [2, theme.text]]) {
      ctx.beginPath();
      ctx.arc(x, y, r, 0, 2 * Math.PI);
      ctx.lineWidth = width;
      ctx.strokeStyle = colour;
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  #asked(ctx, { x, y }, theme) {
    this.#ring(ctx, onAxis(this.axes.xaxis, x), onAxis(this.axes.yaxis, y), 9, theme, 1);
  }
}
