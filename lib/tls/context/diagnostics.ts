import type { EngineDiagnostics } from '../../native/binding.ts';
import { engine } from '../../native/engine.ts';

export type { EngineDiagnostics } from '../../native/binding.ts';

/** Returns what the engine holds now, as its threads count it: connections by state, descriptors, locked memory. */
export function diagnostics(): EngineDiagnostics {
  return engine().diagnostics();
}
