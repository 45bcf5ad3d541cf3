/** What Node's http servers keep about their connections. The same on Node 20, 22, 24 and 26. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface HttpSocketInternals {
  /** The response that is being sent. */
  _httpMessage?: ServerResponse | null;
  /** Null once the connection is upgraded. */
  parser?: unknown;
}

/** The response that an HTTP/1 server is sending on this socket. */
export function responseOf(socket: Socket): ServerResponse | undefined {
  return (socket as HttpSocketInternals)._httpMessage ?? undefined;
}

/** Whether an HTTP/1 server reads requests from this socket. */
export function readsRequests(socket: Socket): boolean {
  return ((socket as HttpSocketInternals).parser ?? undefined) !== undefined;
}

/**
 * Runs `run`, and returns those of `objects` whose `method` it called. The calls themselves have no effect. So `close` of a
 * server can be called without its cutting off connections that it holds to be idle: Node counts a response as sent when
 * `end()` was called, although its bytes are still buffered.
 */
export function callsOf<T extends object>(objects: Iterable<T>, method: keyof T, run: () => void): T[] {
  const called: T[] = [];
  const restore: (() => void)[] = [];
  for (const object of objects) {
    const own = Object.getOwnPropertyDescriptor(object, method);
    const noted = (): T => {
      called.push(object);
      return object;
    };
    Object.defineProperty(object, method, { value: noted, configurable: true, writable: true });
    restore.push(() => {
      if (own) Object.defineProperty(object, method, own);
      else Reflect.deleteProperty(object, method);
    });
  }
  try {
    run();
  } finally {
    for (const each of restore) each();
  }
  return called;
}
