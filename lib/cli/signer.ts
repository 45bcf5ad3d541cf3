import { once } from 'node:events';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfigEntries, readConfig, serviceSchema } from '../config/config-schema.ts';
import { InvalidOptionError, S2nPkeyError } from '../errors.ts';
import { isOptionsObject, readOption } from '../options/option.ts';
import type { Command } from './command.ts';
import { readIds } from './signer/ids.ts';
import { SignerService, type ServiceSettings } from './signer/service.ts';
import { inheritedDescriptor, Notifier } from './signer/systemd.ts';

const usage = `Usage: s2n-pkey signer --socket PATH --key KEY [options]
       s2n-pkey signer --config FILE [options]

Signs for other processes of this machine, through a Unix socket: this process has the credentials of a KMS, and those that use
the socket have none (SocketSigner.open({ path }) of s2n-pkey/socket-signer).

  --socket <path>     of the socket; a file that an earlier process left is replaced, one that somebody listens at is not.
                      Not together with a socket that systemd passes
  --key <key>         a key in AWS KMS: its id or ARN, or an alias' name or ARN, such as alias/site
  --region <name>     where that key is (as the AWS SDK finds it)
  --config <file>     settings in JSON or YAML: every backend (signer) and all of this (service); flags take precedence
  --mode <octal>      who may connect, and so sign: 600, this user, unless given; 660, its group too
  --allow-uid <list>  the users that may connect, by number or name, as the kernel reports them
  --allow-gid <list>  the groups, supplementary ones included; a process is let in by its user or by a group
  --schemes <list>    the signature schemes that may be asked for, with commas between them: all that the key has, unless given
  --handshakes-only   sign handshakes of TLS 1.3 and nothing else; clients send what is to be signed, and not its hash
  --per-second <n>    signatures a second, of all connections: four fifths of the quota of the key's service unless given
  --in-flight <n>     signatures under way, of all connections: 256 unless given
  --metrics <address> serves /metrics, /livez and /readyz by HTTP, such as 127.0.0.1:9464
  --quiet             no line for each signature
  --help

It prints "listening on PATH" when it has signed once and is ready, and then a line of JSON for each signature. SIGHUP has it read
the settings again, without disconnecting clients. It ends in order at SIGTERM and SIGINT: what was asked for is answered.
`;

export const signerCommand: Command = {
  name: 'signer',
  summary: 'sign for other processes, through a Unix socket',
  run: runSigner,
};

