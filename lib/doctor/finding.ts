import { S2nPkeyError } from '../errors.ts';

/** A result of a check. */
export interface Finding {
  /** Stable, such as `CERTIFICATE_EXPIRED`. docs/api/preflight.md lists all. */
  readonly code: string;
  /** A `'fault'` prevents clients from connecting, now or later. A `'warning'` does not. */
  readonly severity: 'fault' | 'warning';
  readonly message: string;
  readonly whatToDo: string;
}

export function fault(code: string, message: string, whatToDo: string): Finding {
  return { code, severity: 'fault', message, whatToDo };
}

export function warning(code: string, message: string, whatToDo: string): Finding {
  return { code, severity: 'warning', message, whatToDo };
}

/** The fault for an error. Its code is the error's, without `ERR_S2N_PKEY_`. */
export function faultOf(error: unknown, whatToDo: string): Finding {
  const full: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const code = typeof full === 'string' ? full.replace(/^ERR_S2N_PKEY_/, '') : 'FAILED';
  return fault(code, error instanceof Error ? error.message : String(error), whatToDo);
}

/** The same for checks that need the native addon. On a platform without one it is a warning, because no server runs there. */
export function addonFindingOf(error: unknown, whatToDo: string): Finding {
  const found = faultOf(error, whatToDo);
  if (found.code !== 'PLATFORM') return found;
  return warning(
    found.code,
    `the options, and what clients and the key agree on, were not checked: ${found.message}`,
    'Check again where the server runs.',
  );
}

/** Thrown with all faults at once. The server should not start. */
export class PreflightError extends S2nPkeyError {
  readonly faults: readonly Finding[];
  readonly warnings: readonly Finding[];

  constructor(faults: readonly Finding[], warnings: readonly Finding[]) {
    const list = faults.map(({ code, message, whatToDo }) => `  ${code}: ${message}\n    ${whatToDo}`);
    super(
      'ERR_S2N_PKEY_PREFLIGHT',
      `${faults.length === 1 ? 'a fault' : `${faults.length} faults`} to mend before this server can start:\n${list.join('\n')}`,
    );
    this.faults = faults;
    this.warnings = warnings;
  }
}
