// The stage: map, legend, play bar and panels; one instance per mounted component.

const RACE_SECONDS = 8; // a whole race at speed 1
const FACTS = ["Step", "f", "|g|", "LGI one-sided", "LGI two-sided", "Brake"];
const KEPT_GROUNDS = 12;
const COARSE = matchMedia("(pointer: coarse)"); // fingers
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

class Stage {
  constructor(parent) {
    this.life = new AbortController();
    this.layer = new PathLayer();
    this.panels = [];
    this.counts = { ground: 0, panels: 0, frames: 0 };
    this.colours = new Map();
    this.speed = 1;
    this.#build(parent);
  }

  // ---------------------------------------------------------------- data

  /** Called for every rerun and every change of theme. */
  async update(bytes, send) {
    this.send = send;
    const data = bytes === this.bytes ? this.data : unpack(bytes);
    this.bytes = bytes;
    this.asked = null; // the server has answered
    this.invalidate();
    const theme = readTheme(this.root);
    const look = JSON.stringify(theme);
    if (data.stamp === this.data?.stamp && look === this.look) return;
    const { key, ground_stamp: stamp } = data.facts;
    const name = `${key}:${stamp}`;
    if (data.ground) {
      SHELF.grounds.delete(name);
      SHELF.grounds.set(name, data.ground);
      if (SHELF.grounds.size > KEPT_GROUNDS) SHELF.grounds.delete(SHELF.grounds.keys().next().value);
    }
    const ground = SHELF.grounds.get(name);
    if (!ground) return send("need", { ground: stamp }); // lost on the way: ask, keep the old picture
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.Plotly ??= await loadPlotly(data.facts.assets);
    const mapper = await loadPlotly(data.facts.assets, ground.data);
    if (turn !== this.turn || this.life.signal.aborted) return; // newer data came while loading
    if (this.mapper && mapper !== this.mapper) { // from the map to the surface, or back
      this.mapper.purge(this.plot);
      this.wired = false;
    }
    this.mapper = mapper;
    const redraw = name !== this.groundName || look !== this.look || "scene" in ground.layout;
    Object.assign(this, { data, theme, look, ground, groundName: name, facts: data.facts });
    this.memory = SHELF.memories.get(key) ?? { head: null, hidden: new Set(), speed: 1, played: false };
    SHELF.memories.set(key, this.memory);
    this.solid = "scene" in ground.layout;
    await this.#apply(redraw);
  }

