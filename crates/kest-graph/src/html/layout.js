// Where the boxes of a view stand. Layers and their order come with the page; a view takes what it shows of them.

const BOX = { width: 240, height: 104, gap: 24, bend: 16, rise: 44 };

// `layout` has layers of slots (an item, or -1 - the number of an edge that passes by) and edges [parent, child]. Of it the
// items of `shown` are placed: {boxes: Map item -> {x, y}, lines: [{parent, child, path}], width, height}.
function place(layout, shown) {
  const kept = (slot) => (slot >= 0 ? shown.has(slot) : layout.edges[-1 - slot].every((end) => shown.has(end)));
  const layers = layout.layers
    .filter((slots) => slots.some((slot) => slot >= 0 && shown.has(slot)))
    .map((slots) => slots.filter(kept));
  const links = linksOf(layout, layers);
  const middles = middlesOf(layers, links);
  const [boxes, bends] = [new Map(), new Map()];
  layers.forEach((slots, layer) => {
    const y = layer * (BOX.height + BOX.rise);
    slots.forEach((slot, at) => {
      const x = middles[layer][at];
      if (slot >= 0) boxes.set(slot, { x, y });
      else bends.set(slot, [...(bends.get(slot) ?? []), { x, y }]);
    });
  });
  const lines = [];
  layout.edges.forEach(([parent, child], edge) => {
    const [from, to] = [boxes.get(parent), boxes.get(child)];
    if (!from || !to) return;
    let [x, y] = [from.x, from.y + BOX.height];
    let path = `M${x} ${y}`;
    for (const stop of [...(bends.get(-1 - edge) ?? []), { ...to, last: true }]) {
      const half = (stop.y - y) / 2;
      path += ` C${x} ${y + half} ${stop.x} ${stop.y - half} ${stop.x} ${stop.y}`;
      [x, y] = [stop.x, stop.y];
      if (!stop.last) path += ` L${x} ${(y += BOX.height)}`;
    }
    lines.push({ parent, child, path });
  });
  const width = Math.max(BOX.width, ...Array.from(boxes.values(), ({ x }) => x + BOX.width / 2));
  return { boxes, lines, width, height: Math.max(1, layers.length) * (BOX.height + BOX.rise) - BOX.rise };
}

// Of each slot, the places of those in the layer above that it hangs on.
function linksOf(layout, layers) {
  const above = layers.map((slots) => slots.map(() => []));
  const at = layers.map((slots) => new Map(slots.map((slot, place) => [slot, place])));
  const layerOf = new Map(layers.flatMap((slots, layer) => slots.filter((slot) => slot >= 0).map((slot) => [slot, layer])));
  layout.edges.forEach(([parent, child], edge) => {
    const [from, to] = [layerOf.get(parent), layerOf.get(child)];
    if (from === undefined || to === undefined) return;
    for (let layer = from + 1; layer <= to; layer++) {
      const upper = at[layer - 1].get(layer === from + 1 ? parent : -1 - edge);
      const lower = at[layer].get(layer === to ? child : -1 - edge);
      if (upper !== undefined && lower !== undefined) above[layer][lower].push(upper);
    }
  });
  const below = layers.map((slots) => slots.map(() => []));
  above.forEach((slots, layer) => slots.forEach((uppers, lower) => uppers.forEach((upper) => below[layer - 1][upper].push(lower))));
  return { above, below };
}

function middlesOf(layers, { above, below }) {
  const widths = layers.map((slots) => slots.map((slot) => (slot >= 0 ? BOX.width + BOX.gap : BOX.bend)));
  const middles = widths.map((row) => settle(row.map(() => 0), row));
  const adjust = (layer, fixed, links) => {
    const wishes = middles[layer].map((middle, at) => {
      const linked = links[layer][at].map((place) => middles[fixed][place]);
      return linked.length ? linked.reduce((sum, it) => sum + it, 0) / linked.length : middle;
    });
    middles[layer] = settle(wishes, widths[layer]);
  };
  for (let round = 0; round < 3; round++) {
    for (let layer = 1; layer < layers.length; layer++) adjust(layer, layer - 1, above);
    for (let layer = layers.length - 2; layer >= 0; layer--) adjust(layer, layer + 1, below);
  }
  let left = 0;
  middles.forEach((row, layer) => row.forEach((middle, at) => (left = Math.min(left, middle - widths[layer][at] / 2))));
  return middles.map((row) => row.map((middle) => Math.round(middle - left)));
}

// The places nearest to the wishes at which no slot overlaps the next (isotonic regression, by pooling).
function settle(wishes, widths) {
  let [offset, before] = [0, 0];
  const offsets = widths.map((width) => {
    offset += (before + width) / 2;
    before = width;
    return offset;
  });
  const blocks = [];
  wishes.forEach((wish, at) => {
    let block = [wish - offsets[at], 1];
    while (blocks.length && blocks.at(-1)[0] * block[1] >= block[0] * blocks.at(-1)[1]) {
      const [sum, count] = blocks.pop();
      block = [block[0] + sum, block[1] + count];
    }
    blocks.push(block);
  });
  const starts = blocks.flatMap(([sum, count]) => Array(count).fill(sum / count));
  return starts.map((start, at) => start + offsets[at]);
}
