import { InvalidOptionError, S2nPkeyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';

/** @throws InvalidOptionError, naming the argument of `exportKeyingMaterial`. */
function checkExporterArguments(length: number, label: string, context?: Uint8Array): void {
  if (!Number.isInteger(length) || length < 1 || length > 65_535) {
    throw new InvalidOptionError('length', 'a number of bytes from 1 to 65535', length);
  }
  if (typeof label !== 'string' || label === '') throw new InvalidOptionError('label', 'a string', label);
  if (context !== undefined && !(context instanceof Uint8Array && context.length <= 65_535)) {
    throw new InvalidOptionError('context', 'up to 65535 bytes, a Buffer', context);
  }
}

/**
 * Exports keying material of an open connection (RFC 5705). Blocks until the engine thread answers, for a second at most.
 *
 * @throws S2nPkeyError `ERR_TLS_INVALID_STATE` if the connection is not open, `ERR_S2N_PKEY_ENGINE_BUSY` without an answer.
 */
export function exportMaterial(
  engine: Engine,
  stream: number | undefined,
  length: number,
  label: string,
  context: Uint8Array | undefined,
): Buffer {
  checkExporterArguments(length, label, context);
  const material =
    stream === undefined ? undefined : engine.exportKeyingMaterial(stream, length, label, context);
  if (!material) {
    throw new S2nPkeyError('ERR_TLS_INVALID_STATE', 'exportKeyingMaterial: the TLS connection is not open');
  }
  return material;
}
