import type { EngineDiagnostics } from '../../native/binding.ts';
import { engine } from '../../native/engine.ts';

export type { EngineDiagnostics } from '../../native/binding.ts';

/** What the engine holds now, counted by its own threads: connections by state, descriptors, locked memory. */
export function diagnostics(): EngineDiagnostics {
  return engine().diagnostics();
}
