// The play bar of a stage: buttons, slider, step and speed.

const ICON = {
  play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  first: "M6 5h2v14H6zM20 5v14L9 12z", last: "M16 5h2v14h-2zM4 5v14l11-7z",
  back: "M15.5 5v14L6 12z", forward: "M8.5 5v14L18 12z",
  save: SAVE,
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z", minus: "M5 11h14v2H5z",
  whole: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
};

/** A button with an icon of its own. */
function toolButton(name, label, onclick, extra = "") {
  return make("button", { type: "button", class: `tool ${extra}`, "aria-label": label, title: label, onclick }, icon(ICON[name]));
}

class Bar {
  constructor(stage) {
    const go = (step) => { stage.pause(); stage.seek(step); };
    this.slider = make("input", {
      type: "range", min: "0", max: "1", step: "1", value: "0", "aria-label": "Step of the race",
      oninput: () => go(+this.slider.value),
    });
    this.counter = make("output", { class: "counter" });
    this.speedBox = make("select", { class: "speed", "aria-label": "Playback speed", title: "Playback speed",
      onchange: () => (stage.memory.speed = +this.speedBox.value) },
      ...[0.25, 0.5, 1, 2, 4].map((v) => make("option", { value: String(v), selected: v === 1 }, `${v}×`)));
    this.playButton = toolButton("play", "Play", () => (stage.playing ? stage.pause() : stage.play()), "play");
    this.root = make("div", { class: "bar", role: "group", "aria-label": "Playback" },
      make("div", { class: "buttons" },
        toolButton("first", "To the start", () => go(0)),
        toolButton("back", "One step back", () => stage.stepBy(-1)),
        this.playButton,
        toolButton("forward", "One step forward", () => stage.stepBy(1)),
        toolButton("last", "To the end", () => go(Infinity))),
      this.slider, this.counter, this.speedBox);
  }

  /** Take over the race's number of steps and the speed. */
  set(steps, speed) {
    this.slider.max = steps;
    this.speedBox.value = String(speed);
  }

  /** Say at which step the play head is. */
  show(step, steps) {
    this.slider.value = step;
    this.slider.style.setProperty("--at", `${(100 * step) / Math.max(1, steps)}%`);
    this.slider.setAttribute("aria-valuetext", `step ${step} of ${steps}`);
    this.counter.replaceChildren("step ", make("b", {}, String(step)), ` / ${steps}`);
  }

  /** Say whether it plays. */
  playing(yes) {
    const label = yes ? "Pause" : "Play";
    this.playButton.replaceChildren(icon(ICON[yes ? "pause" : "play"]));
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = label;
  }
}
