// Starts verdaccio on a port that is free, and says which: its own command line takes a number only.
//   node start-verdaccio.cjs VERDACCIO/bin/verdaccio CONFIG.yaml
const { createRequire } = require('node:module');

const [script, config] = process.argv.slice(2);
const { runServer } = createRequire(script)('verdaccio');

async function main() {
  const server = await runServer(config);
  server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
}

void main();
