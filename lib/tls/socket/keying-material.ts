import { InvalidOptionError } from '../../errors.ts';

/** @throws InvalidOptionError, naming the argument of `exportKeyingMaterial`. */
export function checkExporterArguments(length: number, label: string, context?: Uint8Array): void {
  if (!Number.isInteger(length) || length < 1 || length > 65_535) {
    throw new InvalidOptionError('length', 'a number of bytes from 1 to 65535', length);
  }
  if (typeof label !== 'string' || label === '') throw new InvalidOptionError('label', 'a string', label);
  if (context !== undefined && !(context instanceof Uint8Array && context.length <= 65_535)) {
    throw new InvalidOptionError('context', 'up to 65535 bytes, a Buffer', context);
  }
}
