// The floor: Node's event loop with no TLS at all.
import { createServer } from 'node:http';
import { respond, serve } from './serve.mjs';

serve(createServer(respond));
