// The floor: Node's event loop with no TLS at all.
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createNetServer } from 'node:net';
import { serve, streamBulk } from './services.mjs';

await serve({ web: createServer(), h2: createHttp2Server(), stream: createNetServer(streamBulk) });
