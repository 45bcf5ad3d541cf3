// What the benchmark's servers have in common: the services that the load asks for, and the lines that tell the benchmark.
// A server runs until its standard input ends; anything that goes wrong on a connection is told, and fails the run.
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { WebSocketServer } from 'ws';

const small = 'hello, world\n';
const bulk = 4 * 1024 * 1024;
const delayResolution = 1; // ms
const bodies = new Map([['/13', small]]);

/** `GET /N` is answered with N bytes, a POST, once it is here, with few. Content-Length spares all the chunked encoding. */
function respond(request, response) {
  if (request.method === 'POST') request.on('end', () => answer(response, small)).resume();
  else answer(response, bodyOf(request.url));
}

function answer(response, body) {
  response.setHeader('Content-Length', body.length);
  response.end(body);
}

/** The same over HTTP/2. h2load goes when its time is up, in the middle of what it sends. */
function respondToStream(stream, headers) {
  const reply = (body) => {
    if (stream.closed || stream.destroyed) return;
    stream.respond({ ':status': 200, 'content-length': body.length });
    stream.end(body);
  };
  if (headers[':method'] === 'POST') stream.on('end', () => reply(small)).resume();
  else reply(bodyOf(headers[':path']));
}

function bodyOf(path) {
  let body = bodies.get(path);
  if (!body) bodies.set(path, (body = Buffer.alloc(Number(path.slice(1)), 'd')));
  return body;
}

/** `D16384\n`: 4 MiB down in writes of 16 KiB. `U16384\n` and 4 MiB up: a byte, once they are here. */
export function streamBulk(socket) {
  let head = '';
  let expected = 0;
  const take = (length) => {
    expected -= length;
    if (expected === 0) socket.write('k');
  };
  socket.on('data', (chunk) => {
    if (expected > 0) {
      take(chunk.length);
      return;
    }
    const end = chunk.indexOf('\n');
    head += chunk.toString('latin1', 0, end < 0 ? chunk.length : end);
    if (end < 0) return;
    const [direction, size] = [head[0], Number(head.slice(1))];
    head = '';
    if (direction === 'D') {
      writeAll(socket, bodyOf(`/${size}`));
    } else {
      expected = bulk;
      if (chunk.length > end + 1) take(chunk.length - end - 1);
    }
  });
}

function writeAll(socket, piece) {
  let left = bulk;
  const go = () => {
    while (left > 0) {
      left -= piece.length;
      if (!socket.write(piece) && left > 0) {
        socket.once('drain', go);
        return;
      }
    }
  };
  go();
}

/** A file named by an environment variable that the benchmark sets. */
export function fileFrom(variable) {
  return readFileSync(process.env[variable], 'utf8');
}

/**
 * Listens on free ports of 127.0.0.1 and tells them.
 *
 * @param {{ web: import('node:http').Server, h2: import('node:http2').Http2Server, stream: import('node:net').Server }} servers
 *   `web` and `h2` without listeners for requests, `stream` with `streamBulk` for connections
 * @param {Record<string, () => object>} more commands beyond those of all servers, with what answers them
 */
export async function serve({ web, h2, stream }, more = {}) {
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
    socket.on('error', () => {}); // The load just goes.
  });
  web.keepAliveTimeout = 0; // Thousands of idle connections take longer to make than Node's 5 s.
  web.on('request', respond);
  web.on('upgrade', (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (upgraded) => sockets.emit('connection', upgraded, request));
  });
  h2.on('stream', respondToStream);
  const ports = {};
  for (const [name, server] of Object.entries({ web, h2, stream })) ports[name] = await listen(name, server);
  tell({ event: 'listening', ports, pid: process.pid });
  takeCommands(more);
}

async function listen(name, server) {
  for (const event of ['error', 'clientError', 'tlsClientError']) {
    server.on(event, (error, socket) => {
      // A load that is done leaves; only h2load and the echo do so without a word.
      if (error.code === 'ECONNRESET' && (name === 'h2' || event === 'clientError')) return;
      tell({ event: 'failure', reason: `${name}: ${event}: ${error.code ?? ''} ${error.message}` });
      socket?.destroy();
    });
  }
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server.address().port;
}

/** A line each on standard input: `collect`, `watch-delay`, `delay`. */
function takeCommands(more) {
  let delay;
  createInterface({ input: process.stdin })
    .on('line', (command) => {
      if (command === 'collect') {
        globalThis.gc?.();
        tell({ event: 'collected' });
      } else if (command === 'watch-delay') {
        delay = monitorEventLoopDelay({ resolution: delayResolution });
        delay.enable();
        tell({ event: 'watching' });
      } else if (command === 'delay') {
        delay.disable();
        // A sample is the time between two timers that are `resolution` apart.
        const microseconds = (nanoseconds) => Math.max(0, nanoseconds / 1000 - delayResolution * 1000);
        tell({
          event: 'delay',
          p99: microseconds(delay.percentile(99)),
          max: microseconds(delay.max),
        });
      } else if (more[command]) {
        tell({ event: command, ...more[command]() });
      }
    })
    .on('close', () => process.exit());
}

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
