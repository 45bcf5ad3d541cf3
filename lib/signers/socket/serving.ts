import type { CheckedServing } from './serve-signer-options.ts';

/** A use of what was served when it began. */
export interface Use {
  readonly serving: CheckedServing;
  readonly leave: () => void;
}

/** A version of what is served, and how many signatures are being made with it. */
interface Version {
  readonly serving: CheckedServing;
  uses: number;
  /** Called at the end of the last use, once it is replaced. */
  unused: (() => void) | undefined;
}

/** What is served now. Signatures end with what they began with. */
export class Serving {
  #version: Version;

  constructor(serving: CheckedServing) {
    this.#version = { serving, uses: 0, unused: undefined };
  }

  get now(): CheckedServing {
    return this.#version.serving;
  }

  use(): Use {
    const version = this.#version;
    version.uses++;
    return {
      serving: version.serving,
      leave: () => {
        if (--version.uses === 0) version.unused?.();
      },
    };
  }

  /** Resolves when nothing uses what was served before. */
  replace(serving: CheckedServing): Promise<void> {
    const former = this.#version;
    this.#version = { serving, uses: 0, unused: undefined };
    return new Promise((resolve) => {
      former.unused = resolve;
      if (former.uses === 0) resolve();
    });
  }
}
