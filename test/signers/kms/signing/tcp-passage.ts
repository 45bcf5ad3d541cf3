import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

/** What stands between a client and a KMS, and sees the connections come and go; with `tls` it speaks TLS with the client. */
export class TcpPassage {
  readonly endpoint: string;
  /** How many connections there have been. */
  opened = 0;
  readonly #server: Server;
  readonly #clients = new Set<Socket>();

  private constructor(server: Server, endpoint: string) {
    this.#server = server;
    this.endpoint = endpoint;
  }

  static async open(
    kmsEndpoint: string,
    {
      host = '127.0.0.1',
      port = 0,
      tls,
    }: { host?: string; port?: number; tls?: { key: string; cert: string } } = {},
  ): Promise<TcpPassage> {
    const { hostname, port: kmsPort } = new URL(kmsEndpoint);
    const passOn = (client: Socket): void => {
      passage.opened += 1;
      passage.#clients.add(client);
      const kms = connect(Number(kmsPort), hostname);
      client.pipe(kms).pipe(client);
      client
        .on('error', () => kms.destroy())
        .on('close', () => {
          passage.#clients.delete(client);
          kms.destroy();
        });
      kms.on('error', () => client.destroy());
    };
    const server = tls === undefined ? createServer(passOn) : createTlsServer(tls, passOn);
    server.listen(port, host);
    await once(server, 'listening');
    const scheme = tls === undefined ? 'http' : 'https';
    const passage = new TcpPassage(server, `${scheme}://${host}:${(server.address() as AddressInfo).port}`);
    return passage;
  }

  get port(): number {
    return Number(new URL(this.endpoint).port);
  }

  /** Connections of clients. */
  get open(): number {
    return this.#clients.size;
  }

  /** Ends the connections as a server does that has waited long enough, and waits until they are gone. */
  async endAll(): Promise<void> {
    const gone = [...this.#clients].map((client) => once(client, 'close'));
    for (const client of this.#clients) client.end();
    await Promise.all(gone);
  }

  /** Resets the connections. */
  resetAll(): void {
    for (const client of this.#clients) client.resetAndDestroy();
  }

  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.destroy();
  }
}
