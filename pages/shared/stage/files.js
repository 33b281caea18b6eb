// What a stage saves: its map and its curves as pictures, its paths as numbers.

/** The map as a picture: the complete figure in the light theme, as it is zoomed now. */
async function saveMap(stage, format) {
  const { ground, facts } = stage;
  const full = stage.plot._fullLayout;
  const overlay = stage.solid ? [] : stage.data.overlay;
  const scale = ground.layout.meta?.ground_colorscales?.light;
  const data = [...ground.data, ...overlay]
    .filter((t) => !stage.hidden.has(t.meta?.rule))
    .map((t) => {
      if (t.meta?.role === "ground") return { ...t, ...(scale && { colorscale: scale }), showscale: false, showlegend: false };
      if (t.meta?.role === "kink") return { ...t, line: { ...t.line, color: PAPER.kink }, showlegend: false };
      return { ...t, showlegend: t.meta?.role === "path" };
    });
  const [width, height] = stage.solid ? [1000, 800] : [900, 960];
  const layout = dressLayout(ground.layout, PAPER, {
    width, height, margin: { l: 60, r: 20, t: 70, b: 50 }, showlegend: true,
    legend: { orientation: "h", y: 1.01, yanchor: "bottom", x: 0 }, paper_bgcolor: "#ffffff",
  });
  if (stage.solid) layout.scene.camera = full.scene.camera;
  else for (const a of ["xaxis", "yaxis"]) layout[a].range = [...full[a].range];
  download(`${facts.filename}.${format}`, await stage.mapper.toImage({ data, layout }, { format, width, height, scale: format === "png" ? 2 : 1 }));
}

/** What stands beside the map, one below the other. */
async function saveCurves(stage, format) {
  const paths = stage.solid ? stage.ground.data : stage.data.overlay;
  const figures = stage.panels.map((panel, i) => panel.onPaper(900, i ? [] : paths));
  await saveSvg(`${stage.facts.filename}-curves`, await svgOf(stage.Plotly, figures), format);
}

/** The paths, a row for each step. */
function pathRows(stage) {
  const rows = [["rule", "x", "y", ...FACTS]];
  const source = stage.solid ? stage.ground.data : stage.data.overlay;
  for (const trace of source.filter((t) => t.meta?.role === "path" && !stage.hidden.has(t.meta.rule))) {
    const [x, y, facts] = [flat(trace.x), flat(trace.y), flat(trace.customdata)];
    const columns = x.length ? facts.length / x.length : 0;
    for (let i = 0; i < x.length; i++)
      rows.push([trace.name, x[i], y[i], ...Array.from(facts.slice(i * columns, (i + 1) * columns))]);
  }
  return rows;
}
