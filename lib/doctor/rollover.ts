import type { Server } from 'node:net';
import { InvalidOptionError } from '../errors.ts';
import { checkOptionsObject, refuseUnknownOptions, type SchemaOf } from '../options/option.ts';
import { overlay } from '../tls/context/effective-settings.ts';
import {
  readSecureContext,
  secureContextSchema,
  type SecureContextOptions,
} from '../tls/context/secure-context.ts';
import { refuseUnsupported } from '../tls/context/unsupported-options.ts';
import { contextsOf } from '../tls/server/secure-server.ts';
import type { KmsClientOptions } from '../signers/kms/client/kms-client.ts';
import { examinationSchema, preflight, type PreflightReport } from './preflight.ts';

/** The new key and certificate, and options of their checks. */
export interface RolloverOptions extends SecureContextOptions, KmsClientOptions {
  servernames?: readonly string[];
  /** Days before the end of a certificate from which it is a warning. Default: 21. */
  expiryWarningDays?: number;
}

export const rolloverSchema = {
  ...secureContextSchema,
  ...examinationSchema,
} satisfies SchemaOf<RolloverOptions>;

export interface Rollover {
  readonly report: PreflightReport;
  /** Serves the former certificate again, on connections that are accepted afterwards. */
  revert(): void;
}

/**
 * Switches a server to a new key and certificate. It checks the pair first, and then serves it on connections that are accepted
 * afterwards. Keep the former signer open until its last handshake is done, and as long as you may call `revert`.
 *
 * @throws PreflightError, and the server keeps its certificate; InvalidOptionError.
 */
export async function rollover(server: Server, options: RolloverOptions): Promise<Rollover> {
  const contexts = contextsOf(server);
  if (contexts === undefined) {
    throw new InvalidOptionError('server', 'a server of createServer, or one that was attached', server);
  }
  checkOptionsObject(options, '{ cert, signer, … }');
  refuseUnsupported(options);
  refuseUnknownOptions(rolloverSchema, options);
  const { securityPolicy, minVersion, maxVersion } = contexts.default.own;
  const report = await preflight(
    overlay<RolloverOptions>({ securityPolicy, minVersion, maxVersion }, options),
  );
  const context: SecureContextOptions = { ...options };
  for (const name of Object.keys(examinationSchema)) Reflect.deleteProperty(context, name);

  const next = readSecureContext(context);
  const former = contexts.default;
  const kinds = former.identities.map(({ keyType }) => keyType);
  // A key of another type than the server's keys replaces all of them.
  if (next.identities.some(({ keyType }) => kinds.includes(keyType))) contexts.renew(undefined, next);
  else contexts.replaceDefault(next);
  return {
    report,
    revert(): void {
      contexts.restoreDefault(former);
    },
  };
}
