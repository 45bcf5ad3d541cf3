import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:net';
import { InvalidOptionError, S2nPkeyError } from '../../errors.ts';
import { withOcspResponse, type Identity } from '../context/identity.ts';
import type { SecureContext } from '../context/secure-context.ts';

export function answersOcspRequests(server: Server): boolean {
  return server.listenerCount('OCSPRequest') > 0;
}

/** The last answer for each context. While listeners give the same answer, connections share its configuration. */
const lastAnswers = new WeakMap<SecureContext, SecureContext>();

/**
 * Emits `'OCSPRequest'` for each certificate of a context, as node:tls does, and returns the context with the answers. It asks
 * for all of them, because it is not known yet which certificate the handshake will use.
 */
export async function withOcspAnswers(server: Server, context: SecureContext): Promise<SecureContext> {
  const identities = await Promise.all(
    context.identities.map(async (identity) => {
      const response = await ask(server, identity);
      return response === undefined ? identity : { identity, response };
    }),
  );
  const last = lastAnswers.get(context);
  const isLast = identities.every((each, index) => {
    const known = last?.identities[index];
    return 'response' in each
      ? known?.ocspResponse !== undefined && Buffer.compare(known.ocspResponse, each.response) === 0
      : known === each;
  });
  if (last && isLast) return last;
  const answered = context.withIdentities(
    identities.map((each) =>
      'response' in each ? withOcspResponse(each.identity, each.response, "'OCSPRequest': ") : each,
    ),
  );
  lastAnswers.set(context, answered);
  return answered;
}

function ask(server: Server, { certificateChain }: Identity): Promise<Uint8Array | undefined> {
  const [leaf, next] = certificatesOf(certificateChain);
  const issuer = next && leaf?.checkIssued(next) ? next.raw : null;
  return new Promise((resolve, reject) => {
    let answered = false;
    const answer = (error: unknown, response: unknown): void => {
      if (answered) {
        reject(new S2nPkeyError('ERR_MULTIPLE_CALLBACK', "'OCSPRequest': the callback was called twice"));
      }
      answered = true;
      if (error) {
        reject(error instanceof Error ? error : new Error("'OCSPRequest' failed", { cause: error }));
      } else if (response === undefined || response === null) {
        resolve(undefined);
      } else if (response instanceof Uint8Array) {
        resolve(response);
      } else {
        reject(new InvalidOptionError("'OCSPRequest'", 'an OCSP response, DER, a Buffer, or null', response));
      }
    };
    server.emit('OCSPRequest', leaf?.raw, issuer, answer);
  });
}

function certificatesOf(chain: string): X509Certificate[] {
  const blocks = chain.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.slice(0, 2).map((block) => new X509Certificate(block));
}
