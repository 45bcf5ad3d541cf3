import { maxHeaderSize } from 'node:http';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';
import type { AgentProxy } from './agent-proxy.ts';
import { connect } from './connect.ts';

/** The proxy of an Agent refused the tunnel. The code is Node's, because http checks for it. */
class ProxyTunnelError extends S2nPkeyError {
  /** The HTTP status of the proxy, if it answered. */
  declare readonly statusCode?: number;
  /** The time limit in milliseconds, if it was exceeded. */
  declare readonly proxyTunnelTimeout?: number;

  constructor(message: string, details: { statusCode?: number; proxyTunnelTimeout?: number } = {}) {
    super('ERR_PROXY_TUNNEL', message);
    Object.assign(this, details);
  }
}

export interface TunnelTarget {
  readonly host: string;
  readonly port: number | string;
  /** Whether to ask the proxy to keep the connection alive. */
  readonly keepAlive: boolean;
  /** Milliseconds; 0 or undefined for no limit. */
  readonly timeout: number | undefined;
  readonly maxHeaderSize: number | undefined;
}

/** Requests a tunnel by CONNECT (RFC 9110 §9.3.6). Calls back once, with an error or a socket that is connected to the target. */
export function openTunnel(
  proxy: AgentProxy,
  target: TunnelTarget,
  callback: (error: Error | null, socket?: Socket) => void,
): void {
  const { host, port, secure } = proxy;
  const socket: Socket = secure ? connect({ host, port }) : connectTcp({ host, port });
  const endpoint = `${isIPv6(target.host) ? `[${target.host}]` : target.host}:${target.port}`;
  const limit = target.maxHeaderSize ?? maxHeaderSize;
  let answer = Buffer.alloc(0);

  const finish = (error: Error | null): void => {
    socket.off('error', finish).off('end', onEnd).off('timeout', onTimeout).off('readable', onReadable);
    socket.setTimeout(0);
    if (!error) {
      callback(null, socket);
      return;
    }
    socket.on('error', () => undefined).destroy();
    callback(error);
  };
  const fail = (message: string, details = {}): void => finish(new ProxyTunnelError(message, details));
  const onEnd = (): void => fail('Connection to establish proxy tunnel ended unexpectedly');
  const onTimeout = (): void => {
    const { timeout } = target;
    fail(`Connection to establish proxy tunnel timed out after ${timeout}ms`, {
      proxyTunnelTimeout: timeout,
    });
  };
  const onReadable = (): void => {
    for (;;) {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf('\r\n\r\n');
      if ((end < 0 ? answer.length : end + 4) > limit) {
        fail(`Proxy response headers exceeded ${limit} bytes`);
        return;
      }
      if (end < 0) continue;
      const line = answer.subarray(0, answer.indexOf('\r\n')).toString('latin1');
      const status = line.split(' ')[1];
      if (status !== '200') {
        const statusCode = Number.parseInt(status ?? '', 10);
        fail(`Failed to establish tunnel to ${endpoint} via ${proxy.href}: ${line}`, { statusCode });
        return;
      }
      finish(null);
      return;
    }
  };

  socket.on('error', finish).on('end', onEnd).on('timeout', onTimeout);
  if (target.timeout) socket.setTimeout(target.timeout);
  socket.once(secure ? 'secureConnect' : 'connect', () => {
    socket.on('readable', onReadable);
    socket.write(
      [
        `CONNECT ${endpoint} HTTP/1.1`,
        ...(proxy.authorization === undefined ? [] : [`proxy-authorization: ${proxy.authorization}`]),
        ...(target.keepAlive ? ['proxy-connection: keep-alive'] : []),
        `host: ${endpoint}`,
        '\r\n',
      ].join('\r\n'),
    );
  });
}
