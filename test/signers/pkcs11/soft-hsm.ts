import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyPair, privateKeyPem, type KeyName } from '../key-pairs.ts';

export const pin = '98765432';

/** A token of its own in a folder of its own, for this process: SoftHSM reads SOFTHSM2_CONF. */
export class SoftHsm {
  readonly label = 's2n-pkey tests';
  readonly #folder = mkdtempSync(join(tmpdir(), 's2n-softhsm-'));
  #nextId = 1;

  constructor() {
    const tokens = join(this.#folder, 'tokens');
    mkdirSync(tokens);
    const configuration = join(this.#folder, 'softhsm2.conf');
    writeFileSync(configuration, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`);
    process.env['SOFTHSM2_CONF'] = configuration;
    this.#run('--init-token', '--free', '--label', this.label, '--so-pin', '12345678', '--pin', pin);
  }

  /** Puts the key pair of this name into the token; its label and id. */
  import(name: KeyName, label = name as string): { label: string; id: string } {
    const id = (this.#nextId++).toString(16).padStart(4, '0');
    const file = join(this.#folder, 'key.pem');
    writeFileSync(file, privateKeyPem(keyPair(name)));
    this.#run('--import', file, '--token', this.label, '--label', label, '--id', id, '--pin', pin);
    rmSync(file);
    return { label, id };
  }

  remove(): void {
    delete process.env['SOFTHSM2_CONF'];
    rmSync(this.#folder, { recursive: true });
  }

  #run(...args: string[]): void {
    execFileSync('softhsm2-util', args, { stdio: 'pipe' });
  }
}
