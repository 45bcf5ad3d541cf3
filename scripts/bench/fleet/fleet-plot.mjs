// Signatures per 1,000 clients that come back, over the number of processes.

const width = 640;
const height = 320;
const area = { left: 60, right: 150, top: 60, bottom: 60 };
const colours = { own: '#c2452d', fleet: '#0a7d5c', grid: '#ddd' };

/** @returns {string} an SVG document, fit for light and dark pages */
export function fleetPlot(results, names, stamp) {
  const sizes = [...new Set(results.map(({ size }) => size))];
  const x = (size) =>
    area.left + (sizes.indexOf(size) / (sizes.length - 1)) * (width - area.left - area.right);
  const y = (signs) => height - area.bottom - (signs / 1000) * (height - area.top - area.bottom);
  const grid = [0, 250, 500, 750, 1000].map(
    (signs) =>
      `<line x1="${area.left}" x2="${width - area.right}" y1="${y(signs)}" y2="${y(signs)}" stroke="${colours.grid}"/>
<text x="${area.left - 8}" y="${y(signs) + 4}" text-anchor="end">${signs}</text>`,
  );
  const axis = sizes.map(
    (size) => `<text x="${x(size)}" y="${height - area.bottom + 18}" text-anchor="middle">${size}</text>`,
  );
  const series = Object.entries(names).map(([kind, name]) => {
    const points = results.filter((each) => each.kind === kind);
    const path = points.map(({ size, signs }) => `${x(size).toFixed(1)},${y(signs).toFixed(1)}`);
    const last = points.at(-1);
    const colour = colours[kind];
    return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>
${points.map(({ size, signs }) => `<circle cx="${x(size).toFixed(1)}" cy="${y(signs).toFixed(1)}" r="4" fill="${colour}"/>`).join('\n')}
<text x="${x(last.size) + 10}" y="${(y(last.signs) + 4).toFixed(1)}" fill="${colour}">${name}: ${last.signs.toFixed(0)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="20" font-size="15" font-weight="600">Signatures for 1,000 clients that come back: less is better</text>
<text x="12" y="38" fill="#555">over the number of processes behind a balancer that takes turns</text>
${[...grid, ...axis, ...series].join('\n')}
<text x="12" y="${height - 10}" fill="#555" font-size="11">${stamp.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>
</svg>
`;
}
