// The goals' ratios as a plot: one bar a ratio, node:tls at 1.

const width = 1020;
const left = 590;
const rowHeight = 22;
const widest = 1.5; // ratio at the right edge; a longer bar is cut there, its number says by how much

const colours = { event: '#0a7d5c', process: '#3367b0', other: '#7a5ea8', missed: '#c2452d', grid: '#bbb' };

/** @param {{ stamp: object, goals: object[] }} results @returns {string} an SVG document, fit for light and dark pages */
export function plot({ stamp, goals }) {
  const rows = goals.filter(({ against, bound }) => against === 'node-tls' && bound === 'most');
  const scale = (width - left - 60) / widest;
  const height = 64 + rows.length * rowHeight + 26;
  const parts = rows.map((goal, i) => bar(goal, 50 + i * rowHeight, scale));
  const one = left + scale;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="20" font-size="15" font-weight="600">s2n-pkey against node:tls with the key on disk: less is better</text>
<text x="12" y="38" fill="#555">green: the event loop's CPU; blue: the whole process's; the mark is the goal, and a missed one is red</text>
<line x1="${one}" x2="${one}" y1="46" y2="${height - 30}" stroke="${colours.grid}"/>
<text x="${one + 4}" y="${height - 30}" fill="#555" font-size="11">node:tls</text>
${parts.join('\n')}
<text x="12" y="${height - 10}" fill="#555" font-size="11">${escape(`${stamp.date.slice(0, 10)}, s2n-pkey ${stamp.package}, Node ${stamp.node}, ${stamp.s2nTls}, AWS-LC ${stamp.awsLc}, ${stamp.cpu}`)}</text>
</svg>
`;
}

function bar({ title, what, contender, value, limit, met }, y, scale) {
  const kind = what.startsWith("event loop's CPU")
    ? 'event'
    : what.startsWith('process')
      ? 'process'
      : 'other';
  const length = Math.min(widest, Math.max(0, value.median)) * scale;
  const mark = left + limit * scale;
  const name = `${shorten(title)}${contender === 'kms' ? ', KMS' : ''}: ${what}`;
  return `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escape(name)}</text>
<rect x="${left}" y="${y + 3}" width="${length.toFixed(1)}" height="${rowHeight - 7}" fill="${met ? colours[kind] : colours.missed}"/>
<line x1="${mark.toFixed(1)}" x2="${mark.toFixed(1)}" y1="${y + 1}" y2="${y + rowHeight - 2}" stroke="#111" stroke-width="2"/>
<text x="${(Math.max(left + length, mark) + 6).toFixed(1)}" y="${y + 14}">${value.median.toFixed(2)}</text>`;
}

function shorten(title) {
  return title.replace(/, closed in order by the client$/, '').replace(/ on a kept connection$/, '');
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
