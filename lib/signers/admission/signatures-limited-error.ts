import { SignerError } from '../../errors.ts';

/** The limit that was reached, by the name of the option that sets it. */
export type ReachedLimit =
  'perSecond' | 'inFlight' | 'queue' | 'queueTimeout' | 'perAddress.perSecond' | 'perAddress.inFlight';

/** A handshake ended because no signature was to be asked for: `ERR_S2N_PKEY_SIGNATURES_LIMITED`. The signer saw nothing of it. */
export class SignaturesLimitedError extends SignerError {
  readonly limit: ReachedLimit;
  /** The network it counts for, as in `192.0.2.7` or `2001:db8:0:1/64`; undefined for a peer without an address. */
  readonly addressPrefix: string | undefined;

  constructor(
    limit: ReachedLimit,
    addressPrefix: string | undefined,
    reason: string,
    message = `the handshake was refused before its signature was asked for: ${reason}. If these clients are wanted, let them ` +
      `resume sessions, or raise signatureLimits.${limit} (and the quota of the signer's service)`,
  ) {
    super(message, { code: 'ERR_S2N_PKEY_SIGNATURES_LIMITED' });
    this.limit = limit;
    this.addressPrefix = addressPrefix;
  }
}
