import type { SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import type { SignAsk } from './sign-requests.ts';

/** Makes the bodies of requests to sign with a key. All but the digest is made once for each algorithm, of which a key has six at most. */
export function signBody(keyArn: string): (ask: SignAsk) => string {
  const start = `{"KeyId":${JSON.stringify(keyArn)},"Message":"`;
  const ends = new Map<SigningAlgorithmSpec, string>();
  return ({ algorithm, message }) => {
    let end = ends.get(algorithm);
    if (end === undefined) {
      end = `","MessageType":"DIGEST","SigningAlgorithm":${JSON.stringify(algorithm)}}`;
      ends.set(algorithm, end);
    }
    return start + base64(message) + end;
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