async function runSigner(args: readonly string[]): Promise<void> {
  try {
    const flags = readFlags(args);
    if (flags === undefined) {
      process.stdout.write(usage);
      return;
    }
    await serve(flags);
  } catch (error) {
    const known = error instanceof S2nPkeyError;
    process.stderr.write(
      `s2n-pkey signer: ${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exitCode = known && error.code === 'ERR_S2N_PKEY_USAGE' ? 2 : 1;
  }
}

/** What the command line says, in the form of a file of settings, and the path of such a file. */
interface Flags {
  readonly config: string | undefined;
  readonly signer: object | undefined;
  readonly service: Readonly<Record<string, unknown>>;
  readonly signatureLimits: object;
}

async function serve(flags: Flags): Promise<void> {
  const fd = inheritedDescriptor(process.env, process.pid);
  const read = (): ServiceSettings => readSettings(flags, fd !== undefined);
  const settings = read();
  const stopped = new AbortController();
  const { signal } = stopped;
  // Before it listens: a signal that comes at once ends it in order, too.
  const ended = Promise.race([once(process, 'SIGTERM', { signal }), once(process, 'SIGINT', { signal })]);
  ended.catch(() => undefined);
  let reloads = false;
  const hangUp = (): void => {
    reloads = true;
  };
  process.on('SIGHUP', hangUp);
  try {
    const service = await SignerService.start(settings, fd, new Notifier(process.env, process.pid));
    process.on('SIGHUP', () => void service.reload(read));
    process.off('SIGHUP', hangUp);
    if (reloads) void service.reload(read);
    await ended;
    await service.close();
  } finally {
    stopped.abort();
  }
}

function readSettings(flags: Flags, isActivated: boolean): ServiceSettings {
  const entries = flags.config === undefined ? {} : loadConfigEntries(flags.config);
  const { service: written = {} } = entries;
  if (!isOptionsObject(written)) throw usageError('service: expected an object in the file of --config');
  const { signatureLimits: limits, ...rest } = written as { signatureLimits?: unknown };
  const flagLimits = Object.keys(flags.signatureLimits).length > 0;
  const signatureLimits =
    flagLimits && (limits === undefined || typeof limits === 'object')
      ? { ...limits, ...flags.signatureLimits }
      : limits;
  const { signer, service } = readConfig({
    ...entries,
    ...(flags.signer === undefined ? {} : { signer: flags.signer }),
    service: { ...rest, ...(signatureLimits === undefined ? {} : { signatureLimits }), ...flags.service },
  });
  if (service === undefined) throw usageError('there are no settings');
  if (isActivated && service.socket !== undefined) {
    throw usageError('--socket (or service.socket): leave it out, since systemd passes a socket');
  }
  if (!isActivated && service.socket === undefined) throw usageError('--socket is missing');
  if (signer === undefined) throw usageError('--key is missing, or the section signer of --config');
  return { backends: signer, service };
}

function readFlags(args: readonly string[]): Flags | undefined {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        socket: { type: 'string' },
        key: { type: 'string' },
        region: { type: 'string' },
        config: { type: 'string' },
        mode: { type: 'string' },
        'allow-uid': { type: 'string' },
        'allow-gid': { type: 'string' },
        schemes: { type: 'string' },
        'handshakes-only': { type: 'boolean' },
        'per-second': { type: 'string' },
        'in-flight': { type: 'string' },
        metrics: { type: 'string' },
        quiet: { type: 'boolean' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (cause) {
    throw usageError(cause instanceof Error ? cause.message : String(cause));
  }
  if (values.help) return undefined;
  const { socket, key: keyId, region, config, mode, schemes, metrics, quiet } = values;
  if (keyId === undefined && region !== undefined)
    throw usageError('--region is for --key, which is missing');
  if (config === '') throw usageError('--config expects the path of a file');
  readFlag('--mode', serviceSchema.mode, mode);
  readFlag('--metrics', serviceSchema.metrics, metrics);
  const perSecond = readNumber('--per-second', values['per-second']);
  const inFlight = readNumber('--in-flight', values['in-flight']);
  const uids = readOptional(values['allow-uid'], (ids) => readIds('--allow-uid', ids, '/etc/passwd'));
  const gids = readOptional(values['allow-gid'], (ids) => readIds('--allow-gid', ids, '/etc/group'));
  const allow = uids === undefined && gids === undefined ? undefined : given({ uids, gids });
  return {
    config: config === undefined ? undefined : resolve(config),
    signer: keyId === undefined ? undefined : { kms: given({ keyId, region }) },
    service: given({
      ...{ mode, metrics, quiet, allow, schemes: schemes?.split(',') },
      handshakesOnly: values['handshakes-only'],
      socket: socket === undefined ? undefined : resolve(socket),
    }),
    signatureLimits: given({ perSecond, inFlight }),
  };
}

function readOptional<Value>(given: string | undefined, read: (given: string) => Value): Value | undefined {
  return given === undefined ? undefined : read(given);
}

/** Without what is undefined. */
function given(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function readFlag(flag: string, option: Parameters<typeof readOption>[1], value: unknown): void {
  try {
    readOption(flag, option, value);
  } catch (error) {
    if (error instanceof InvalidOptionError)
      throw usageError(error.message.replace(': expected', ' expects'));
    throw error;
  }
}

function readNumber(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given);
  throw usageError(`${name} expects a whole number, 1 or more, given '${given}'`);
}

function usageError(problem: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_USAGE', `${problem}; see s2n-pkey signer --help`);
}
