// A table of cells, coloured by who wins; a click on one says which.

class Cells {
  constructor(parent) {
    this.table = make("table", {});
    this.root = make("div", { class: "sadam-stage sadam-cells" }, make("div", { class: "scroll" }, this.table));
    parent.append(this.root);
  }

  update(bytes, send) {
    this.send = send;
    if (bytes !== this.bytes) this.data = JSON.parse(new TextDecoder().decode(bytes));
    this.bytes = bytes;
    const theme = readTheme(this.root);
    const skin = JSON.stringify(theme);
    const { stamp, body } = this.data;
    if (stamp === this.stamp && skin === this.skin) return;
    Object.assign(this, { stamp, skin, theme });
    this.root.classList.toggle("dark", theme.dark);
    const focused = document.activeElement?.dataset?.pick;
    this.table.setAttribute("aria-label", body.label);
    this.table.replaceChildren(
      make("thead", {}, make("tr", {}, make("th", { class: "corner" }),
        ...body.columns.map((head) => this.#head(head, "col")))),
      make("tbody", {}, ...body.rows.map((row, i) =>
        make("tr", { class: i < body.lead ? "lead" : null }, this.#head(row.head, "row"),
          ...row.cells.map((cell) => this.#cell(cell, body.picked))))),
    );
    if (focused) this.table.querySelector(`[data-pick="${CSS.escape(focused)}"]`)?.focus();
    this.root.dataset.stamp = stamp;
    this.root.dataset.ready = "true";
  }

  #head({ title, note, color, color_dark, dash, pick }, scope) {
    const parts = [make("span", { class: "name" }, title)];
    if (color) parts.unshift(this.#swatch((this.theme.dark && color_dark) || color, dash));
    if (note) parts.push(make("span", { class: "note" }, note));
    const inner = pick
      ? make("button", { type: "button", "data-pick": pick, onclick: () => this.send?.("pick", pick) }, ...parts)
      : make("span", { class: "plain" }, ...parts);
    return make("th", { scope, title: note || title }, inner);
  }

  #swatch(colour, dash) {
    const node = make("span", { class: "swatch", "aria-hidden": "true" });
    const lengths = dashOf(dash, 3).join(" ");
    node.innerHTML = `<svg width="34" height="4" viewBox="0 0 34 4"><path d="M0,2H34" fill="none" stroke-width="3.4"/></svg>`;
    const path = node.querySelector("path");
    path.setAttribute("stroke", colour);
    path.setAttribute("stroke-dasharray", lengths);
    return node;
  }

  #cell({ text, note, tone, told, pick }, picked) {
    const parts = [make("span", { class: "text" }, text)];
    if (note) parts.push(make("span", { class: "note" }, note));
    const style = `--strength:${Math.round(100 * Math.abs(tone))}%`;
    const shape = `cell ${tone > 0 ? "closer" : tone < 0 ? "farther" : "even"}${pick && pick === picked ? " picked" : ""}`;
    const inner = pick
      ? make("button", {
          type: "button", class: shape, style, title: told, "aria-label": told, "data-pick": pick,
          onclick: () => this.send?.("pick", pick),
        }, ...parts)
      : make("span", { class: shape, style, title: told }, ...parts);
    return make("td", {}, inner);
  }

  destroy() { this.root.remove(); }
}

export default mounted(Cells);
