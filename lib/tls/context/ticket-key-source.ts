/** A turn of a fleet's ticket keys: all machines whose clocks are right have the same one. */
export interface TicketEpoch {
  /** When its key begins to encrypt, in seconds since 1970. */
  readonly begin: number;
  /** For how many seconds it encrypts. */
  readonly seconds: number;
  /** When the last of its tickets has expired, in seconds since 1970: its secret is needed until then. */
  readonly end: number;
  /** Names the epoch, the `generation` and this use: what to make the secret from, such as the message of a MAC. */
  readonly label: Uint8Array;
}

/** What a source gives where it knows the time elsewhere, too. */
export interface EpochSecret {
  readonly secret: Uint8Array;
  /** By the source's clock, in milliseconds since 1970. */
  readonly time?: number | undefined;
}

/** Where the machines of a fleet have the secrets of their ticket keys from. */
export interface TicketKeySource {
  /**
   * What it asks. In a cluster, a worker asks the source with the same name in the primary process, and its own only if there is none.
   * Without a name each process asks by itself.
   */
  readonly name?: string;
  /**
   * Calls `changed` when the source may give other secrets than before, so that all are asked for again. Returns what stops that.
   */
  watch?(changed: () => void): () => void;
  /**
   * The secret of an epoch: at least 32 bytes, the same on all machines, and another for each label. It is asked once for each epoch, and
   * again after a failure.
   *
   * @param options.signal ends the wait.
   */
  secretOf(epoch: TicketEpoch, options: { readonly signal: AbortSignal }): Promise<Uint8Array | EpochSecret>;
}
