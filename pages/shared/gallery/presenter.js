// Presenter mode: its bar, and its keys wherever the focus is.

const TAKES_KEYS = "input, textarea, select, [contenteditable=true], [role=slider], [role=radio], [role=combobox]";

class Presenter {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "sadam-presenter";
    this.life = new AbortController();
    parent.append(this.root);
    document.documentElement.classList.add("sadam-presents");
    window.addEventListener("keydown", (e) => this.#key(e), { signal: this.life.signal });
  }

  update(data, send) {
    Object.assign(this, { data, send });
    const button = (label, text, act) => {
      const made = document.createElement("button");
      Object.assign(made, { type: "button", title: label, textContent: text, onclick: act });
      made.setAttribute("aria-label", label);
      return made;
    };
    const told = document.createElement("span");
    told.textContent = data.told;
    const walk = data.walks
      ? [button("Previous picture (p)", "‹", () => send("go", -1)), told, button("Next picture (n)", "›", () => send("go", 1))]
      : [];
    this.root.replaceChildren(...walk, button("Leave presenter mode (Esc)", "×", () => send("leave", true)));
  }

  #key(e) {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.(TAKES_KEYS)) return;
    const stage = document.querySelector(".sadam-stage");
    const walk = (step) => this.data.walks && (() => this.send("go", step));
    const pass = () => stage && !stage.contains(e.target) && !(e.key === " " && e.target.closest?.("button, a, summary"))
      && (() => stage.dispatchEvent(new KeyboardEvent("keydown", { key: e.key, shiftKey: e.shiftKey })));
    const act = { n: walk(1), p: walk(-1), Escape: () => this.send("leave", true),
      " ": pass(), ArrowLeft: pass(), ArrowRight: pass(), Home: pass(), End: pass() }[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  }

  destroy() {
    this.life.abort();
    document.documentElement.classList.remove("sadam-presents");
    this.root.remove();
  }
}

export default mounted(Presenter);
