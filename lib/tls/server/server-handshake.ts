import type { Server } from 'node:net';
import { closeSync } from 'node:fs';
import type { AdmissionOfSigner } from '../../signers/admission/admission-of-server.ts';
import { observeHandshake, type HandshakeObservation } from '../../observe/channels/handshake-observation.ts';
import { SignerError } from '../../errors.ts';
import type { NativeDescriptorTally, NativeProxyPolicy } from '../../native/binding.ts';
import type { Engine } from '../../native/engine.ts';
import type { Address, Failure, FailedHandshakeFacts, HandshakeFacts } from '../../native/events.ts';
import type { ProxyHeaderFacts, SignatureAsked, StreamListener } from '../../native/events.ts';
import type { Signer } from '../../signers/signer.ts';
import { connectionError, toldByServer } from '../socket/connection-error.ts';
import {
  answerClientHello,
  ClientRefused,
  INTERNAL_ERROR,
  NO_ALERT,
  type ClientHello,
  type ClientHelloOptions,
} from '../handshake/client-hello.ts';
import { handshakeDetails } from '../handshake/handshake-details.ts';
import { dropBlocked, hasBlockList, isBlocked } from './block-list.ts';
import { countsFor, giveToServer, nameServer, uncountConnection } from '../node/node-internals.ts';
import { takeAfterCarrier } from '../node/node-wrapper.ts';
import type { Identity } from '../context/identity.ts';
import { appendToKeyLogFile, keyLogLines } from '../context/key-log-file.ts';
import { answersOcspRequests, withOcspAnswers } from './ocsp-request.ts';
import type { SecureContext } from '../context/secure-context.ts';
import type { ContextSnapshot } from '../context/server-contexts.ts';
import { SignatureRequest } from '../handshake/signature-request.ts';
import { TlsSocket } from '../socket/tls-socket.ts';
import type { ServerConnection, ServerConnections } from './server-connections.ts';
import type { Transport } from '../carrier/transport.ts';
import { whatRanOut } from './what-ran-out.ts';
import { unknownPeer } from '../handshake/unknown-peer.ts';

export interface SocketOptions {
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  /** Bytes; undefined: Node's own default. */
  highWaterMark: number | undefined;
  noDelay: boolean;
  keepAlive: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay: number;
  /** Undefined: the engine chooses by itself. */
  clientHello: ClientHelloOptions | undefined;
}

/** The names of the server's events: those of a tls server, or those of an http server secured with `attach`. */
export interface ServerEvents {
  readonly secure: 'secureConnection' | 'connection';
  readonly failed: 'tlsClientError' | 'clientError';
}

export interface HandshakeOptions extends SocketOptions {
  readonly events: ServerEvents;
  readonly admissionOf: AdmissionOfSigner;
  /** Counts the descriptors of connections that the server accepted. */
  readonly tally: NativeDescriptorTally;
  readonly connections: ServerConnections;
  /** Undefined: connections do not begin with a PROXY protocol header. */
  readonly proxyPolicy: NativeProxyPolicy | undefined;
}

/**
 * One connection of a server, from the descriptor to the socket. It calls the signer, emits `'secureConnection'` or
 * `'tlsClientError'` (or the names in `events`), and then forwards the engine's events to the socket.
 */
export class ServerHandshake implements StreamListener, ServerConnection {
  readonly #engine: Engine;
  readonly #server: Server;
  /** Released after the handshake, so that a long connection does not keep old contexts and ticket keys alive. */
  #contexts: ContextSnapshot | undefined;
  readonly #options: HandshakeOptions;
  /** Undefined if the connection does not run over a stream of the application. */
  readonly #transport: Transport | undefined;
  /** Undefined if no diagnostics channel has a subscriber, or before the handshake begins. */
  #observation: HandshakeObservation | undefined;
  /** Undefined until the header was read, and on servers that read none. */
  #proxyHeader: ProxyHeaderFacts | undefined;
  #stream = 0;
  #request: SignatureRequest | undefined;
  #socket: TlsSocket | undefined;
  /** The context that SNICallback chose. */
  #chosen: SecureContext | undefined;
  /** Why JavaScript ended the handshake. The server emits it after the engine has ended the handshake. */
  #refusal: Error | undefined;
  #over = false;
  #broke = false;
  #waiting: NodeJS.Timeout | undefined;

