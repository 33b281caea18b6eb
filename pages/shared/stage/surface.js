// The surface view of a stage: play heads in space.

/** The play heads as a trace of the surface, the last of its traces. */
function headsTrace(stage) {
  const paths = stage.layer.paths.filter((p) => !stage.hidden.has(p.rule));
  const known = new Set(["circle", "square", "diamond", "cross", "x"]);
  return {
    type: "scatter3d", mode: "markers", hoverinfo: "skip", ...headsOf(stage, paths),
    marker: {
      size: 6, color: paths.map((p) => stage.colours.get(p.rule)), opacity: 1,
      symbol: paths.map((p) => (known.has(p.symbol) ? p.symbol : "circle")),
      line: { color: stage.theme.background, width: 1.5 },
    },
  };
}

/** Where they are. */
function headsOf(stage, paths) {
  const at = (p, axis) => {
    const values = (p.flat ??= { x: p.x, y: p.y, z: flat(p.trace.z) })[axis];
    return values[Math.min(Math.round(stage.head), values.length - 1)];
  };
  return { x: paths.map((p) => at(p, "x")), y: paths.map((p) => at(p, "y")), z: paths.map((p) => at(p, "z")) };
}

/** Move them to the step that is shown; while playing not with every frame, as a frame is slow. */
function moveHeads(stage) {
  const now = performance.now();
  const plotted = stage.plot.data?.length;
  if (!plotted || (stage.playing && now - (stage.solidAt ?? 0) < 80)) return;
  stage.solidAt = now;
  const { x, y, z } = headsOf(stage, stage.layer.paths.filter((p) => !stage.hidden.has(p.rule)));
  stage.mapper.restyle(stage.plot, { x: [x], y: [y], z: [z] }, [plotted - 1]);
}
