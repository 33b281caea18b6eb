// A panel beside the map: Plotly draws axes, we draw the lines and the play head.

/** Whether we can draw a trace ourselves (a line, or a band filled to itself); the rest is Plotly's. */
const isLine = (t) =>
  (t.type ?? "scatter") === "scatter" && t.mode === "lines" && [undefined, "none", "toself"].includes(t.fill)
  && (t.line?.shape ?? "linear") === "linear";

/** Whether a trace is the cross at which a diverged rule's line breaks off, which we draw too. */
const isLeft = (t) => t.meta?.role === "left";

/** The name in a layout of an axis that a trace calls "x2". */
const axisName = (trace, letter) => `${letter}axis${(trace[`${letter}axis`] ?? letter).slice(1)}`;

class Panel {
  /** @param stage what a panel may ask for: seek, preview, theme, hidden, colours, tell. */
  constructor(stage, signal) {
    this.stage = stage;
    this.title = make("div", { class: "panel-title" });
    this.plot = make("div", { class: "panel-plot" });
    this.canvas = make("canvas", { class: "overlay", "aria-hidden": "true" });
    this.box = make("div", { class: "panel-box" }, this.plot, this.canvas);
    this.root = make("section", { class: "panel" }, this.title, this.box);
    this.picture = document.createElement("canvas"); // lines without the play head
    const on = (type, handler, options = {}) => this.box.addEventListener(type, handler, { ...options, signal });
    on("pointerdown", (e) => this.#down(e), { capture: true });
    on("pointermove", (e) => this.#move(e), { capture: true });
    on("pointerup", () => (this.held = false), { capture: true });
    on("pointercancel", () => (this.held = false), { capture: true });
    on("pointerleave", () => this.#leave());
    on("wheel", (e) => { if (!e.ctrlKey && !e.metaKey) e.stopPropagation(); }, { capture: true, passive: true });
  }

  /** Take a figure; true if it must be drawn. */
  setData({ stamp, figure }) {
    if (stamp === this.stamp) return false;
    [this.stamp, this.figure] = [stamp, figure];
    const { data, layout } = figure;
    this.root.style.flexGrow = layout.meta?.weight ?? 1;
    this.follows = layout.meta?.cursor === "step";
    this.root.classList.toggle("follows", this.follows);
    const title = plainText(titleOf(layout).text);
    this.title.textContent = title;
    this.title.hidden = !title;
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute("aria-label", title || "Panel");
    this.patches = {};
    const traces = (this.traces = data.map((t) => this.#numbered(t)));
    this.own = traces.every((t) => isLine(t) || isGrid(t) || isLeft(t));
    this.grids = this.own ? traces.filter(isGrid).map((t) => new Grid(t)) : [];
    const lines = traces
      .filter((t) => isLine(t) && (this.own || t.meta?.rule != null))
      .map((t) => ({ trace: t, rule: t.meta?.rule, x: flat(t.x), y: flat(t.y) }));
    this.crosses = this.own ? traces.filter(isLeft) : [];
    this.bands = lines.filter((l) => l.trace.fill === "toself");
    this.lines = lines.filter((l) => !this.bands.includes(l));
    if (this.own) this.#findRanges(traces);
    const names = Object.values(this.patches).flatMap((p) => p.ticktext ?? []);
    this.left = Math.max(50, layout.meta?.margin?.l ?? 0, ...names.map((n) => 14 + 6.1 * n.length));
    return true;
  }

  /** Draw what changed; Plotly is called only when axes, theme or size did. */
  async render(Plotly, left, lowest) {
    const { theme } = this.stage;
    const [width, height] = [this.box.clientWidth, this.box.clientHeight];
    if (!this.figure || width < 40 || height < 40) return;
    const { layout } = this.figure;
    const given = { ...layout };
    for (const [name, patch] of Object.entries(this.patches)) given[name] = { ...this.#ticks(layout[name], patch.range), ...layout[name], ...patch };
    if (this.follows && !lowest)
      for (const k of Object.keys(given)) if (k.startsWith("xaxis")) given[k] = { ...given[k], title: undefined };
    const titled = Object.keys(given).some((k) => k.startsWith("xaxis") && titleOf(given[k]).text);
    const dressed = dressLayout(given, theme, {
      width, height, showlegend: false, dragmode: false, hovermode: this.follows ? false : "closest",
      margin: { l: left, r: 10, t: 6, b: titled ? 38 : 22, ...layout.meta?.margin, ...(this.follows && { l: left }) },
      uirevision: JSON.stringify([layout.xaxis?.range, layout.yaxis?.range]),
    });
    const data = this.own ? this.empty : this.figure.data.map((t) => this.#dress(t));
    let redrawn = false;
    const state = JSON.stringify(this.own ? dressed : [dressed, this.stamp, [...this.stage.hidden]]);
    if (state !== this.state) {
      this.state = state;
      await Plotly.react(this.plot, data, dressed, {
        displayModeBar: false, scrollZoom: true, doubleClick: "reset", displaylogo: false,
      });
      this.reacts = (this.reacts ?? 0) + 1;
      redrawn = this.wired; // by the event that follows every plot
    }
    if (!this.wired) {
      this.wired = true;
      for (const event of ["plotly_relayout", "plotly_relayouting", "plotly_afterplot"])
        this.plot.on(event, () => this.#redraw());
    }
    if (!redrawn) this.#redraw();
  }

  /** The panel's figure for a saved picture; `named` traces lend it their legend. */
  onPaper(width, named) {
    const { layout } = this.figure;
    const given = { ...layout };
    for (const [name, patch] of Object.entries(this.patches)) given[name] = { ...layout[name], ...patch };
    const legend = named.filter((t) => t.meta?.role === "path" && !this.stage.hidden.has(t.meta.rule))
      .map((t) => ({ type: "scatter", x: [null], y: [null], mode: "lines", name: t.name, line: t.line }));
    const height = 60 + 170 * (layout.meta?.weight ?? 1) + (legend.length ? 40 : 0);
    const dressed = dressLayout(given, PAPER, {
      width, height, margin: { l: Math.max(70, this.left), r: 20, t: legend.length ? 76 : 36, b: 44 }, showlegend: legend.length > 0,
      title: { text: this.title.textContent, x: 0.01, y: 1, yref: "container", yanchor: "top", pad: { t: 10 }, font: { size: 13 } },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
    });
    const shown = this.traces.filter((t) => !this.stage.hidden.has(t.meta?.rule)).map((t) => ({ ...t, showlegend: false }));
    return { data: [...shown, ...legend], layout: dressed, width, height };
  }

  #redraw() {
    this.#sketch();
    this.#head();
  }

  /** The lines on a canvas of their own, once per change of data, zoom, theme or size. */
  #sketch() {
    const full = this.plot._fullLayout;
    if (!full || !this.own) return;
    const { hidden } = this.stage;
    const ctx = sharpContext(this.picture, full.width, full.height);
    for (const grid of this.grids) {
      const { rule } = grid.trace.meta ?? {};
      if (hidden.has(rule)) continue;
      const scale = grid.trace.colorscale;
      const colour = this.stage.colours.get(rule);
      if (colour) {
        const clear = rgba(scale[0][1])[3] === 0 && `rgba(${rgba(colour).slice(0, 3)},0)`;
        grid.paint([[0, clear || scale[0][1]], ...scale.slice(1, -1), [1, colour]]);
      } else grid.paint(scale);
      this.#inside(ctx, full, grid.trace, (xaxis, yaxis) => grid.draw(ctx, xaxis, yaxis));
    }
    for (const { trace, rule, x, y } of [...this.bands, ...this.lines]) {
      if (hidden.has(rule)) continue;
      ctx.globalAlpha = trace.opacity ?? 1;
      ctx.fillStyle = ctx.strokeStyle = this.#colour(trace);
      this.#inside(ctx, full, trace, (xaxis, yaxis) => {
        const px = allOnAxis(xaxis, x, 1e4);
        const py = allOnAxis(yaxis, y, 1e4);
        const width = trace.line?.width ?? 2;
        if (!trace.fill || trace.fill === "none")
          return strokeLine(ctx, measureLine({ px, py, width, dash: trace.line?.dash }), 0, px.length - 1);
        ctx.beginPath();
        for (let i = 0; i < px.length; i++) if (Number.isFinite(px[i] + py[i])) ctx.lineTo(px[i], py[i]);
        ctx.fill();
      });
    }
    ctx.globalAlpha = 1;
    for (const trace of this.crosses) if (!hidden.has(trace.meta.rule)) this.#cross(ctx, full, trace);
  }

  /** A cross, whole even at the edge of the axes. */
  #cross(ctx, full, trace) {
    const x = onAxis(full[axisName(trace, "x")], flat(trace.x)[0]);
    const y = onAxis(full[axisName(trace, "y")], flat(trace.y)[0]);
    ctx.strokeStyle = this.#colour(trace);
    ctx.lineWidth = trace.marker.line.width;
    ctx.stroke(new Path2D(`M${x - 4},${y - 4}l8,8m0,-8l-8,8`));
  }

  /** Draw within the axes of a trace. */
  #inside(ctx, full, trace, draw) {
    const [xaxis, yaxis] = [full[axisName(trace, "x")], full[axisName(trace, "y")]];
    ctx.save();
    ctx.beginPath();
    ctx.rect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
    ctx.clip();
    draw(xaxis, yaxis);
    ctx.restore();
  }

  /** Move the play head to a step. */
  cursor(step) {
    if (step === this.at) return;
    this.at = step;
    this.#head();
  }

  /** Draw the play head: what lies ahead is faint. */
  #head() {
    const step = this.at;
    const full = this.plot._fullLayout;
    if (!full || (!this.follows && !this.own)) return;
    if (!this.follows) {
      const ctx = sharpContext(this.canvas, full.width, full.height);
      ctx.drawImage(this.picture, 0, 0, full.width, full.height);
      return;
    }
    if (step == null) return;
    const { theme, hidden } = this.stage;
    const ctx = sharpContext(this.canvas, full.width, full.height);
    const { l, t, w, h } = full._size;
    const at = onAxis(full.xaxis, step);
    const x = Math.max(l, Math.min(l + w, at));
    if (this.own) {
      const ratio = this.picture.width / full.width;
      const slice = (from, to, alpha) => {
        if (to <= from) return;
        ctx.globalAlpha = alpha;
        ctx.drawImage(this.picture, from * ratio, 0, (to - from) * ratio, this.picture.height, from, 0, to - from, full.height);
      };
      const cut = Math.round(x * ratio) / ratio;
      slice(0, cut, 1);
      slice(cut, full.width, 0.28);
      ctx.globalAlpha = 1;
    }
    if (at < l - 1 || at > l + w + 1) return;
    ctx.fillStyle = theme.text;
    ctx.globalAlpha = 0.55;
    ctx.fillRect(Math.round(at) - 0.5, t, 1, h);
    ctx.globalAlpha = 1;
    for (const line of this.lines) {
      if (hidden.has(line.rule) || line.trace.meta?.role === "raw") continue;
      const axis = full[axisName(line.trace, "y")];
      const y = onAxis(axis, line.y[this.#index(line, step)]);
      if (!Number.isFinite(y) || y < t - 1 || y > t + h + 1) continue;
      ctx.beginPath();
      ctx.arc(at, y, 3, 0, 2 * Math.PI);
      ctx.fillStyle = this.#colour(line.trace);
      ctx.strokeStyle = theme.background;
      ctx.lineWidth = 2;
      ctx.stroke();
      ctx.fill();
    }
  }

  fail(error) {
    console.error(error);
    this.title.hidden = false;
    this.title.textContent = `${this.plot.getAttribute("aria-label")}: could not be drawn (${error.message})`;
  }

  destroy(Plotly) {
    Plotly?.purge(this.plot);
    this.root.remove();
  }

  #colour(trace) {
    return this.stage.colours.get(trace.meta?.rule) ?? colorFor(trace, this.stage.theme);
  }

  /** A trace for Plotly in the theme's colours. */
  #dress(t) {
    const colour = this.stage.colours.get(t.meta?.rule) ?? (t.meta?.color_dark && colorFor(t, this.stage.theme));
    const out = { ...t };
    if (this.stage.hidden.has(t.meta?.rule)) out.visible = false;
    if (colour && t.line) out.line = { ...t.line, color: colour };
    if (colour && t.marker && !Array.isArray(t.marker.color)) out.marker = { ...t.marker, color: colour };
    if (this.follows) out.hoverinfo = "skip";
    return out;
  }

  /** A heatmap whose rows have names, with numbers for them. */
  #numbered(t) {
    if (t.type !== "heatmap" || typeof t.y?.[0] !== "string") return t;
    const name = axisName(t, "y");
    const given = this.figure.layout[name]?.categoryarray;
    const names = (this.patches[name] ??= { type: "linear", tickmode: "array", ticktext: [...(given ?? [])], showgrid: false }).ticktext;
    for (const row of t.y) if (!names.includes(row)) names.push(row);
    this.patches[name].tickvals = names.map((_, i) => i);
    return { ...t, y: t.y.map((row) => names.indexOf(row)) };
  }

