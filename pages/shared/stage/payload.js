// What the stage is sent.

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
