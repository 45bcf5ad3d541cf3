import { createHmac } from 'node:crypto';
import { watch, type FSWatcher } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { S2nPkeyError } from '../errors.ts';
import { milliseconds, requiredText } from '../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../options/option.ts';
import {
  FleetTicketKeys,
  fleetSchema,
  type FleetTicketKeysOptions,
} from '../tls/context/fleet-ticket-keys.ts';
import type { TicketEpoch, TicketKeySource } from '../tls/context/ticket-key-source.ts';

export interface FileTicketKeysOptions extends FleetTicketKeysOptions {
  /** Path of a file with one secret, or several and from when on each counts. */
  readonly file: string;
  /** Milliseconds between looks at the file, since network file systems report no changes. Default: 30,000. */
  readonly interval?: number;
}

export const fileTicketKeysSchema = {
  file: requiredText({
    expected: 'the path of a file of secrets, and not its content',
    pattern: /^(?!.*-----BEGIN)[^\0\n]+$/s,
  }),
  interval: milliseconds({ least: 1, fallback: 30_000 }),
  ...fleetSchema,
} satisfies SchemaOf<FileTicketKeysOptions>;

/** Ticket keys that all machines of a fleet derive from a secret in a file, which an operator puts on each of them. */
export class FileTicketKeys extends FleetTicketKeys {
  /**
   * The file is not read yet: the first server that has these keys starts that.
   *
   * @throws InvalidOptionError, naming the option.
   */
  static async open(options: FileTicketKeysOptions): Promise<FileTicketKeys> {
    const read = readOptionsObject(
      fileTicketKeysSchema,
      options,
      "an object such as { file: 'tickets.key' }",
    );
    const { file, interval, generation, reach, timeout, tls12 } = read;
    const source = new FileTicketKeySource(resolve(file), interval);
    return await Promise.resolve(new FileTicketKeys(source, { generation, reach, timeout, tls12 }));
  }
}

interface DatedSecret {
  readonly secret: Buffer;
  /** In milliseconds since 1970. */
  readonly from: number;
}

const longestFile = 65_536;
/** What others than the owner and its group may do, and writing by the group. */
const tooOpen = 0o027;
/** Milliseconds for which a file must not change before it is read. */
const settle = 200;

class FileTicketKeySource implements TicketKeySource {
  readonly #path: string;
  readonly #interval: number;

  constructor(path: string, interval: number) {
    this.#path = path;
    this.#interval = interval;
  }

  async secretOf(epoch: TicketEpoch): Promise<Uint8Array> {
    const secrets = await this.#read();
    const found = secrets.findLast(({ from }) => from <= epoch.begin * 1000);
    try {
      if (found) return createHmac('sha384', found.secret).update(epoch.label).digest();
    } finally {
      for (const { secret } of secrets) secret.fill(0);
    }
    const begin = new Date(epoch.begin * 1000).toISOString();
    throw refused(this.#path, `none of its secrets counts at ${begin}: the first line needs no time`);
  }

  /** The folders, not the file: a new file is renamed over the former, or a link on the path is replaced (Kubernetes). */
  watch(changed: () => void): () => void {
    const watchers: FSWatcher[] = [];
    let settling: NodeJS.Timeout | undefined;
    let closed = false;
    const soon = (): void => {
      clearTimeout(settling);
      if (!closed) settling = setTimeout(changed, settle).unref();
    };
    let seen: string | undefined;
    const look = async (): Promise<void> => {
      const former = seen;
      seen = await stat(this.#path).then(({ ino, mtimeMs, size }) => `${ino} ${mtimeMs} ${size}`, String);
      if (former !== undefined && former !== seen && !closed) changed();
    };
    const polling = setInterval(() => void look(), this.#interval).unref();
    void look();
    const follow = async (): Promise<void> => {
      const target = await realpath(this.#path).catch(() => this.#path);
      for (const folder of new Set([dirname(this.#path), dirname(target)])) {
        if (closed) return;
        try {
          watchers.push(watch(folder, { persistent: false }, soon).on('error', () => undefined));
        } catch {
          // The interval still looks.
        }
      }
    };
    void follow();
    return () => {
      closed = true;
      clearTimeout(settling);
      clearInterval(polling);
      for (const watcher of watchers) watcher.close();
    };
  }

  async #read(): Promise<readonly DatedSecret[]> {
    const content = await this.#content();
    try {
      return readSecrets(this.#path, content);
    } finally {
      content.fill(0);
    }
  }

  async #content(): Promise<Buffer> {
    let file;
    try {
      file = await open(this.#path);
      const { mode, size } = await file.stat();
      if ((mode & tooOpen) !== 0) {
        const given = (mode & 0o777).toString(8);
        throw refused(
          this.#path,
          `other users may read or change it (mode ${given}): give it mode 600 or 640`,
        );
      }
      if (size > longestFile) throw refused(this.#path, `it has more than ${longestFile} bytes`);
      return await file.readFile();
    } catch (cause) {
      if (cause instanceof S2nPkeyError) throw cause;
      throw refused(
        this.#path,
        `it cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      );
    } finally {
      await file?.close();
    }
  }
}

/** Each line has a secret in base64 and, from the second on, from when it counts. */
function readSecrets(path: string, content: Buffer): readonly DatedSecret[] {
  const secrets: DatedSecret[] = [];
  for (const [index, line] of content.toString('latin1').split('\n').entries()) {
    const [text = '', time, ...rest] = line.trim().split(/\s+/);
    if (text === '' || text.startsWith('#')) continue;
    const at = `line ${index + 1}`;
    const secret = Buffer.from(text, 'base64');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || secret.length < 32 || rest.length > 0) {
      throw refused(
        path,
        `${at}: expected at least 32 bytes in base64 (openssl rand -base64 48), and from when on they count`,
      );
    }
    const former = secrets.at(-1)?.from;
    const from = time === undefined && former === undefined ? -Infinity : Date.parse(time ?? '');
    const isTime = from === -Infinity || /T[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(time ?? '');
    if (Number.isNaN(from) || !isTime || (former !== undefined && from <= former)) {
      throw refused(
        path,
        `${at}: expected a time later than that of the line before, such as 2027-01-01T00:00:00Z`,
      );
    }
    secrets.push({ secret, from });
  }
  if (secrets.length === 0) throw refused(path, 'it has no secret: write one with openssl rand -base64 48');
  return secrets;
}

function refused(path: string, why: string, cause?: unknown): S2nPkeyError {
  return new S2nPkeyError(
    'ERR_S2N_PKEY_TICKET_KEYS_FILE',
    `the file of ticket keys ${path} cannot be used: ${why}`,
    {
      cause,
    },
  );
}
