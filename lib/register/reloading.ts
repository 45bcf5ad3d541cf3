import { createHash } from 'node:crypto';
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { debuglog, isDeepStrictEqual } from 'node:util';
import { S2nPkeyError } from '../errors.ts';
import { FleetTicketKeys } from '../tls/context/fleet-ticket-keys.ts';
import { contextsOf } from '../tls/server/secure-server.ts';
import { refuseOutdated, serverOptionsOf, type RegisteredOptions } from './server-options.ts';
import { filesOf, RegisterError, type Settings } from './settings.ts';

const debug = debuglog('s2n-pkey');

/** Milliseconds for which files must not change before they are read. */
const settle = 200;
/** Milliseconds between looks at the files: network file systems report no changes, and a key store may be away for a while. */
const interval = 30_000;
/** Milliseconds that signatures under way have until their signer is closed; longer than a handshake may take. */
const grace = 240_000;

/** What a server keeps from when it listens. */
const fixed = [
  ...['httpsPorts', 'handshakeTimeout', 'requestCert', 'rejectUnauthorized', 'sessionTimeout'],
  'signatureLimits',
  'fleetTicketKeys',
  'proxyProtocol',
] as const;

/**
 * Serves other settings when a file that they name changes, and when `reload` is called. Connections stay open. If anything is wrong
 * with the new ones, those of before stay, and standard error has one line. It is tried again when a file changes, and now and then.
 */
export class Reloading {
  readonly #read: () => Settings;
  readonly #environment: NodeJS.ProcessEnv;
  #settings: Settings;
  #options: RegisteredOptions;
  readonly #servers = new Set<WeakRef<Server>>();
  readonly #watchers = new Map<string, FSWatcher>();
  #seen: string;
  #isRefused = false;
  #settling: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    read: () => Settings,
    environment: NodeJS.ProcessEnv,
    settings: Settings,
    options: RegisteredOptions,
  ) {
    this.#read = read;
    this.#environment = environment;
    this.#settings = settings;
    this.#options = options;
    this.#seen = this.#digest();
    this.#watch();
    setInterval(() => this.#look(), interval).unref();
  }

  /** For servers that listen from now on. */
  get options(): RegisteredOptions {
    return this.#options;
  }

  /** This server gets what is read later. */
  add(server: Server): void {
    for (const known of this.#servers) if (known.deref() === undefined) this.#servers.delete(known);
    this.#servers.add(new WeakRef(server));
  }

  reload(): Promise<void> {
    return (this.#running = this.#running.then(() => this.#reload()));
  }

  #look(): void {
    if (this.#isRefused || this.#digest() !== this.#seen) void this.reload();
  }

  async #reload(): Promise<void> {
    this.#seen = this.#digest();
    try {
      const settings = this.#read();
      for (const name of fixed) {
        if (isDeepStrictEqual(settings[name], this.#settings[name])) continue;
        throw new RegisterError(`${name} changes only with a restart`);
      }
      const options = this.#keepFleetTicketKeys(await serverOptionsOf(settings));
      try {
        this.#serve(options);
      } catch (error) {
        await options.signer.close?.();
        throw error;
      }
      const { signer: former } = this.#options;
      this.#settings = settings;
      this.#options = options;
      this.#isRefused = false;
      this.#watch();
      setTimeout(() => void former.close?.(), grace).unref();
      debug('the settings were read again');
    } catch (error) {
      this.#isRefused = true;
      const why = error instanceof S2nPkeyError ? error.message : String(error);
      process.stderr.write(`s2n-pkey/register: the settings stay as they were: ${why}\n`);
    }
  }

  /** They are the same, and have secrets. */
  #keepFleetTicketKeys(options: RegisteredOptions): RegisteredOptions {
    const { ticketKeys: former } = this.#options;
    if (!(options.ticketKeys instanceof FleetTicketKeys) || former === undefined) return options;
    options.ticketKeys.close();
    return { ...options, ticketKeys: former };
  }

  #serve(options: RegisteredOptions): void {
    const { cert, signer, ca, crl, securityPolicy, minVersion, maxVersion, ticketKeys } = options;
    refuseOutdated(cert, Date.now());
    const context = Object.fromEntries(
      Object.entries({ cert, signer, ca, crl, securityPolicy, minVersion, maxVersion }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    for (const reference of this.#servers) {
      const server = reference.deref();
      const contexts = server && contextsOf(server);
      contexts?.replaceDefault(context);
      const { ticketKeys: former } = this.#options;
      const isOfFleet = ticketKeys instanceof FleetTicketKeys; // which renew themselves
      if (ticketKeys !== undefined && !isOfFleet && !isDeepStrictEqual(ticketKeys, former)) {
        contexts?.replaceTicketKey(ticketKeys);
      }
    }
  }

  /** Of what the files hold; also of those that cannot be read. */
  #digest(): string {
    const hash = createHash('sha256');
    for (const path of filesOf(this.#settings, this.#environment)) {
      try {
        hash.update(readFileSync(path)).update('\0');
      } catch {
        hash.update('unreadable\0');
      }
    }
    return hash.digest('hex');
  }

  /** The folders, not the files: a renewal renames a new file over the former one, or replaces a link. */
  #watch(): void {
    const folders = new Set(filesOf(this.#settings, this.#environment).map((path) => dirname(path)));
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch {
        // The interval still looks.
      }
    }
  }

  #changed(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      if (this.#digest() !== this.#seen) void this.reload();
    }, settle).unref();
  }
}
