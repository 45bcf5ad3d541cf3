import type { Server } from 'node:net';
import { unsupported } from '../socket/unsupported-methods.ts';

const clientsKeepSessions =
  "clients keep sessions, in tickets, and a server keeps none; pass `ticketKeys` for servers that resume each other's";

/** Events of node:tls's servers that are not supported, and alternatives. docs/differences.md has the same list. */
export const unsupportedEvents: Readonly<Record<string, string>> = {
  newSession: clientsKeepSessions,
  resumeSession: clientsKeepSessions,
};

/** Throws for current and later listeners of these events, so that none waits silently. The error names the event. */
export function refuseUnsupportedEvents(server: Server): void {
  for (const event of Object.keys(unsupportedEvents)) {
    if (server.listenerCount(event) > 0) refuse(event);
  }
  server.on('newListener', refuse);
}

function refuse(event: string | symbol): void {
  const why =
    typeof event === 'string' && Object.hasOwn(unsupportedEvents, event)
      ? unsupportedEvents[event]
      : undefined;
  if (why !== undefined) throw unsupported(`'${String(event)}'`, why);
}
