import { hasSettings, parentVariable, resolveVariables } from './settings.ts';

/** What of a process is asked and changed here. */
export interface RegisteredProcess {
  readonly env: NodeJS.ProcessEnv;
  readonly execArgv: readonly string[];
  readonly pid: number;
  /** There in a process that another one has forked. */
  readonly send?: unknown;
  cwd(): string;
}

/**
 * Whether the process is one that a program under `s2n-pkey/register` has started, and that may know nothing of it: its environment or its
 * arguments were inherited. Such a process starts whatever its settings are, and what is wrong is said when a server listens.
 */
export function isInherited({ env, execArgv, send }: RegisteredProcess): boolean {
  if (env[parentVariable] !== undefined) return true;
  // Without any setting: somebody chose this environment for a child, and left the settings out.
  const named = execArgv.some((argument) => /\bregister\b/.test(argument));
  return !hasSettings(env) && (send !== undefined || !named);
}

/** Lets child processes find this module and the files of the settings, in whatever folder they run. */
export function prepareChildren(registered: RegisteredProcess, module: string): void {
  const { env, pid } = registered;
  resolveVariables(env, registered.cwd());
  const { NODE_OPTIONS: options } = env;
  if (options !== undefined) {
    env['NODE_OPTIONS'] = options.replaceAll(/(?<=^|[\s"=])s2n-pkey\/register(?=$|[\s"])/g, module);
  }
  env[parentVariable] ??= String(pid);
}