  private constructor(
    engine: Engine,
    server: Server,
    contexts: ContextSnapshot,
    options: HandshakeOptions,
    transport?: Transport,
  ) {
    this.#engine = engine;
    this.#server = server;
    this.#contexts = contexts;
    this.#options = options;
    this.#transport = transport;
    if (!options.proxyPolicy) this.#observation = observeHandshake('server');
    options.connections.add(this);
  }

  get socket(): TlsSocket | undefined {
    return this.#socket;
  }

  get isLost(): boolean {
    return this.#broke && this.#socket?.destroyed === true;
  }

  cut(error: Error): void {
    if (this.#socket) this.#socket.destroy();
    else if (this.#stream > 0) this.#refuse(error, INTERNAL_ERROR);
    else if (!this.#over) this.#fail(error, unknownPeer);
  }

  /** Starts the handshake. The engine duplicates the descriptor; the server already counts the connection. */
  static begin(
    engine: Engine,
    server: Server,
    contexts: ContextSnapshot,
    fd: number,
    handshakeTimeout: number,
    options: HandshakeOptions,
  ): void {
    new ServerHandshake(engine, server, contexts, options).#adopt(fd, contexts, handshakeTimeout);
  }

  /** Starts a handshake over a stream passed to the server. The server that accepted the stream counts it. */
  static beginOver(
    transport: Transport,
    engine: Engine,
    server: Server,
    contexts: ContextSnapshot,
    handshakeTimeout: number,
    options: HandshakeOptions,
  ): void {
    const handshake = new ServerHandshake(engine, server, contexts, options, transport);
    transport.onLost((error) => handshake.#lost(error));
    let isStarted = false;
    transport.whenReady(() => {
      isStarted = true;
      clearTimeout(handshake.#waiting);
      if (handshake.#over) return;
      handshake.#adopt(transport.fd, contexts, handshakeTimeout);
      transport.taken();
    });
    // Earlier writes must drain first. A peer that does not read them gets no more time than the handshake itself.
    if (!isStarted)
      handshake.#waiting = setTimeout(() => handshake.#waitedInVain(), handshakeTimeout).unref();
  }

  #waitedInVain(): void {
    if (this.#over) return;
    const message = 'TLS handshake timeout';
    this.#fail(connectionError({ kind: 'timeout', reason: '', message, alert: -1 }), unknownPeer);
  }

  #adopt(fd: number, contexts: ContextSnapshot, handshakeTimeout: number): void {
    const accepted = this.#transport === undefined || countsFor(this.#server, this.#transport.stream);
    const tally = accepted ? this.#options.tally : undefined;
    const policy = this.#options.proxyPolicy;
    const carrierHost = this.#transport?.remote.host ?? '';
    const proxy = policy && { policy, carrierHost, asks: hasBlockList(this.#server) };
    this.#stream = this.#engine.adopt(fd, contexts.native, handshakeTimeout, tally, this, proxy);
    if (this.#stream > 0) return;
    const message = `the connection could not be taken over: ${whatRanOut(-this.#stream)}`;
    this.#fail(connectionError({ kind: 'resources', reason: '', message, alert: -1 }), unknownPeer);
  }

  onProxyHeader(header: ProxyHeaderFacts, remote: Address, local: Address): void {
    if (this.#over) return;
    this.#proxyHeader = header;
    this.#observation = observeHandshake('server');
    if (!isBlocked(this.#server, remote)) {
      this.#engine.commands.admit(this.#stream);
      return;
    }
    this.#endQuietly();
    this.#engine.commands.destroy(this.#stream, NO_ALERT);
    dropBlocked(this.#server, remote, local);
  }

  onSign(asked: SignatureAsked): void {
    if (this.#over) return;
    this.#observation?.signatureAsked();
    const { signer } = this.#identityOf(asked.context, asked.identity);
    void this.#sign(asked, signer, asked.remoteHost || (this.#transport?.remote.host ?? ''));
  }

  async #sign(asked: SignatureAsked, signer: Signer, remoteHost: string): Promise<void> {
    try {
      const admission = this.#options.admissionOf(signer);
      this.#request = new SignatureRequest(
        ...([signer, asked, 'server', this.#observation, admission, remoteHost] as const),
      );
      const signature = await this.#request.run();
      // The engine drops it if the handshake has ended meanwhile.
      this.#engine.commands.complete(this.#stream, asked.operation, signature);
    } catch (error) {
      this.#refuse(
        error instanceof SignerError ? error : new SignerError('the signer failed', { cause: error }),
        INTERNAL_ERROR,
      );
    } finally {
      this.#request = undefined;
    }
  }

  onClientHello(servername: string, protocols: readonly string[], asksOcsp: boolean): void {
    if (this.#over) return;
    void this.#answer(this.#options.clientHello ?? {}, { servername, protocols }, asksOcsp);
  }

  async #answer(clientHello: ClientHelloOptions, hello: ClientHello, asksOcsp: boolean): Promise<void> {
    try {
      const { context: chosen, protocol } = await answerClientHello(clientHello, hello);
      const contexts = this.#contexts;
      if (contexts === undefined) return; // The handshake is over.
      const asked = asksOcsp && answersOcspRequests(this.#server);
      const context = asked
        ? await withOcspAnswers(this.#server, chosen ?? contexts.find(hello.servername))
        : chosen;
      if (this.#over) return;
      this.#chosen = context;
      const config = context && contexts.configure(context);
      this.#engine.commands.chooseContext(this.#stream, config, protocol);
    } catch (error) {
      if (error instanceof ClientRefused) this.#refuse(error.error, error.alert);
      else this.#refuse(error as Error, INTERNAL_ERROR);
    }
  }

  #refuse(error: Error, alert: number): void {
    if (this.#over || this.#refusal) return;
    this.#refusal = error;
    this.#engine.commands.destroy(this.#stream, alert);
  }

  #identityOf(context: number, identity: number): Identity {
    const contexts = this.#contexts?.contexts ?? [];
    const found = (context === contexts.length ? this.#chosen : contexts[context])?.identities[identity];
    if (!found) throw new Error(`s2n-pkey: there is no identity ${identity} in context ${context}`);
    return found;
  }

  onFailed(failure: Failure, facts: FailedHandshakeFacts): void {
    this.#engine.forget(this.#stream);
    if (this.#over) return;
    if (failure.kind === 'health-check') {
      this.#endQuietly();
      return;
    }
    const error = this.#refusal ?? connectionError(toldByServer(failure));
    this.#fail(error, facts, failure.kind === 'closed' && !this.#refusal);
  }

  onSecure(handshakeFacts: HandshakeFacts): void {
    const fd = this.#engine.takeDescriptor(this.#stream, handshakeFacts.protocol === 'TLSv1.2');
    if (this.#over) {
      closeSync(fd);
      return;
    }
    const facts = this.#withAddresses(handshakeFacts);
    const { allowHalfOpen, pauseOnConnect, highWaterMark, noDelay, keepAlive, keepAliveInitialDelay } =
      this.#options;
    const socket = new TlsSocket(this.#engine, this.#stream, facts, {
      fd,
      certificate: this.#identityOf(facts.context, facts.identity).certificateChain,
      allowHalfOpen,
      pauseOnCreate: pauseOnConnect,
      highWaterMark,
    });
    this.#socket = socket;
    this.#finish();
    this.#observation?.end('ok', handshakeDetails(facts));
    if (this.#transport) {
      nameServer(socket, this.#server);
      takeAfterCarrier(socket, this.#transport.stream, this.#transport.allowHalfOpen);
    } else {
      giveToServer(socket, this.#server);
    }
    if (!noDelay) socket.setNoDelay(false);
    if (keepAlive) socket.setKeepAlive(true, keepAliveInitialDelay);
    this.#tellKeyLog(facts.keyLog, socket);
    this.#server.emit(this.#options.events.secure, socket);
    this.#options.connections.observer?.onSecure(socket);
  }

  onError(failure: Failure, afterEnd: boolean): void {
    this.#broke = true;
    this.#socket?.connectionBroke(failure, afterEnd);
  }

  onTruncated(): void {
    this.#socket?.connectionTruncated();
  }

  onClosed(): void {
    this.#engine.forget(this.#stream);
    this.#options.connections.remove(this);
    this.#socket?.connectionClosed();
    this.#transport?.release();
  }

  /** The stream underneath ended or was destroyed. */
  #lost(error: Error | undefined): void {
    if (this.#socket) {
      this.#socket.transportLost(error);
      return;
    }
    if (this.#over) return;
    if (this.#stream > 0) this.#engine.commands.destroy(this.#stream, INTERNAL_ERROR);
    const message = 'the stream was closed before the TLS handshake was done';
    const failure = connectionError(toldByServer({ kind: 'closed', reason: '', message, alert: -1 }));
    this.#fail(error ?? failure, unknownPeer, error === undefined);
  }

  /** If the descriptor has no addresses, and no header names any, those of the given stream replace them. */
  #withAddresses<F extends FailedHandshakeFacts>(facts: F): F {
    const told = this.#proxyHeader ? { ...facts, proxy: this.#proxyHeader } : facts;
    const isNamed = facts.remote.family !== 0 || (this.#proxyHeader?.transport ?? 0) !== 0;
    if (!this.#transport || isNamed) return told;
    return { ...told, remote: this.#transport.remote, local: this.#transport.local };
  }

  /** The handshake completed or failed, so it no longer keeps the event loop alive. */
  #finish(): void {
    this.#over = true;
    this.#contexts = undefined;
    this.#chosen = undefined;
    if (this.#stream > 0) this.#engine.handshakeOver();
  }

  /** The connection was not one of a client that is served: no error, and no handshake. */
  #endQuietly(): void {
    this.#finish();
    this.#options.connections.remove(this);
    this.#uncount();
  }

  #uncount(): void {
    if (this.#transport) this.#transport.release();
    else uncountConnection(this.#server);
  }

  /** `ended`: the peer closed the connection, or the stream underneath closed, without an error. */
  #fail(error: Error, facts: FailedHandshakeFacts, ended = false): void {
    this.#finish();
    this.#options.connections.remove(this);
    this.#observation ??= observeHandshake('server');
    this.#request?.abort(error);
    this.#observation?.end(error, handshakeDetails(this.#withAddresses(facts)));
    const socket = new TlsSocket(this.#engine, this.#stream, this.#withAddresses(facts), {});
    nameServer(socket, this.#server);
    // As in node:tls, a listener that the handler of the server's event adds to the socket does not get this error.
    socket.once(ended ? 'close' : 'error', () => {
      this.#tellKeyLog(facts.keyLog, socket);
      this.#server.emit(this.#options.events.failed, error, socket);
    });
    socket.destroy(ended ? undefined : error);
    this.#uncount();
  }

  #tellKeyLog(keyLog: string, socket: TlsSocket): void {
    if (keyLog === '') return;
    appendToKeyLogFile(keyLog);
    for (const line of keyLogLines(keyLog)) this.#server.emit('keylog', line, socket);
  }
}
