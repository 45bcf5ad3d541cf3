import { runLocalKms } from '../local-kms/run.ts';
import type { Command } from './command.ts';

export const localKmsCommand: Command = {
  name: 'local-kms',
  summary: 'run a KMS on this machine, for development and tests',
  run: runLocalKms,
};
