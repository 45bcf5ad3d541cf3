// What the benchmark's servers have in common: the same small response, and a first line that says where they listen.
// A server runs until its standard input ends; anything that goes wrong on a connection is told, and fails the run.
import { readFileSync } from 'node:fs';

const body = 'hello, world\n';

/** The handler of every contender. Content-Length spares all of them the chunked encoding. */
export function respond(request, response) {
  response.setHeader('Content-Length', body.length);
  response.end(body);
}

/** A file named by an environment variable that the benchmark sets. */
export function fileFrom(variable) {
  return readFileSync(process.env[variable], 'utf8');
}

/** Listens on a free port of 127.0.0.1 and tells it. */
export function serve(server) {
  for (const event of ['error', 'clientError', 'tlsClientError']) {
    server.on(event, (error, socket) => {
      tell({ event: 'failure', reason: `${event}: ${error.code ?? ''} ${error.message}` });
      socket?.destroy();
    });
  }
  server.listen(0, '127.0.0.1', () => tell({ event: 'listening', port: server.address().port }));
  process.stdin.on('end', () => process.exit()).resume();
}

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
