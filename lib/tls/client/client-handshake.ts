import { closeSync } from 'node:fs';
import type { PeerCertificate } from 'node:tls';
import {
  observeHandshake,
  type HandshakeDetails,
  type HandshakeObservation,
} from '../../observe/channels/handshake-observation.ts';
import { SignerError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type {
  Failure,
  FailedHandshakeFacts,
  HandshakeFacts,
  PeerIdentity,
  SignatureAsked,
  StreamListener,
} from '../../native/events.ts';
import { CertificateChain } from '../context/certificate-chain.ts';
import { INTERNAL_ERROR } from '../handshake/client-hello.ts';
import type { ClientSettings } from './client-options.ts';
import { connectionError } from '../socket/connection-error.ts';
import { handshakeDetails } from '../handshake/handshake-details.ts';
import { appendToKeyLogFile, keyLogLines, logsKeysToFile } from '../context/key-log-file.ts';
import { encodeSession } from '../socket/session-data.ts';
import { SignatureRequest } from '../handshake/signature-request.ts';
import type { TlsSocket } from '../socket/tls-socket.ts';
import { unknownPeer } from '../handshake/unknown-peer.ts';

/**
 * One connection of a client, from the connected descriptor to `'secureConnect'`. It calls the signer, checks the server's
 * certificate, and forwards the engine's events to the socket, which exists from the start.
 */
export class ClientHandshake implements StreamListener {
  readonly #engine: Engine;
  #settings: ClientSettings;
  readonly #socket: TlsSocket;
  /** The engine's end of the socketpair, until the engine owns it. */
  #pair: number;
  #stream = 0;
  #serverName: string;
  #request: SignatureRequest | undefined;
  /** Undefined before the handshake starts, or if no diagnostics channel has a subscriber. */
  #observation: HandshakeObservation | undefined;
  /** The connection's addresses, used if the descriptor itself has none. */
  #addresses: Pick<FailedHandshakeFacts, 'remote' | 'local'> = unknownPeer;
  /** Why the server's certificate is not valid for the host name. */
  #identityError: Error | undefined;
  /** Why JavaScript ended the handshake. */
  #reason: Error | undefined;
  #chain: readonly Uint8Array[] = [];
  #secure = false;
  #over = false;

  constructor(engine: Engine, settings: ClientSettings, socket: TlsSocket, pair: number) {
    this.#engine = engine;
    this.#settings = settings;
    this.#socket = socket;
    this.#pair = pair;
    this.#serverName = settings.serverName;
  }

  /** The SNI name to send. Set it before the handshake starts. */
  set serverName(name: string) {
    this.#serverName = name;
  }

  /** Starts the handshake over a connected descriptor, which the engine duplicates. */
  begin(fd: number, facts: Pick<FailedHandshakeFacts, 'remote' | 'local'>): void {
    if (this.#over) return;
    this.#observation = observeHandshake('client');
    this.#addresses = facts;
    const { context, hostname, session, handshakeTimeout } = this.#settings;
    const resumes = session !== undefined && this.#isFor(session.chain) ? session : undefined;
    this.#settings = { ...this.#settings, session: undefined }; // The engine holds its secret now.
    this.#chain = resumes?.chain ?? [];
    const pair = this.#pair;
    this.#pair = -1;
    this.#stream = this.#engine.connect(
      fd,
      pair,
      {
        config: this.#logsKeys ? context.keyLoggingConfig() : context.config,
        serverName: this.#serverName,
        verifiedName: hostname,
        asks: this.#settings.asks,
        ...(resumes ? { session: resumes.state, sessionChain: resumes.chain } : {}),
      },
      handshakeTimeout,
      this,
    );
    if (this.#stream < 0) {
      const message = `the connection could not be taken over (errno ${-this.#stream}): raise the limit of open files`;
      this.#fail(connectionError({ kind: 'resources', reason: '', message, alert: -1 }));
      return;
    }
    this.#socket.transportAdopted(this.#stream, facts);
  }

  /** Checked when the handshake starts, so that a listener gets all lines or none. */
  get #logsKeys(): boolean {
    return this.#socket.listenerCount('keylog') > 0 || logsKeysToFile();
  }

  #tellKeyLog(keyLog: string): void {
    if (keyLog === '') return;
    appendToKeyLogFile(keyLog);
    for (const line of keyLogLines(keyLog)) this.#socket.emit('keylog', line);
  }

  /** The socket is being destroyed. */
  abandon(): void {
    if (this.#secure || this.#over) return;
    this.#over = true;
    this.#observation?.end('abandoned', this.#details(unknownPeer));
    this.#request?.abort(new SignerError('the connection was given up'));
    if (this.#pair >= 0) closeSync(this.#pair);
    if (this.#stream > 0) this.#engine.commands.cancel(this.#stream);
  }

  onSign(asked: SignatureAsked): void {
    if (this.#over) return;
    this.#observation?.signatureAsked();
    void this.#sign(asked);
  }

  async #sign(asked: SignatureAsked): Promise<void> {
    try {
      const signer = this.#settings.context.identities[asked.identity]?.signer;
      if (!signer) throw new Error(`s2n-pkey: there is no identity ${asked.identity}`);
      this.#request = new SignatureRequest(signer, asked, 'client', this.#observation);
      this.#engine.commands.complete(this.#stream, asked.operation, await this.#request.run());
    } catch (error) {
      if (this.#over) return;
      this.#reason =
        error instanceof SignerError ? error : new SignerError('the signer failed', { cause: error });
      this.#engine.commands.destroy(this.#stream, INTERNAL_ERROR); // onFailed follows
    } finally {
      this.#request = undefined;
    }
  }

  /** The certificate verifies, but the engine alone cannot confirm that it is valid for the host. */
  onJudge(peer: PeerIdentity): void {
    if (this.#over) return;
    this.#identityError = this.#check(peer.chain);
    const accepted = this.#identityError === undefined || !this.#settings.rejectUnauthorized;
    if (!accepted) this.#reason = this.#identityError;
    this.#engine.commands.judge(this.#stream, accepted);
  }

  onFailed(failure: Failure, facts: FailedHandshakeFacts): void {
    this.#engine.forget(this.#stream);
    this.#request?.abort(connectionError(failure));
    this.#socket.handshakeFailed(facts);
    if (this.#over) return;
    this.#tellKeyLog(facts.keyLog);
    if (this.#reason === undefined && failure.kind === 'closed') this.#peerEnded(failure, facts);
    else this.#fail(this.#reason ?? connectionError(failure), facts);
  }

  onSecure(facts: HandshakeFacts): void {
    if (this.#over) return;
    this.#secure = true;
    this.#observation?.end('ok', this.#details(facts));
    if (facts.peer.chain.length > 0) this.#chain = facts.peer.chain;
    const { context, wantsOcsp } = this.#settings;
    this.#socket.handshakeDone(
      facts,
      context.identities[facts.identity]?.certificateChain,
      this.#identityError,
    );
    this.#tellKeyLog(facts.keyLog);
    if (wantsOcsp) {
      const { ocspResponse } = facts.peer;
      this.#socket.emit('OCSPResponse', ocspResponse === undefined ? null : Buffer.from(ocspResponse));
    }
    if (!this.#socket.destroyed) this.#socket.emit('secure'); // its listener emits 'secureConnect'
  }

  onSession(state: Uint8Array): void {
    const session = encodeSession({ state, chain: this.#chain });
    this.#socket.sessionGiven(session);
  }

  onError(failure: Failure, afterEnd: boolean): void {
    this.#socket.connectionBroke(failure, afterEnd);
  }

  onTruncated(): void {
    this.#socket.connectionTruncated();
  }

  onClosed(): void {
    this.#engine.forget(this.#stream);
    this.#socket.connectionClosed();
  }

  /** If the descriptor has no addresses, those of the given stream replace them. */
  #details(facts: HandshakeFacts | FailedHandshakeFacts): HandshakeDetails {
    const { remote, local } = this.#addresses;
    const addressed = facts.remote.family === 0 ? { ...facts, remote, local } : facts;
    return handshakeDetails({ ...addressed, servername: facts.servername || this.#serverName });
  }

  /** Uses node:tls's message, and adds the destination of the connection to the error. */
  #peerEnded(failure: Failure, facts: FailedHandshakeFacts): void {
    const message = 'Client network socket disconnected before secure TLS connection was established';
    const error = Object.assign(connectionError({ ...failure, message }), this.#settings.destination);
    this.#over = true;
    this.#observation?.end(error, this.#details(facts));
    this.#socket.endedInHandshake(error);
  }

  #fail(error: Error, facts: FailedHandshakeFacts = unknownPeer): void {
    this.#over = true;
    this.#observation?.end(error, this.#details(facts));
    this.#socket.destroy(error);
  }

  #isFor(chain: readonly Uint8Array[]): boolean {
    return this.#check(chain) === undefined;
  }

  /** Runs `checkServerIdentity`, the user's or node:tls's, on a certificate. */
  #check(chain: readonly Uint8Array[]): Error | undefined {
    const { checkServerIdentity, hostname } = this.#settings;
    try {
      return checkServerIdentity(hostname, new CertificateChain(chain).legacyObject(true) as PeerCertificate);
    } catch (error) {
      return error instanceof Error ? error : new Error('checkServerIdentity threw', { cause: error });
    }
  }
}
