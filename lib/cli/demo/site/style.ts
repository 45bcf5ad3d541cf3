export const style = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f4f6f8, #0d1620);
  --card: light-dark(#fff, #142130);
  --line: light-dark(#dde4ea, #24364a);
  --text: light-dark(#16222e, #e4edf5);
  --dim: light-dark(#5a6b7b, #8ea3b7);
  --green: light-dark(#0b7a57, #5ee0b5);
  --gold: light-dark(#a06a00, #ffd479);
  --blue: light-dark(#1f5fbf, #7db4ff);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 72rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header { display: flex; gap: 1.25rem; align-items: flex-start; margin-bottom: 2rem; }
header img { flex: none; margin-top: .3rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em; }
h1 span { color: var(--green); }
header p { margin: .5rem 0 0; max-width: 46rem; color: var(--dim); }
main { display: grid; gap: 1.25rem; grid-template-columns: repeat(2, minmax(0, 1fr)); }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: .9rem; padding: 1.25rem 1.5rem; min-width: 0;
}
#certificate, #key { grid-column: 1 / -1; }
#key { grid-row: 1; }
h2 { margin: 0 0 .8rem; font-size: .8rem; text-transform: uppercase; letter-spacing: .08em; color: var(--dim); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 0; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
.mono, pre, dd, td { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; font-size: .88rem; }
.mono { margin: 0; font-size: 1.05rem; color: var(--gold); overflow-wrap: anywhere; }
#key-facts { margin: .4rem 0 0; color: var(--dim); }
#timeline { display: flex; height: 1.6rem; margin-top: 1.25rem; border-radius: .5rem; overflow: hidden; }
#timeline span {
  min-width: 2px;
}
#timeline .tls, #legend .tls::before { background: var(--blue); }
#timeline .kms, #legend .kms::before { background: var(--gold); }
#legend {
  display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1rem; margin: .6rem 0 0; padding: 0; list-style: none;
  color: var(--dim); font-size: .85rem;
}
#legend li::before {
  content: ""; display: inline-block; width: .7rem; height: .7rem; margin-right: .4rem; border-radius: .2rem;
}
#count {
  display: inline-block; min-width: 1.6rem; margin-left: .3rem; padding: 0 .5rem; border-radius: 1rem; text-align: center;
  background: var(--green); color: var(--card); letter-spacing: 0;
}
button {
  padding: .45rem .9rem; border: 0; border-radius: .5rem; background: var(--green); color: var(--card);
  font: inherit; font-weight: 600; cursor: pointer;
}
button:disabled { opacity: .5; cursor: default; }
#live { margin-left: .6rem; color: var(--dim); font-size: .88rem; }
#live.on::before { content: "●"; color: var(--green); margin-right: .35rem; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; color: var(--dim); font-size: .78rem; font-weight: 500; }
th, td { padding: .3rem .6rem .3rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
td:not(:nth-child(3)) { white-space: nowrap; }
th:last-child, td:last-child { text-align: right; padding-right: 0; }
tr.new td { animation: arrive 2s; }
@keyframes arrive { from { background: color-mix(in srgb, var(--gold) 45%, transparent); } }
pre { margin: 0; overflow-x: auto; color: var(--dim); line-height: 1.4; }
@media (max-width: 50rem) {
  main { grid-template-columns: minmax(0, 1fr); }
  body { padding: 1.5rem 1rem 3rem; }
  section { padding: 1rem; }
  header img { display: none; }
  td { font-size: .76rem; }
  th, td { padding-right: .4rem; }
}
`;
