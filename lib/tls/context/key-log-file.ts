import { appendFile } from 'node:fs';

/** Splits NODE_OPTIONS as Node does: at spaces outside double quotes, within which a backslash escapes. */
export function splitNodeOptions(text: string): string[] {
  const parts: string[] = [];
  let part: string | undefined;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    let character = text.charAt(i);
    if (quoted && character === '\\') {
      character = text.charAt(++i);
    } else if (character === '"') {
      quoted = !quoted;
      continue;
    } else if (character === ' ' && !quoted) {
      if (part !== undefined) parts.push(part);
      part = undefined;
      continue;
    }
    part = (part ?? '') + character;
  }
  if (part !== undefined) parts.push(part);
  return parts;
}

/** The file of Node's option `--tls-keylog`. The command line overrides NODE_OPTIONS, and the last of several applies. */
export function readKeyLogFile(
  execArgv: readonly string[],
  nodeOptions: string | undefined,
): string | undefined {
  let file: string | undefined;
  for (const args of [splitNodeOptions(nodeOptions ?? ''), execArgv]) {
    args.forEach((arg, i) => {
      const value = /^--tls[-_]keylog(?:=(.*))?$/s.exec(arg);
      if (value) file = value[1] ?? args[i + 1];
    });
  }
  return file === '' ? undefined : file;
}

const file = readKeyLogFile(process.execArgv, process.env['NODE_OPTIONS']);
let warned = false;
let warnedOfFailure = false;

/** Whether the process was started with `--tls-keylog`. */
export function logsKeysToFile(): boolean {
  return file !== undefined;
}

/** Appends `lines`, in NSS's key log format, with the same warnings as node:tls. */
export function appendToKeyLogFile(lines: string): void {
  if (file === undefined || lines === '') return;
  if (!warned) {
    warned = true;
    process.emitWarning(
      `Using --tls-keylog makes TLS connections insecure by writing secret key material to file ${file}`,
    );
  }
  appendFile(file, lines, { mode: 0o600 }, (error) => {
    if (!error || warnedOfFailure) return;
    warnedOfFailure = true;
    process.emitWarning(`Failed to write TLS keylog (this warning will not be repeated): ${String(error)}`);
  });
}

/** As in node:tls, one Buffer per line, including its newline. */
export function keyLogLines(keyLog: string): Buffer[] {
  return keyLog
    .split('\n')
    .slice(0, -1)
    .map((line) => Buffer.from(`${line}\n`, 'latin1'));
}
