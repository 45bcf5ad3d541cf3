import { once } from 'node:events';
import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, request as requestHttps, Agent as HttpsAgent } from 'node:https';
import {
  connect as connectHttp2,
  createSecureServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
} from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { attach, createServer, drain, InvalidOptionError, LocalKeySigner } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';
import { HoldingSigner } from '../fixtures/holding-signer.ts';

const { key, cert } = identity('P-256');
const secured = { cert, signer: new LocalKeySigner({ key }) };

/** A handler whose requests wait until the test answers them. */
class HeldRequests {
  readonly responses: ServerResponse[] = [];
  readonly #arrived: (() => void)[] = [];

  readonly handle = (_request: unknown, response: ServerResponse): void => {
    this.responses.push(response);
    for (const arrived of this.#arrived.splice(0)) arrived();
  };

  /** The response of the request with this number, once it has arrived. */
  async at(index: number): Promise<ServerResponse> {
    for (;;) {
      const response = this.responses[index];
      if (response) return response;
      await new Promise<void>((resolve) => this.#arrived.push(resolve));
    }
  }
}

/** Passes connections on to a port, and can keep back what clients send. */
class Relay {
  readonly server: Server;
  #upstream: Socket | undefined;
  #kept: Buffer[] | undefined;

  constructor(port: number) {
    this.server = createTcpServer((socket) => {
      const upstream = connectTcp(port, '127.0.0.1');
      this.#upstream = upstream;
      socket.on('data', (bytes: Buffer) => (this.#kept ? this.#kept.push(bytes) : upstream.write(bytes)));
      socket.on('close', () => upstream.destroy()).on('error', () => undefined);
      upstream.on('error', () => undefined).pipe(socket);
    });
  }

  /** How often clients have sent something since `hold`. */
  get kept(): number {
    return this.#kept?.length ?? 0;
  }

  hold(): void {
    this.#kept = [];
  }

  release(): void {
    for (const bytes of this.#kept ?? []) this.#upstream?.write(bytes);
    this.#kept = undefined;
  }
}

function sendRequest(port: number, agent: HttpsAgent, path = '/'): Promise<IncomingMessage> {
  const options = { port, host: '127.0.0.1', path, agent, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    requestHttps(options, resolve).on('error', reject).end();
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

async function codeOfConnect(port: number): Promise<string | undefined> {
  const socket = connectTcp(port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  return error.code;
}

describe('drain of an https server', () => {
  const held = new HeldRequests();
  let server: Server;
  let port: number;
  let agent: HttpsAgent;
  beforeEach(async () => {
    held.responses.splice(0);
    server = attach(createHttpsServer(held.handle), secured);
    port = await listen(server);
    agent = new HttpsAgent({ keepAlive: true });
  });
  afterEach(() => {
    agent.destroy();
  });

  it('lets a request finish with `Connection: close`, and refuses new connections', async () => {
    const answer = sendRequest(port, agent);
    const response = await held.at(0);
    const drained = drain(server);
    expect(await codeOfConnect(port)).to.equal('ECONNREFUSED');
    response.end('the whole body');
    const message = await answer;
    expect(message.headers.connection).to.equal('close');
    expect((await readAll(message)).toString()).to.equal('the whole body');
    const { finished, cut, cutConnections, durationMs } = await drained;
    expect({ finished, cut, cutConnections }).to.deep.equal({ finished: 1, cut: 0, cutConnections: [] });
    expect(durationMs).to.be.within(0, 9000);
  });

  it('closes idle connections at once, in order', async () => {
    const socket = await connectTls(port);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    (await held.at(0)).end('x');
    await next(socket, 'data');
    const received = readAll(socket);
    const { finished, cut, durationMs } = await drain(server, { within: 20_000 });
    expect({ finished, cut }).to.deep.equal({ finished: 1, cut: 0 });
    expect(durationMs).to.be.below(10_000);
    await received; // ends without an error
  });

  it('closes a connection after a body whose headers were sent before', async () => {
    const answer = sendRequest(port, agent);
    const response = await held.at(0);
    response.write('the first half, ');
    const message = await answer;
    expect(message.headers.connection).to.equal('keep-alive');
    const drained = drain(server, { within: 20_000 });
    response.end('the second half');
    expect((await readAll(message)).toString()).to.equal('the first half, the second half');
    expect(await drained).to.include({ finished: 1, cut: 0 });
  });

  it('delivers a response that waits for a slow client, although Node counts it as sent', async () => {
    const socket = await connectTls(port);
    const size = 24 * 1024 * 1024;
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const response = await held.at(0);
    response.writeHead(200, { 'content-length': size, connection: 'keep-alive' });
    response.end(Buffer.alloc(size));
    const drained = drain(server, { within: 60_000 });
    await new Promise(setImmediate);
    socket.resume();
    const received = await readAll(socket);
    expect(received.length - received.indexOf('\r\n\r\n') - 4).to.equal(size);
    expect(await drained).to.include({ finished: 1, cut: 0 });
  }).timeout(60_000);

  it('closes a connection that has not sent a request, but serves the one that it sends', async () => {
    const [silent, late] = [await connectTls(port), await connectTls(port)];
    const ended = [readAll(silent), readAll(late)];
    const drained = drain(server, { within: 20_000 });
    late.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    (await held.at(0)).end('served');
    expect(await drained).to.include({ finished: 2, cut: 0 });
    const [nothing, answer] = await Promise.all(ended);
    expect(nothing?.length).to.equal(0);
    expect(answer?.toString()).to.match(/Connection: close[^]*served/);
  });

  it('answers all requests that a client sent without waiting, and closes after the last', async () => {
    const socket = await connectTls(port);
    const received = readAll(socket);
    const drained = drain(server, { within: 20_000 });
    socket.write('GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    (await held.at(1)).end('second');
    (await held.at(0)).end('first');
    await drained;
    const text = (await received).toString();
    expect(text).to.match(/first[^]*Connection: close[^]*second/);
    expect(text.match(/Connection: close/g)).to.have.length(1);
  });

  it('cuts off after `within` what is not finished, and reports it', async () => {
    const answer = sendRequest(port, agent).catch(codeOf);
    await held.at(0);
    const { finished, cut, cutConnections } = await drain(server, { within: 50 });
    expect({ finished, cut }).to.deep.equal({ finished: 0, cut: 1 });
    expect(cutConnections).to.have.length(1);
    expect(cutConnections[0]).to.include({ remoteAddress: '127.0.0.1', use: 'request' });
    expect(await answer).to.equal('ECONNRESET');
    expect(server.listening).to.equal(false);
  });

  it('cuts off a WebSocket, and reports it as upgraded', async () => {
    const sockets = new WebSocketServer({ server: server as never });
    const client = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
    await once(client, 'open');
    const closed = once(client, 'close');
    const { cut, cutConnections } = await drain(server, { within: 50 });
    expect(cut).to.equal(1);
    expect(cutConnections[0]?.use).to.equal('upgraded');
    expect(await closed).to.have.property('0', 1006);
    sockets.close();
  });

  it('lets the application say goodbye to WebSockets', async () => {
    const sockets = new WebSocketServer({ server: server as never });
    const client = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
    await once(client, 'open');
    const closed = once(client, 'close');
    const drained = drain(server, { within: 20_000 });
    for (const each of sockets.clients) each.close(1001);
    expect(await drained).to.include({ finished: 1, cut: 0 });
    expect(await closed).to.have.property('0', 1001);
    sockets.close();
  });

  it('still accepts during `delay`', async () => {
    const drained = drain(server, { delay: 300, within: 20_000 });
    const answer = sendRequest(port, agent);
    (await held.at(0)).end('x');
    expect((await answer).headers.connection).to.equal('keep-alive');
    expect(await drained).to.include({ cut: 0 });
    expect(await codeOfConnect(port)).to.equal('ECONNREFUSED');
  });

  it('is one drain, however often it is called, until the server listens again', async () => {
    const drained = drain(server);
    expect(drain(server, { within: 1 })).to.equal(drained);
    await drained;
    expect(drain(server)).to.equal(drained);
    await listen(server);
    const again = drain(server);
    expect(again).not.to.equal(drained);
    expect(await again).to.include({ finished: 0, cut: 0 });
  });

  it('resolves for a server that does not listen, or was closed before', async () => {
    expect(await drain(attach(createHttpsServer(), secured))).to.include({ finished: 0, cut: 0 });
    const answer = sendRequest(port, agent);
    const response = await held.at(0);
    server.close();
    const drained = drain(server);
    response.end('x');
    expect((await answer).headers.connection).to.equal('close');
    expect(await drained).to.include({ finished: 1, cut: 0 });
  });
});

describe('drain of an http2 server', () => {
  const held: ((text: string) => void)[] = [];
  let server: Server;
  let client: ClientHttp2Session;
  let relay: Relay;
  beforeEach(async () => {
    held.splice(0);
    const http2 = createSecureServer({ allowHTTP1: true });
    http2.on('stream', (stream) => {
      held.push((text) => {
        stream.respond();
        stream.end(text);
      });
    });
    server = attach(http2, secured);
    relay = new Relay(await listen(server));
    client = connectHttp2(`https://127.0.0.1:${await listen(relay.server)}`, { rejectUnauthorized: false });
    await once(client, 'remoteSettings');
  });
  afterEach(() => {
    client.destroy();
    relay.server.close();
  });

  async function heldCount(expected: number): Promise<void> {
    await when(
      `${expected} streams`,
      () => held.length,
      (count) => count === expected,
    );
  }

  function open(): ClientHttp2Stream {
    const stream = client.request();
    stream.on('error', () => undefined);
    return stream;
  }

  it('sends GOAWAY with the last stream that it takes, and lets streams finish', async () => {
    const goaways: unknown[] = [];
    client.on('goaway', (code: number, last: number) => goaways.push({ code, last }));
    const first = open();
    await heldCount(1);
    relay.hold();
    const second = open();
    const refused = next<Error>(second, 'error');
    await when(
      'the second request',
      () => relay.kept,
      (count) => count > 0,
    );
    const drained = drain(server, { within: 20_000 });
    await once(client, 'goaway');
    relay.release();
    expect((await refused).message).to.include('REFUSED_STREAM'); // The client knows that it can repeat it.
    for (const answer of held) answer('whole');
    expect((await readAll(first)).toString()).to.equal('whole');
    expect(await drained).to.include({ finished: 1, cut: 0 });
    expect(goaways[0]).to.deep.equal({ code: 0, last: 1 });
    expect(held).to.have.length(1);
  });

  it('ends an idle session at once', async () => {
    const closed = once(client, 'close');
    const { finished, cut, durationMs } = await drain(server, { within: 20_000 });
    expect({ finished, cut }).to.deep.equal({ finished: 1, cut: 0 });
    expect(durationMs).to.be.below(10_000);
    await closed;
  });

  it('cuts off streams after `within`', async () => {
    const stream = open();
    await heldCount(1);
    const closed = once(stream, 'close');
    const { cut, cutConnections } = await drain(server, { within: 50 });
    expect(cut).to.equal(1);
    expect(cutConnections[0]).to.include({ use: 'http2', alpnProtocol: 'h2' });
    await closed;
  });
});

describe('drain of a tls server', () => {
  it('waits for its connections, and cuts off the others', async () => {
    const server = createServer(secured, (socket) => socket.write('hello'));
    const port = await listen(server);
    const leaving = await connectTls(port);
    const staying = await connectTls(port);
    for (const socket of [leaving, staying]) await next(socket, 'data');
    const drained = drain(server, { within: 3000 });
    leaving.end();
    const end = readAll(staying);
    const { finished, cut, cutConnections } = await drained;
    expect({ finished, cut }).to.deep.equal({ finished: 1, cut: 1 });
    expect(cutConnections[0]).to.include({ remotePort: staying.localPort, use: 'connection' });
    await end;
    for (const socket of [leaving, staying]) socket.destroy();
  });

  it('completes handshakes that are under way, and gives them up after `within`', async () => {
    const signer = new HoldingSigner(key);
    const server = createServer({ cert, signer }, (socket) => socket.end('served'));
    const failed = next<NodeJS.ErrnoException>(server, 'tlsClientError');
    const port = await listen(server);
    const first = connectTls(port);
    await signer.holds(1);
    const second = connectTls(port).catch(codeOf);
    await signer.holds(2);
    const drained = drain(server, { within: 3000 });
    signer.release();
    expect((await readAll(await first)).toString()).to.equal('served');
    const { finished, cut, cutConnections } = await drained;
    expect({ finished, cut }).to.deep.equal({ finished: 1, cut: 1 });
    expect(cutConnections[0]?.use).to.equal('handshake');
    expect((await failed).code).to.equal('ERR_S2N_PKEY_SERVER_DRAINED');
    expect(await second).to.be.a('string');
  });
});

describe('drain', () => {
  it('refuses other servers and wrong options by name', () => {
    const server = createServer(secured);
    expect(() => drain(createHttp1Server())).to.throw(
      InvalidOptionError,
      /^server: expected a server of createServer/,
    );
    expect(() => drain(server, { within: -1 })).to.throw(InvalidOptionError, /^within: .*; given -1$/);
    expect(() => drain(server, { delay: '1' as never })).to.throw(InvalidOptionError, /^delay: /);
    expect(() => drain(server, 5 as never)).to.throw(InvalidOptionError, /^options: /);
  });
});
