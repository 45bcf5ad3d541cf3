import type { Server } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { openBackend, type Backends, type OpenSigner } from '../../config/backends.ts';
import type { Config } from '../../config/config-schema.ts';
import { S2nPkeyError } from '../../errors.ts';
import { serveSigner, type ServedOptions, type SignerServer } from '../../signers/socket/socket-signer.ts';
import { openEndpoint } from './endpoint.ts';
import { LineLog } from './line-log.ts';
import { refusedLine, reloadLine, signatureLine } from './log-lines.ts';
import { probe, Readiness } from './readiness.ts';
import { ServiceMetrics } from './service-metrics.ts';
import type { Notifier } from './systemd.ts';

/** All that the service is told, checked. */
export interface ServiceSettings {
  readonly backends: Backends;
  readonly service: NonNullable<Config['service']>;
}

/** A signer that other processes use, from its start to its end. */
export class SignerService {
  readonly #notifier: Notifier;
  readonly #log = new LineLog();
  readonly #readiness = new Readiness();
  readonly #metrics = new ServiceMetrics(this.#readiness);
  #settings: ServiceSettings;
  #signer: OpenSigner;
  #server: SignerServer | undefined;
  #endpoint: Server | undefined;
  #prober: NodeJS.Timeout | undefined;
  #isProbing = false;
  #reloading: Promise<void> = Promise.resolve();
  #isClosed = false;

  private constructor(settings: ServiceSettings, signer: OpenSigner, notifier: Notifier) {
    this.#settings = settings;
    this.#signer = signer;
    this.#notifier = notifier;
  }

  /** Listens only when the key is open and has signed. */
  static async start(
    settings: ServiceSettings,
    fd: number | undefined,
    notifier: Notifier,
  ): Promise<SignerService> {
    const service = new SignerService(settings, await openBackend(settings.backends), notifier);
    try {
      await service.#listen(fd);
    } catch (error) {
      await service.close();
      throw error;
    }
    return service;
  }