  async #apply(redraw) {
    const { facts, memory } = this;
    this.pending = null;
    this.layer.setData(this.solid ? this.ground.data : this.data.overlay);
    this.colours = new Map(this.layer.paths.map((p) => [p.rule, colorFor(p.trace, this.theme)]));
    if (memory.head !== null) memory.head = Math.min(memory.head, facts.steps);
    this.root.classList.toggle("dark", this.theme.dark);
    this.root.classList.toggle("solid", this.solid);
    this.map.setAttribute("aria-label", facts.label || "Map of the landscape with the path of each rule");
    this.legend.draw();
    this.#caption(facts.caption);
    this.bar.set(facts.steps, memory.speed);
    this.#arrangePanels();
    if (redraw) await this.#renderMap();
    else this.layer.project(this.plot._fullLayout);
    this.paint();
    this.root.dataset.stamp = this.data.stamp;
    await this.#renderPanels();
    if (facts.autoplay && !memory.played && !CALM.matches) this.play(0);
    memory.played = true;
  }

  async #renderMap() {
    const { theme, ground } = this;
    const [width, height] = [this.map.clientWidth, this.map.clientHeight];
    if (width < 40 || height < 40) return;
    if (this.gridsOf !== ground) this.rest = this.layer.setGround(this.solid ? [] : ground.data);
    this.gridsOf = ground;
    this.scale = ground.layout.meta?.ground_colorscales?.[theme.dark ? "dark" : "light"];
    const data = (this.solid ? ground.data : this.rest).map((t) => this.#dressTrace(t, this.scale));
    if (this.solid) data.push(headsTrace(this));
    const margin = this.solid ? { l: 0, r: 0, t: 0, b: 0 } : { l: 46, r: 8, t: 8, b: 38, ...ground.layout.meta?.margin };
    const layout = dressLayout(ground.layout, theme, {
      width, height, margin, showlegend: false, hovermode: this.solid ? "closest" : false,
      dragmode: this.solid ? "turntable" : COARSE.matches ? (this.root.classList.contains("zoomed") ? "pan" : false) : "zoom",
      uirevision: this.solid ? this.groundName.split(":")[0] : JSON.stringify([ground.layout.xaxis?.range, ground.layout.yaxis?.range]),
    });
    if (!this.solid) for (const a of ["xaxis", "yaxis"]) layout[a].showgrid ??= false;
    await this.mapper.react(this.plot, data, layout, {
      displayModeBar: false, scrollZoom: true, doubleClick: false, displaylogo: false,
    });
    this.counts.ground += 1;
    this.root.dataset.groundDraws = this.counts.ground;
    if (!this.wired) {
      this.wired = true;
      for (const event of ["plotly_relayout", "plotly_relayouting", "plotly_afterplot"])
        this.plot.on(event, () => this.#moved());
    }
    this.#moved(false);
  }

  /** A trace of the map in the theme's colours. */
  #dressTrace(t, scale) {
    const { theme } = this;
    const role = t.meta?.role;
    const quiet = this.solid && role !== "path" ? {} : { hoverinfo: "skip" };
    if (t.type === "contour") t = { ...t, line: { ...t.line, color: theme.contour } };
    if (role === "ground") return { ...t, ...(scale && { colorscale: scale, autocolorscale: false }), ...quiet, showscale: false };
    if (role === "kink") return { ...t, ...quiet, line: { ...t.line, color: theme.kink, width: t.line?.width ?? 1 } };
    if (!this.solid) return { ...t, hoverinfo: "skip" };
    if (role === "end") return { ...t, visible: false };
    if (role === "minimiser" || role === "start") return { ...t, marker: { ...t.marker, color: theme.text } };
    if (role !== "path") return t;
    const rule = t.meta.rule ?? t.name;
    return {
      ...t, visible: !this.memory.hidden.has(rule), opacity: this.resting ? 1 : 0.35,
      line: { ...t.line, color: this.colours.get(rule) },
    };
  }

  /** After zoom, pan or resize: pixels of the paths follow the axes. */
  #moved(paint = true) {
    const full = this.plot._fullLayout;
    if (!full || this.solid) return;
    this.layer.project(full);
    this.layer.drawFloor(this.scale);
    const whole = this.ground.layout;
    const differs = ["xaxis", "yaxis"].some((a) => {
      const [given, now] = [whole[a]?.range, full[a].range];
      return given && Math.max(...now.map((v, i) => Math.abs(v - given[i]))) > 1e-9 * Math.abs(given[1] - given[0]);
    });
    this.root.classList.toggle("zoomed", differs);
    if (COARSE.matches && this.plot._fullLayout.dragmode !== (differs ? "pan" : false))
      this.mapper.relayout(this.plot, { dragmode: differs ? "pan" : false }); // a finger scrolls the page or moves a zoomed map
    if (paint) this.paint();
  }

  #arrangePanels() {
    const given = this.data.panels;
    while (this.panels.length > given.length) this.panels.pop().destroy(this.Plotly);
    while (this.panels.length < given.length) {
      const panel = new Panel(this, this.life.signal);
      this.panels.push(panel);
      this.side.append(panel.root);
      this.watch.observe(panel.box);
    }
    this.root.classList.toggle("alone", !given.length);
    const state = this.look + [...this.memory.hidden];
    this.panels.forEach((panel, i) => {
      if (panel.setData(given[i]) || panel.look !== state) panel.due = true;
      panel.look = state;
    });
  }

  /** Draw the panels that changed; those that Plotly draws one per task, so that nothing waits. */
  async #renderPanels() {
    const turn = (this.panelTurn = (this.panelTurn ?? 0) + 1);
    delete this.root.dataset.ready;
    // One left margin for all panels that follow the steps, so that their play heads line up.
    const left = Math.ceil(Math.max(50, ...this.panels.filter((p) => p.follows).map((p) => p.left)));
    const lowest = this.panels.findLast((p) => p.follows); // it alone names the steps
    for (const panel of this.panels) {
      if (!panel.due && left === this.left) continue;
      if (!panel.own) await new Promise((next) => setTimeout(next));
      if (turn !== this.panelTurn || this.life.signal.aborted) return;
      panel.due = false;
      panel.at = this.head;
      try {
        await panel.render(this.Plotly, left, panel === lowest);
      } catch (error) {
        panel.fail(error); // the others are still drawn
      }
      this.counts.panels += 1;
    }
    this.left = left;
    if (turn !== this.panelTurn) return;
    this.root.dataset.panelDraws = this.counts.panels;
    this.root.dataset.ready = "true";
  }

  // ---------------------------------------------------------------- play head

  get hidden() { return this.memory.hidden; }

  /** The step that is shown: a preview, the play head, or the end. */
  get head() { return this.peek ?? this.memory.head ?? this.facts.steps; }

  get resting() { return this.head >= this.facts.steps && !this.playing; }

  play(from) {
    if (!this.memory) return;
    if (from !== undefined || this.memory.head === null) this.memory.head = from ?? 0;
    this.peek = null;
    this.playing = true;
    this.clock = performance.now();
    this.#playState();
    if (this.solid) this.#renderMap();
    this.frame ??= requestAnimationFrame((t) => this.#tick(t));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    if (this.memory.head !== null) this.memory.head = Math.round(this.memory.head);
    this.#playState();
    if (this.solid) this.#renderMap();
    this.paint();
  }

  seek(step) {
    if (!this.memory) return;
    const to = Math.max(0, Math.min(this.facts.steps, step));
    this.peek = null;
    this.memory.head = to >= this.facts.steps && !this.playing ? null : to;
    this.invalidate();
  }

  /** Show another step while the pointer is on a panel; null goes back. Not while playing. */
  preview(step) {
    if (this.playing || this.peek === step) return;
    this.peek = step;
    this.invalidate();
  }

  /** Stop, and go so many steps on or back. */
  stepBy(by) {
    this.pause();
    this.seek(Math.round(this.head) + by);
  }

  #tick(now) {
    this.frame = null;
    if (this.life.signal.aborted) return;
    if (this.playing) {
      const { steps } = this.facts;
      const passed = Math.min(100, Math.max(0, now - this.clock)) / 1000;
      this.clock = now;
      this.memory.head += (passed * steps * this.memory.speed) / RACE_SECONDS;
      if (this.memory.head >= steps) {
        this.memory.head = null;
        this.playing = false;
        this.#playState();
        if (this.solid) this.#renderMap();
      }
    }
    this.paint();
    if (this.playing) this.frame = requestAnimationFrame((t) => this.#tick(t));
  }

  invalidate() { this.frame ??= requestAnimationFrame((t) => this.#tick(t)); }

  /** Draw all that depends on the play head. */
  paint() {
    if (!this.memory) return;
    const { head } = this;
    const { steps } = this.facts;
    if (this.solid) moveHeads(this);
    else
      this.layer.draw({
        head: head >= steps ? Infinity : head, theme: this.theme, hidden: this.hidden,
        lit: this.lit, asked: this.asked,
      });
    for (const panel of this.panels) if (!panel.due) panel.cursor(head); // those come anew with theirs
    const shown = Math.round(head);
    if (shown !== this.shown || steps !== this.shownOf) {
      [this.shown, this.shownOf] = [shown, steps];
      this.bar.show(shown, steps);
      this.root.dataset.head = shown;
    }
    this.counts.frames += 1;
  }

  // ---------------------------------------------------------------- zoom

  #zoom(factor) {
    const { xaxis, yaxis } = this.plot._fullLayout;
    const around = ([a, b]) => [(a + b) / 2 - ((b - a) / 2) * factor, (a + b) / 2 + ((b - a) / 2) * factor];
    this.mapper.relayout(this.plot, { "xaxis.range": around(xaxis.range), "yaxis.range": around(yaxis.range) });
  }

  #whole() {
    const { xaxis, yaxis } = this.ground.layout;
    this.mapper.relayout(this.plot, {
      ...(xaxis?.range ? { "xaxis.range": [...xaxis.range] } : { "xaxis.autorange": true }),
      ...(yaxis?.range ? { "yaxis.range": [...yaxis.range] } : { "yaxis.autorange": true }),
    });
  }

  // ---------------------------------------------------------------- what is built once

  #build(parent) {
    this.plot = make("div", { class: "plot" });
    this.tools = make("div", { class: "tools" },
      toolButton("whole", "Whole map", () => this.#whole(), "when-zoomed"),
      toolButton("minus", "Zoom out", () => this.#zoom(2), "zoom"),
      toolButton("plus", "Zoom in", () => this.#zoom(0.5), "zoom"),
      toolButton("save", "Save pictures and numbers", (e) => saveMenu(e.currentTarget, [
        ["Map as PNG", () => saveMap(this, "png")], ["Map as SVG", () => saveMap(this, "svg")],
        ["Curves as PNG", () => saveCurves(this, "png")], ["Curves as SVG", () => saveCurves(this, "svg")],
        ["Paths as numbers (CSV)", () => saveText(`${this.facts.filename}.csv`, csvOf(pathRows(this)), "text/csv")],
      ])));
    this.map = make("div", { class: "map", role: "img", tabindex: "0" }, this.layer.floor, this.plot, this.layer.canvas);
    this.frameBox = make("div", { class: "map-frame" }, this.map, this.tools);
    this.legend = new Legend(this);
    this.caption = make("p", { class: "caption" });
    this.bar = new Bar(this);
    this.side = make("div", { class: "side" });
    this.tip = new Tip();
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    this.root = make("div", { class: "sadam-stage", role: "group", "aria-label": "Race" },
      this.trouble,
      make("div", { class: "grid" },
        make("div", { class: "main" }, this.legend.root, this.frameBox, this.bar.root, this.caption), this.side),
      this.tip.root);
    this.root.stage = this;
    this.watch = new ResizeObserver(() => {
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.#resize(), 50);
    });
    parent.append(this.root);
    this.watch.observe(this.map);
    new Pointer(this);
  }

  #resize() {
    if (!this.mapper || !this.memory || this.life.signal.aborted) return;
    const { clientWidth: width, clientHeight: height } = this.map;
    const full = this.plot._fullLayout;
    if (width > 40 && !full) this.#renderMap().then(() => this.paint());
    else if (full && width > 40 && (full.width !== width || full.height !== height))
      this.mapper.relayout(this.plot, { width, height });
    for (const panel of this.panels) {
      const { clientWidth: w, clientHeight: h } = panel.box;
      const drawn = panel.plot._fullLayout;
      if (!drawn || drawn.width !== w || drawn.height !== h) panel.due = true;
    }
    this.#renderPanels().catch((error) => this.fail(error));
  }

  /** Hide a rule, or show it again. */
  toggle(rule) {
    if (!this.hidden.delete(rule)) this.hidden.add(rule);
    this.lit = null;
    this.legend.draw();
    this.#arrangePanels();
    this.paint();
    if (this.solid) this.#renderMap();
    this.#renderPanels().catch((error) => this.fail(error));
  }

  #playState() {
    this.bar.playing(this.playing);
    this.root.dataset.playing = String(!!this.playing);
  }

  #caption(text) {
    const parts = String(text ?? "").split(/\*\*(.+?)\*\*/g); // odd parts were between stars
    this.caption.replaceChildren(...parts.map((part, i) => (i % 2 ? make("strong", {}, part) : part)));
    this.caption.hidden = !text;
  }

  /** Show the tooltip, or with null hide it. */
  tell(what) { this.tip.tell(what); }

  /** Say what went wrong instead of showing nothing. */
  fail(error) {
    console.error(error);
    this.trouble.textContent = `The picture could not be drawn: ${error.message ?? error}. Reload the page to try again.`;
    this.trouble.hidden = false;
  }

  destroy() {
    this.life.abort();
    this.watch.disconnect();
    clearTimeout(this.resizing);
    if (this.frame) cancelAnimationFrame(this.frame);
    for (const panel of this.panels) panel.destroy(this.Plotly);
    this.mapper?.purge(this.plot);
    this.root.remove();
  }
}

export default mounted(Stage);
