// A panel beside the map: a Plotly figure with a play head of its own above it.

class Panel {
  /** @param stage what a panel may ask for: seek, preview, theme, hidden, colours, show tooltip. */
  constructor(stage, signal) {
    this.stage = stage;
    this.title = make("div", { class: "panel-title" });
    this.plot = make("div", { class: "panel-plot" });
    this.canvas = make("canvas", { class: "overlay", "aria-hidden": "true" });
    this.box = make("div", { class: "panel-box" }, this.plot, this.canvas);
    this.root = make("section", { class: "panel" }, this.title, this.box);
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
    this.root.style.flexGrow = figure.layout.meta?.weight ?? 1;
    if (stamp === this.stamp) return false;
    [this.stamp, this.figure] = [stamp, figure];
    this.follows = figure.layout.meta?.cursor === "step";
    this.root.classList.toggle("follows", this.follows);
    const title = plainText(titleOf(figure.layout).text);
    this.title.textContent = title;
    this.title.hidden = !title;
    this.plot.setAttribute("role", "img");
    this.plot.setAttribute("aria-label", title || "Panel");
    this.lines = figure.data
      .filter((t) => t.meta?.rule != null && (t.type ?? "scatter") === "scatter" && t.meta.role !== "band")
      .map((t) => ({ trace: t, rule: t.meta.rule, x: flat(t.x), y: flat(t.y) }));
    return true;
  }

  async render(Plotly) {
    const { theme, hidden, colours } = this.stage;
    const [width, height] = [this.box.clientWidth, this.box.clientHeight];
    if (!this.figure || width < 40 || height < 40) return;
    const data = this.figure.data.map((t) => {
      const colour = colours.get(t.meta?.rule) ?? (t.meta?.color_dark ? colorFor(t, theme) : null);
      const out = { ...t };
      if (hidden.has(t.meta?.rule)) out.visible = false;
      if (colour && t.line) out.line = { ...t.line, color: colour };
      if (colour && t.marker && !Array.isArray(t.marker.color) && t.type !== "heatmap") out.marker = { ...t.marker, color: colour };
      if (this.follows) out.hoverinfo = "skip";
      return out;
    });
    const { layout } = this.figure;
    const layoutNow = dressLayout(layout, theme, {
      width, height, margin: { l: 50, r: 10, t: 4, b: titleOf(layout.xaxis).text ? 38 : 22, ...layout.meta?.margin },
      showlegend: false, dragmode: false, hovermode: this.follows ? false : "closest",
      uirevision: JSON.stringify([layout.xaxis?.range, layout.yaxis?.range]),
    });
    await Plotly.react(this.plot, data, layoutNow, {
      displayModeBar: false, scrollZoom: true, doubleClick: "reset", displaylogo: false,
    });
    if (!this.wired) {
      this.wired = true;
      for (const event of ["plotly_relayout", "plotly_relayouting", "plotly_afterplot"])
        this.plot.on(event, () => this.cursor(this.at));
    }
    this.cursor(this.at);
  }

  /** Draw the play head at a step. */
  cursor(step) {
    this.at = step;
    const full = this.plot._fullLayout;
    if (!full || !this.follows || step == null) return;
    const { theme, hidden, colours } = this.stage;
    const ctx = sharpContext(this.canvas, full.width, full.height);
    const { l, t, w, h } = full._size;
    const x = onAxis(full.xaxis, step);
    if (x < l - 1 || x > l + w + 1) return;
    ctx.fillStyle = theme.text;
    ctx.globalAlpha = 0.55;
    ctx.fillRect(Math.round(x) - 0.5, t, 1, h);
    ctx.globalAlpha = 1;
    for (const line of this.lines) {
      if (hidden.has(line.rule)) continue;
      const axis = full[`yaxis${(line.trace.yaxis ?? "y").slice(1)}`];
      const value = line.y[this.#index(line, step)];
      const y = onAxis(axis, value);
      if (!Number.isFinite(y) || y < t - 1 || y > t + h + 1) continue;
      ctx.beginPath();
      ctx.arc(x, y, 3, 0, 2 * Math.PI);
      ctx.fillStyle = colours.get(line.rule) ?? colorFor(line.trace, theme);
      ctx.strokeStyle = theme.background;
      ctx.lineWidth = 2;
      ctx.stroke();
      ctx.fill();
    }
  }

  destroy(Plotly) {
    Plotly?.purge(this.plot);
    this.root.remove();
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
    const rows = this.lines
      .filter((l) => !this.stage.hidden.has(l.rule))
      .map((l) => [l.trace.name ?? l.rule, pretty(l.y[this.#index(l, step)]), this.stage.colours.get(l.rule)]);
    this.stage.tell({ title: `Step ${step}`, rows, x: e.clientX, y: e.clientY });
  }
}
