// The gallery: cards whose pictures move while they are in view, and rest for who prefers that.

const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const AT_REST = 8.5; // seconds into the loop: everything is drawn

function tag(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

class Gallery {
  constructor(parent) {
    this.root = tag("div", { class: "sadam-gallery" });
    parent.append(this.root);
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this.#move(target, isIntersecting);
    });
    this.calm = () => this.root.querySelectorAll(".picture").forEach((p) => this.#move(p, true));
    CALM.addEventListener("change", this.calm);
  }

  update(data, send) {
    this.send = send;
    this.root.classList.toggle("dark", readTheme(this.root).dark);
    const look = JSON.stringify(data);
    if (look === this.look) return;
    this.look = look;
    this.root.replaceChildren(this.#legend(data.legend), ...data.cards.map((card) => this.#card(card, data.assets)));
  }

  /** How each optimizer looks in the pictures, and the minimum. */
  #legend(rules) {
    const legend = tag("ul", { class: "legend", "aria-label": "Optimizers by colour and marker" });
    for (const { title, color, color_dark, symbol } of [...rules, { title: "minimum", symbol: "star" }]) {
      const entry = tag("li", color ? { style: `--light:${color};--dark:${color_dark}` } : { class: "minimum" });
      entry.innerHTML = `<svg width="30" height="16" viewBox="0 0 30 16" aria-hidden="true">
        ${color ? '<line x1="0" y1="8" x2="30" y2="8"/>' : ""}
        <path transform="translate(15 8)" d="${symbolPath(symbol, 5)}"/></svg>`;
      entry.append(title);
      legend.append(entry);
    }
    return legend;
  }

  #card(card, assets) {
    const picture = tag("div", { class: "picture" });
    const best = tag("span", { class: "best", style: `--light:${card.color};--dark:${card.color_dark}` },
      `${card.what}: `, tag("b", {}, card.best), ` ${card.number}${card.lesson}`);
    const link = tag("a", {
      class: "card", href: `${ownUrl(card.path)}?${new URLSearchParams(card.query)}`, "data-preset": card.name,
    }, picture, tag("span", { class: "title" }, card.title), tag("span", { class: "told" }, card.told), best);
    link.addEventListener("click", (e) => {
      if (e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return; // a new tab: the address
      e.preventDefault();
      link.classList.add("opening");
      this.send("open", card.name);
    });
    this.#fill(picture, `${assets}${card.name}.svg?${card.stamp}`);
    return link;
  }

  async #fill(picture, path) {
    try {
      const answer = await fetch(ownUrl(path));
      if (!answer.ok) throw new Error(answer.statusText);
      const found = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
      picture.replaceChildren(document.importNode(found.documentElement, true));
      this.#move(picture, false);
      this.seen.observe(picture);
      picture.dataset.ready = "true";
    } catch (error) {
      picture.textContent = `The picture could not be loaded (${error.message}).`;
    }
  }

  /** Let a picture play while it is seen. */
  #move(picture, seen) {
    const svg = picture.querySelector("svg");
    if (!svg) return;
    if (CALM.matches) svg.setCurrentTime(AT_REST);
    if (seen && !CALM.matches) svg.unpauseAnimations();
    else svg.pauseAnimations();
  }

  destroy() {
    this.seen.disconnect();
    CALM.removeEventListener("change", this.calm);
    this.root.remove();
  }
}

export default mounted(Gallery);
