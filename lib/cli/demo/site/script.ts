/** The page's own script, as the browser gets it. */
export const script = `const element = (id) => document.getElementById(id);
const milliseconds = (n) => n.toFixed(2) + ' ms';

function row(list, name, text) {
  const term = document.createElement('dt');
  const value = document.createElement('dd');
  term.textContent = name;
  value.textContent = text;
  list.append(term, value);
}

function segment(kind, from, to, whole, label) {
  const span = document.createElement('span');
  span.className = kind;
  span.style.width = (100 * (to - from)) / whole + '%';
  const entry = document.createElement('li');
  entry.className = kind;
  entry.textContent = label + ' ' + milliseconds(to - from);
  span.title = entry.textContent;
  element('timeline').append(span);
  element('legend').append(entry);
}

function showConnection({ facts, timing }) {
  element('facts').replaceChildren();
  element('timeline').replaceChildren();
  element('legend').replaceChildren();
  for (const [name, text] of Object.entries(facts)) row(element('facts'), name, text);
  if (!timing) return;
  segment('tls', 0, timing.asked, timing.done, 'TLS, before');
  segment('kms', timing.asked, timing.applied, timing.done, 'KMS Sign');
  segment('tls', timing.applied, timing.done, timing.done, 'TLS, after');
}

function showCall(call, fresh) {
  const tr = document.createElement('tr');
  if (fresh) tr.className = 'new';
  const time = new Date(call.at).toLocaleTimeString([], { hourCycle: 'h23' });
  for (const text of [time, call.purpose, '', milliseconds(call.took)]) tr.insertCell().textContent = text;
  // A narrow card breaks the scheme's name behind an underscore only.
  for (const part of call.scheme.split(/(?<=_)/)) tr.cells[2].append(part, document.createElement('wbr'));
  element('calls').prepend(tr);
  while (element('calls').rows.length > 12) element('calls').lastElementChild.remove();
  element('count').textContent = call.number;
}

const told = await (await fetch('/facts')).json();
element('where').textContent = told.where;
element('arn').textContent = told.key.arn;
element('key-facts').textContent = told.key.description;
element('certificate-text').textContent = told.certificate;
showConnection(told.connection);

const events = new EventSource('/events');
const live = element('live');
events.addEventListener('open', () => {
  element('calls').replaceChildren();
  live.className = 'on';
  live.textContent = 'live';
});
events.addEventListener('error', () => {
  live.className = 'off';
  live.textContent = 'the server is gone';
});
events.addEventListener('past', ({ data }) => showCall(JSON.parse(data), false));
events.addEventListener('sign', ({ data }) => showCall(JSON.parse(data), true));

const button = element('handshake');
button.addEventListener('click', async () => {
  button.disabled = true;
  await fetch('/handshake', { method: 'POST' });
  button.disabled = false;
});
document.documentElement.dataset.ready = 'true';
`;
