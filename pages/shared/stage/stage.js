// The stage: map, legend, play bar and panels; one instance per mounted component.

const ICON = {
  play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  first: "M6 5h2v14H6zM20 5v14L9 12z", last: "M16 5h2v14h-2zM4 5v14l11-7z",
  back: "M15.5 5v14L6 12z", forward: "M8.5 5v14L18 12z",
  save: SAVE,
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z", minus: "M5 11h14v2H5z",
  whole: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
};
const RACE_SECONDS = 8; // a whole race at speed 1
const FACTS = ["Step", "f", "|g|", "LGI one-sided", "LGI two-sided", "Brake"];
const KEPT_GROUNDS = 12;
const COARSE = matchMedia("(pointer: coarse)"); // fingers
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/** What Python sent: facts, overlay, ground and panels; see `_payload` in stage.py. */
function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const numbers = bytes.byteOffset + 4 + length;
  const parts = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const fill = (node, at) => {
    if (Array.isArray(node.bdata)) {
      const [start, size] = node.bdata;
      node.bdata = bytes.buffer.slice(numbers + at + start, numbers + at + start + size);
    } else
      for (const child of Object.values(node)) if (child && typeof child === "object") fill(child, at);
  };
  for (const { value, at } of parts) if (value) fill(value, at);
  const [facts, overlay, ground, ...panels] = parts;
  return {
    stamp: parts.map((part) => part.stamp).join(""),
    facts: facts.value, overlay: overlay.value, ground: ground.value,
    panels: panels.map(({ stamp, value }) => ({ stamp, figure: value })),
  };
}

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
    this.#legend();
    this.#caption(facts.caption);
    this.slider.max = facts.steps;
    this.speedBox.value = String(memory.speed);
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
    if (this.solid) data.push(this.#headsTrace());
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
    this.#buttons();
    if (this.solid) this.#renderMap();
    this.frame ??= requestAnimationFrame((t) => this.#tick(t));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    if (this.memory.head !== null) this.memory.head = Math.round(this.memory.head);
    this.#buttons();
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

  #step(by) {
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
        this.#buttons();
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
    if (this.solid) this.#paintSolid(head);
    else
      this.layer.draw({
        head: head >= steps ? Infinity : head, theme: this.theme, hidden: this.hidden,
        lit: this.lit, asked: this.asked,
      });
    for (const panel of this.panels) if (!panel.due) panel.cursor(head); // those come anew with theirs
    const shown = Math.round(head);
    if (shown !== this.shown || steps !== this.shownOf) {
      [this.shown, this.shownOf] = [shown, steps];
      this.slider.value = shown;
      this.slider.style.setProperty("--at", `${(100 * shown) / Math.max(1, steps)}%`);
      this.slider.setAttribute("aria-valuetext", `step ${shown} of ${steps}`);
      this.counter.replaceChildren("step ", make("b", {}, String(shown)), ` / ${steps}`);
      this.root.dataset.head = shown;
    }
    this.counts.frames += 1;
  }

  // ---------------------------------------------------------------- the surface view

  #headsTrace() {
    const paths = this.layer.paths.filter((p) => !this.hidden.has(p.rule));
    const known = new Set(["circle", "square", "diamond", "cross", "x"]);
    return {
      type: "scatter3d", mode: "markers", hoverinfo: "skip", ...this.#heads(paths),
      marker: {
        size: 6, color: paths.map((p) => this.colours.get(p.rule)), opacity: 1,
        symbol: paths.map((p) => (known.has(p.symbol) ? p.symbol : "circle")),
        line: { color: this.theme.background, width: 1.5 },
      },
    };
  }

  #heads(paths) {
    const at = (p, axis) => {
      const values = (p.flat ??= { x: p.x, y: p.y, z: flat(p.trace.z) })[axis];
      return values[Math.min(Math.round(this.head), values.length - 1)];
    };
    return { x: paths.map((p) => at(p, "x")), y: paths.map((p) => at(p, "y")), z: paths.map((p) => at(p, "z")) };
  }

  #paintSolid() {
    const now = performance.now();
    const plotted = this.plot.data?.length;
    if (!plotted || (this.playing && now - (this.solidAt ?? 0) < 80)) return;
    this.solidAt = now;
    const { x, y, z } = this.#heads(this.layer.paths.filter((p) => !this.hidden.has(p.rule)));
    this.mapper.restyle(this.plot, { x: [x], y: [y], z: [z] }, [plotted - 1]);
  }

  // ---------------------------------------------------------------- pointer and keys on the map

  #point(e) {
    const r = this.plot.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  }

  #wireMap() {
    const on = (target, type, handler, options = {}) =>
      target.addEventListener(type, handler, { signal: this.life.signal, ...options });
    let down = null;
    on(this.map, "pointerdown", (e) => {
      const inside = e.target.closest?.(".nsewdrag") && !this.solid;
      down = inside && e.button === 0 && e.isPrimary ? { x: e.clientX, y: e.clientY, t: performance.now() } : null;
      if (inside) this.map.focus({ preventScroll: true });
      if (e.pointerType !== "mouse") this.#hover(e);
    }, { capture: true });
    on(window, "pointerup", (e) => {
      const from = down;
      down = null;
      if (!from || Math.hypot(e.clientX - from.x, e.clientY - from.y) >= 4) return;
      if (performance.now() - from.t < 800) this.#click(e);
    }, { capture: true });
    on(window, "pointercancel", () => (down = null), { capture: true });
    on(this.map, "pointermove", (e) => this.#hover(e, down), { capture: true });
    on(this.map, "pointerleave", () => this.tell(null));
    on(this.map, "wheel", (e) => { if (!e.ctrlKey && !e.metaKey && !this.solid) e.stopPropagation(); }, { capture: true, passive: true });
    on(this.root, "keydown", (e) => this.#key(e));
  }

  #click(e) {
    const { xaxis, yaxis } = this.plot._fullLayout;
    const [px, py] = this.#point(e);
    const point = { x: fromAxis(xaxis, px), y: fromAxis(yaxis, py) };
    this.asked = point; // a ring that stands still: an animation would compete with the answer
    this.tell(null);
    this.invalidate();
    this.send("click", point);
  }

  #hover(e, down) {
    if (!this.memory || this.solid || !this.plot._fullLayout) return;
    const moved = down && Math.hypot(e.clientX - down.x, e.clientY - down.y) >= 4;
    const [x, y] = this.#point(e);
    const hit = moved || e.target.closest?.("button") ? null : this.layer.nearest(x, y, this.hidden);
    if (!hit) return this.tell(null);
    const { path, index } = hit;
    const at = (column) => path.values[index * path.columns + column];
    const rows = FACTS.slice(0, path.columns).map((name, i) => [name, i ? pretty(at(i)) : String(at(0))]);
    const rect = this.plot.getBoundingClientRect();
    this.tell({
      title: path.name, colour: this.colours.get(path.rule), symbol: path.symbol, rows,
      x: rect.left + path.px[index], y: rect.top + path.py[index],
    });
  }

  #key(e) {
    if (!this.memory || e.ctrlKey || e.metaKey || e.altKey) return;
    const tag = e.target.tagName;
    if (tag === "SELECT" || (e.key === " " && tag === "BUTTON")) return;
    const by = e.shiftKey ? 10 : 1;
    const act = {
      " ": () => (this.playing ? this.pause() : this.play()),
      ArrowLeft: () => this.#step(-by), ArrowRight: () => this.#step(by),
      Home: () => { this.pause(); this.seek(0); }, End: () => { this.pause(); this.seek(Infinity); },
      Escape: () => this.tell(null),
    }[e.key];
    if (!act) return;
    if (e.key !== "Escape") e.preventDefault();
    act();
  }

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
    const button = (name, label, onclick, extra = "") =>
      make("button", { type: "button", class: `tool ${extra}`, "aria-label": label, title: label, onclick }, icon(ICON[name]));
    this.plot = make("div", { class: "plot" });
    this.tools = make("div", { class: "tools" },
      button("whole", "Whole map", () => this.#whole(), "when-zoomed"),
      button("minus", "Zoom out", () => this.#zoom(2), "zoom"),
      button("plus", "Zoom in", () => this.#zoom(0.5), "zoom"),
      button("save", "Save pictures and numbers", (e) => saveMenu(e.currentTarget, [
        ["Map as PNG", () => this.#save("png")], ["Map as SVG", () => this.#save("svg")],
        ["Curves as PNG", () => this.#saveCurves("png")], ["Curves as SVG", () => this.#saveCurves("svg")],
        ["Paths as numbers (CSV)", () => saveText(`${this.facts.filename}.csv`, csvOf(this.#rows()), "text/csv")],
      ])));
    this.map = make("div", { class: "map", role: "img", tabindex: "0" }, this.layer.floor, this.plot, this.layer.canvas);
    this.frameBox = make("div", { class: "map-frame" }, this.map, this.tools);
    this.legend = make("div", { class: "legend", role: "group", "aria-label": "Rules: press to hide or show" });
    this.caption = make("p", { class: "caption" });
    this.slider = make("input", {
      type: "range", min: "0", max: "1", step: "1", value: "0", "aria-label": "Step of the race",
      oninput: () => { this.pause(); this.seek(+this.slider.value); },
    });
    this.counter = make("output", { class: "counter" });
    this.speedBox = make("select", { class: "speed", "aria-label": "Playback speed", title: "Playback speed",
      onchange: () => (this.memory.speed = +this.speedBox.value) },
      ...[0.25, 0.5, 1, 2, 4].map((v) => make("option", { value: String(v), selected: v === 1 }, `${v}×`)));
    this.playButton = button("play", "Play", () => (this.playing ? this.pause() : this.play()), "play");
    this.bar = make("div", { class: "bar", role: "group", "aria-label": "Playback" },
      make("div", { class: "buttons" },
        button("first", "To the start", () => { this.pause(); this.seek(0); }),
        button("back", "One step back", () => this.#step(-1)),
        this.playButton,
        button("forward", "One step forward", () => this.#step(1)),
        button("last", "To the end", () => { this.pause(); this.seek(Infinity); })),
      this.slider, this.counter, this.speedBox);
    this.side = make("div", { class: "side" });
    this.tip = make("div", { class: "tip", hidden: true, role: "status" });
    this.trouble = make("p", { class: "trouble", role: "alert", hidden: true });
    this.root = make("div", { class: "sadam-stage", role: "group", "aria-label": "Race" },
      this.trouble,
      make("div", { class: "grid" },
        make("div", { class: "main" }, this.legend, this.frameBox, this.bar, this.caption), this.side),
      this.tip);
    this.root.stage = this;
    this.watch = new ResizeObserver(() => {
      clearTimeout(this.resizing);
      this.resizing = setTimeout(() => this.#resize(), 50);
    });
    parent.append(this.root);
    this.watch.observe(this.map);
    this.#wireMap();
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

  #legend() {
    const state = JSON.stringify([this.look, [...this.hidden], this.layer.paths.map((p) => [p.rule, p.name, p.dash, p.symbol, p.width])]);
    if (state === this.legendState) return;
    this.legendState = state;
    const focused = this.legend.contains(document.activeElement) && document.activeElement.dataset.rule;
    this.legend.replaceChildren(...this.layer.paths.map((p) => {
      const shown = !this.hidden.has(p.rule);
      const sample = make("span", { class: "sample", "aria-hidden": "true" });
      const colour = this.colours.get(p.rule);
      sample.innerHTML = '<svg width="28" height="14" viewBox="0 0 28 14"><line x1="0" y1="7" x2="28" y2="7"/><path transform="translate(14 7)"/></svg>';
      const [line, mark] = sample.querySelectorAll("line, path");
      line.setAttribute("stroke", colour);
      line.setAttribute("stroke-width", Math.min(3, p.width));
      line.setAttribute("stroke-dasharray", dashOf(p.dash, p.width).join(" "));
      mark.setAttribute("d", symbolPath(p.symbol, 4.4));
      mark.setAttribute("fill", colour);
      mark.setAttribute("stroke", this.theme.background);
      return make("button", {
        type: "button", class: "chip", "data-rule": p.rule, "aria-pressed": String(shown),
        title: shown ? `Hide ${p.name}` : `Show ${p.name}`,
        onclick: () => this.#toggle(p.rule),
        onpointerenter: (e) => { if (e.pointerType === "mouse") { this.lit = shown ? p.rule : null; this.invalidate(); } },
        onpointerleave: () => { this.lit = null; this.invalidate(); },
      }, sample, p.name);
    }));
    if (focused) this.legend.querySelector(`[data-rule="${CSS.escape(focused)}"]`)?.focus();
  }

  #toggle(rule) {
    if (!this.hidden.delete(rule)) this.hidden.add(rule);
    this.lit = null;
    this.#legend();
    this.#arrangePanels();
    this.paint();
    if (this.solid) this.#renderMap();
    this.#renderPanels().catch((error) => this.fail(error));
  }

  #buttons() {
    const label = this.playing ? "Pause" : "Play";
    this.playButton.replaceChildren(icon(ICON[this.playing ? "pause" : "play"]));
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = label;
    this.root.dataset.playing = String(!!this.playing);
  }

  #caption(text) {
    const parts = String(text ?? "").split(/\*\*(.+?)\*\*/g); // odd parts were between stars
    this.caption.replaceChildren(...parts.map((part, i) => (i % 2 ? make("strong", {}, part) : part)));
    this.caption.hidden = !text;
  }

  /** Show or hide the tooltip; x and y are in the window. */
  tell(what) {
    this.tip.hidden = !what;
    if (!what) return;
    const head = make("div", { class: "tip-title" }, what.title);
    if (what.colour) head.style.color = what.colour;
    this.tip.replaceChildren(head, make("dl", {}, ...what.rows.flatMap(([name, value, colour]) => {
      const term = make("dt", {}, name);
      if (colour) term.style.setProperty("--rule", colour);
      term.classList.toggle("ruled", !!colour);
      return [term, make("dd", {}, value)];
    })));
    const base = this.root.getBoundingClientRect();
    const { offsetWidth: w, offsetHeight: h } = this.tip;
    const x = what.x - base.left;
    const y = what.y - base.top;
    const left = x + 16 + w > base.width ? x - w - 16 : x + 16;
    this.tip.style.transform = `translate(${Math.round(Math.max(0, left))}px,${Math.round(Math.max(0, Math.min(y - h / 2, base.height - h)))}px)`;
  }

  /** The map as a picture: the complete figure in the light theme, as it is zoomed now. */
  async #save(format) {
    const { ground, facts } = this;
    const full = this.plot._fullLayout;
    const overlay = this.solid ? [] : this.data.overlay;
    const scale = ground.layout.meta?.ground_colorscales?.light;
    const data = [...ground.data, ...overlay]
      .filter((t) => !this.hidden.has(t.meta?.rule))
      .map((t) => {
        if (t.meta?.role === "ground") return { ...t, ...(scale && { colorscale: scale }), showscale: false, showlegend: false };
        if (t.meta?.role === "kink") return { ...t, line: { ...t.line, color: PAPER.kink }, showlegend: false };
        return { ...t, showlegend: t.meta?.role === "path" };
      });
    const [width, height] = this.solid ? [1000, 800] : [900, 960];
    const layout = dressLayout(ground.layout, PAPER, {
      width, height, margin: { l: 60, r: 20, t: 70, b: 50 }, showlegend: true,
      legend: { orientation: "h", y: 1.01, yanchor: "bottom", x: 0 }, paper_bgcolor: "#ffffff",
    });
    if (this.solid) layout.scene.camera = full.scene.camera;
    else for (const a of ["xaxis", "yaxis"]) layout[a].range = [...full[a].range];
    download(`${facts.filename}.${format}`, await this.mapper.toImage({ data, layout }, { format, width, height, scale: format === "png" ? 2 : 1 }));
  }

  /** What stands beside the map, one below the other. */
  async #saveCurves(format) {
    const paths = this.solid ? this.ground.data : this.data.overlay;
    const figures = this.panels.map((panel, i) => panel.onPaper(900, i ? [] : paths));
    await saveSvg(`${this.facts.filename}-curves`, await svgOf(this.Plotly, figures), format);
  }

  /** The paths, a row for each step. */
  #rows() {
    const rows = [["rule", "x", "y", ...FACTS]];
    const source = this.solid ? this.ground.data : this.data.overlay;
    for (const trace of source.filter((t) => t.meta?.role === "path" && !this.hidden.has(t.meta.rule))) {
      const [x, y, facts] = [flat(trace.x), flat(trace.y), flat(trace.customdata)];
      const columns = x.length ? facts.length / x.length : 0;
      for (let i = 0; i < x.length; i++)
        rows.push([trace.name, x[i], y[i], ...Array.from(facts.slice(i * columns, (i + 1) * columns))]);
    }
    return rows;
  }

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
