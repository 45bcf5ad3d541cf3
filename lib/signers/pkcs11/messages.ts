/** Where a key is, as a worker is told. */
export interface KeyPlace {
  /** Path of the PKCS#11 module, a shared library. */
  readonly module: string;
  readonly tokenLabel: string | undefined;
  readonly slot: number | undefined;
  readonly label: string | undefined;
  readonly id: Uint8Array | undefined;
  readonly pin: string | undefined;
  /** A LoginGate's memory. */
  readonly login: SharedArrayBuffer;
}

/** How a device is to sign: a mechanism, and for RSA-PSS the hash. */
export interface SignRequest {
  readonly mechanism: 'CKM_ECDSA' | 'CKM_RSA_PKCS' | 'CKM_RSA_PKCS_PSS';
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  readonly input: Uint8Array;
}

/** What a token tells of a key's public half. */
export type PublicAttributes =
  | { readonly type: 'ec'; readonly params: Uint8Array; readonly point: Uint8Array | undefined }
  | { readonly type: 'rsa'; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | { readonly type: 'other' };

export interface OpenedKey {
  readonly publicAttributes: PublicAttributes;
  /** Which of the mechanisms of `SignRequest` the token has. */
  readonly mechanisms: readonly SignRequest['mechanism'][];
}

/** To a worker: one at a time, each with one answer. `open` is the first. */
export type ToWorker =
  | { readonly type: 'open' }
  | { readonly type: 'sign'; readonly request: SignRequest }
  | { readonly type: 'close' };

/** From a worker. */
export type FromWorker =
  | { readonly type: 'opened'; readonly key: OpenedKey }
  | { readonly type: 'signed'; readonly signature: Uint8Array }
  | {
      readonly type: 'failed';
      /** An S2nPkeyError's, other than of PKCS#11; undefined: see the rest. */
      readonly code: string | undefined;
      readonly fault: string | undefined;
      readonly message: string;
      readonly returned: string | undefined;
      readonly operation: string | undefined;
    };