  async #listen(fd: number | undefined): Promise<void> {
    const { socket, mode, allowOthers, metrics, probe: probeInterval, quiet } = this.#settings.service;
    await probe(this.#signer, schemesOf(this.#settings, this.#signer));
    this.#readiness.signed();
    const place =
      fd === undefined
        ? {
            ...(socket === undefined ? {} : { path: socket }),
            mode: Number.parseInt(mode ?? '600', 8),
            allowOthers,
          }
        : { fd };
    const server = await serveSigner({
      ...place,
      ...servedOf(this.#settings, this.#signer),
      onSignature: (signature) => {
        if (signature.outcome === 'ok') this.#readiness.signed();
        this.#metrics.signature(signature);
        if (!quiet) this.#log.write(signatureLine(signature));
      },
      onRefused: (peer) => {
        this.#metrics.refused();
        this.#log.write(refusedLine(peer));
      },
    });
    this.#server = server;
    if (metrics !== undefined) {
      this.#endpoint = await openEndpoint(metrics, {
        metrics: () => this.#metrics.text(server.connections),
        isReady: () => this.#readiness.isReady,
      });
    }
    this.#prober = setInterval(() => void this.#probeIfIdle(probeInterval), Math.min(probeInterval, 5_000));
    this.#log.write(`key ${nameOf(this.#signer)}`);
    this.#log.write(`listening on ${server.path}`);
    this.#notifier.ready(`signing for ${server.path}`);
  }

  /** Where no client has had anything signed for a while, the service finds out by itself whether it still could. */
  async #probeIfIdle(interval: number): Promise<void> {
    if (this.#isProbing || this.#readiness.since < interval) return;
    this.#isProbing = true;
    const signer = this.#signer;
    try {
      await probe(signer, schemesOf(this.#settings, signer));
      this.#readiness.signed();
      this.#metrics.probe('ok');
    } catch {
      if (signer === this.#signer) this.#metrics.probe('error');
    } finally {
      this.#isProbing = false;
    }
  }

  /** Serves other settings; those of before stay if anything is wrong with them, and the reason is written to standard error. */
  reload(read: () => ServiceSettings): Promise<void> {
    return (this.#reloading = this.#reloading.then(() => this.#reload(read)));
  }

  async #reload(read: () => ServiceSettings): Promise<void> {
    if (this.#isClosed) return;
    this.#notifier.reloading();
    let outcome = 'ok';
    try {
      await this.#replace(read());
    } catch (error) {
      const known = error instanceof S2nPkeyError;
      outcome = known ? error.code : 'ERR_S2N_PKEY_SIGNER';
      const why = known ? error.message : String(error);
      process.stderr.write(`s2n-pkey signer: the settings stay as they were: ${why}\n`);
    }
    this.#metrics.reload(outcome === 'ok' ? 'ok' : 'error');
    this.#log.write(reloadLine(outcome));
    this.#notifier.ready(outcome === 'ok' ? 'reloaded' : `the settings stay as they were: ${outcome}`);
  }

  async #replace(settings: ServiceSettings): Promise<void> {
    refuseOtherPlace(this.#settings.service, settings.service);
    const signer = await openBackend(settings.backends);
    try {
      await probe(signer, schemesOf(settings, signer));
      const former = this.#signer;
      const unused = this.#server?.reload(servedOf(settings, signer));
      // It has thrown by now what it has to refuse.
      await Promise.race([unused, new Promise((resolve) => setImmediate(resolve))]);
      this.#signer = signer;
      this.#settings = settings;
      this.#readiness.signed();
      void unused?.then(() => former.close?.());
    } catch (error) {
      await signer.close?.();
      throw error;
    }
  }

  /** Ends in order: what was asked for is answered. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#notifier.stopping();
    clearInterval(this.#prober);
    await this.#reloading;
    await this.#server?.close();
    this.#endpoint?.close();
    this.#endpoint?.closeAllConnections();
    await this.#signer.close?.();
    this.#log.close();
  }
}

function servedOf({ service }: ServiceSettings, signer: OpenSigner): ServedOptions {
  const { allow, schemes, maxInFlight, maxConnections, handshakesOnly, signatureLimits } = service;
  return {
    ...{ signer, maxInFlight, maxConnections, handshakesOnly },
    ...(allow === undefined ? {} : { allow: { uids: allow.uids ?? [], gids: allow.gids ?? [] } }),
    ...(schemes === undefined ? {} : { schemes }),
    ...(signatureLimits === undefined
      ? {}
      : { signatureLimits: signatureLimits as ServedOptions['signatureLimits'] }),
  } as ServedOptions;
}

function schemesOf({ service }: ServiceSettings, signer: OpenSigner): OpenSigner['schemes'] {
  const usable = service.schemes?.filter((scheme) => signer.schemes.includes(scheme)) ?? [];
  return usable.length === 0 ? signer.schemes : usable; // Serving refuses the others by name.
}

function refuseOtherPlace(former: ServiceSettings['service'], next: ServiceSettings['service']): void {
  for (const name of ['socket', 'mode', 'allowOthers', 'metrics', 'probe', 'quiet'] as const) {
    if (isDeepStrictEqual(former[name], next[name])) continue;
    throw new S2nPkeyError('ERR_S2N_PKEY_USAGE', `service.${name} changes only with a restart`);
  }
}

/** What the log says of the key: its name where it has one, and its kind. */
function nameOf(signer: OpenSigner): string {
  const { keyArn, keySpec, keyId, keyVersion } = signer as OpenSigner &
    Partial<Record<'keyArn' | 'keySpec' | 'keyId' | 'keyVersion', unknown>>;
  const names = [keyArn, keyId, keyVersion].filter((name): name is string => typeof name === 'string');
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: details } = signer.publicKey;
  const kind = details?.namedCurve ?? `${type} ${details?.modulusLength ?? ''}`.trim();
  return `${names[0] ?? `of ${signer.constructor.name}`} (${typeof keySpec === 'string' ? keySpec : kind})`;
}