  /** Ranges of all axes: the figure's, or such that hold all data and seldom change. */
  #findRanges(traces) {
    const { layout } = this.figure;
    const parts = [...this.lines, ...this.bands, ...this.grids];
    for (const letter of ["x", "y"])
      for (const name of new Set(traces.map((t) => axisName(t, letter)))) {
        const axis = layout[name] ?? {};
        const own = letter === "x" ? parts : parts.filter((p) => axisName(p.trace, "y") === name);
        const range = axis.range ? [...axis.range] : this.#steady(name, this.#range(axis, own, letter));
        this.patches[name] = { ...this.patches[name], range, autorange: false };
      }
    // Plotly shows an axis only if some trace is on it.
    const pairs = new Map(traces.map((t) => [axisName(t, "x") + axisName(t, "y"), t]));
    this.empty = [...pairs.values()].map((t) => ({
      type: "scatter", x: [null], y: [null], xaxis: t.xaxis ?? "x", yaxis: t.yaxis ?? "y", hoverinfo: "skip",
    }));
  }

  /**
   * The last range of an axis as long as the data fit it and fill most of it: two races on one
   * landscape can be compared by eye, and Plotly draws axes only when they change.
   */
  #steady(name, [low, high]) {
    const place = `${this.stage.groundName} ${this.title.textContent}`;
    if (this.ranges?.place !== place) this.ranges = { place };
    const [from, to] = this.ranges[name] ?? [low, high];
    const inside = Math.min(low, high) >= Math.min(from, to) && Math.max(low, high) <= Math.max(from, to);
    return (this.ranges[name] = inside && Math.abs(high - low) > 0.6 * Math.abs(to - from) ? [from, to] : [low, high]);
  }

  #range(axis, parts, letter) {
    let [low, high] = [Infinity, -Infinity];
    for (const part of parts)
      for (const value of part[letter]) {
        const v = axis.type === "log" ? Math.log10(value) : value;
        if (!Number.isFinite(v)) continue;
        if (v < low) low = v;
        if (v > high) high = v;
      }
    if (low > high) [low, high] = [0, 1];
    if (letter === "y" && !parts.some((p) => p instanceof Grid)) {
      const pad = 0.04 * (high - low) || 0.5;
      const unit = axis.type === "log" ? (high - low > 6 ? 2 : high - low > 3 ? 1 : 0.5) : 10 ** Math.floor(Math.log10(high - low || 1)) / 2;
      low = axis.type !== "log" && (low === 0 || axis.rangemode === "tozero") ? Math.min(0, low) : Math.floor((low - pad) / unit) * unit;
      high = Math.ceil((high + pad) / unit) * unit;
    }
    return axis.autorange === "reversed" ? [high, low] : [low, high];
  }

  /** On a log axis of little more than a decade: 1, 2, 5. */
  #ticks(axis, [low, high]) {
    return axis?.type === "log" && Math.abs(high - low) < 1.6 ? { dtick: "D2" } : { nticks: 6 };
  }

  /** The last index of a line at or before a step. */
  #index(line, step) {
    let [low, high] = [0, line.x.length - 1];
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (line.x[mid] <= step + 1e-9) low = mid;
      else high = mid - 1;
    }
    return low;
  }

  /** The step under a pointer, or null outside the plot. */
  #step(e) {
    const full = this.plot._fullLayout;
    if (!full || !this.follows) return null;
    const r = this.box.getBoundingClientRect();
    const { l, w } = full._size;
    const x = e.clientX - r.left;
    if (!this.held && (x < l || x > l + w)) return null;
    return Math.round(fromAxis(full.xaxis, Math.max(l, Math.min(l + w, x))));
  }

  #down(e) {
    const step = this.#step(e);
    if (step === null || e.button !== 0) return;
    this.held = true;
    e.stopPropagation();
    this.box.setPointerCapture(e.pointerId);
    this.stage.seek(step);
    this.#tell(e, step);
  }

  #move(e) {
    const step = this.#step(e);
    if (step === null) return this.#leave();
    if (this.held) this.stage.seek(step);
    else if (e.pointerType === "mouse") this.stage.preview(step);
    this.#tell(e, step);
  }

  #leave() {
    if (this.held) return;
    this.stage.preview(null);
    this.stage.tell(null);
  }

  #tell(e, step) {
    const full = this.plot._fullLayout;
    const y = e.clientY - this.box.getBoundingClientRect().top;
    const here = ({ trace }) => {
      const { _offset: top, _length: height } = full[axisName(trace, "y")];
      return y >= top - 12 && y <= top + height + 12;
    };
    const shown = this.lines.filter((l) => !this.stage.hidden.has(l.rule) && l.trace.meta?.role !== "raw");
    const near = shown.filter(here);
    const rows = (near.length ? near : shown)
      .map((l) => [l.trace.name ?? l.rule, pretty(l.y[this.#index(l, step)]), this.#colour(l.trace)]);
    this.stage.tell({ title: `Step ${step}`, rows, x: e.clientX, y: e.clientY });
  }
}
