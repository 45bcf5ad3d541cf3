import { createHash, constants, privateEncrypt } from 'node:crypto';
import { createRequire } from 'node:module';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  status,
  type GrpcObject,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { crc32c } from '../../../lib/signers/google/crc32c.ts';
import type { SignatureScheme } from '../../../lib/signers/signature-scheme.ts';
import { localSigner } from '../../certificate/signers.ts';
import { keyPair, type KeyName } from '../key-pairs.ts';

const require = createRequire(import.meta.url);

export interface SignRequest {
  readonly name: string;
  readonly digest?: { sha256?: Buffer; sha384?: Buffer; sha512?: Buffer };
  readonly digestCrc32c?: { value: string };
  readonly data?: Buffer;
  readonly dataCrc32c?: { value: string };
}

/** gRPC's way to fail. */
export class Failure extends Error {
  readonly code: number;
  constructor(code: number, details: string) {
    super(details);
    this.code = code;
  }
}

/** The algorithms that there are keys of, by the version's number. */
export const algorithms = [
  'EC_SIGN_P256_SHA256',
  'EC_SIGN_P384_SHA384',
  'RSA_SIGN_PSS_2048_SHA256',
  'RSA_SIGN_PSS_4096_SHA512',
  'RSA_SIGN_PKCS1_2048_SHA256',
  'RSA_SIGN_PKCS1_4096_SHA512',
  'RSA_SIGN_RAW_PKCS1_2048',
] as const;

export function versionOf(algorithm: (typeof algorithms)[number]): string {
  const number = algorithms.indexOf(algorithm) + 1;
  return `projects/p/locations/europe-west1/keyRings/r/cryptoKeys/site/cryptoKeyVersions/${number}`;
}

/** google.cloud.kms.v1.KeyManagementService as far as signers use it, with the client's own protocol files. */
export class CloudKms {
  readonly #server: Server;
  readonly port: number;
  readonly seen: SignRequest[] = [];
  /** Called before an answer; may throw a Failure, or change the answer to come. */
  misbehave: ((method: string, answer: Record<string, unknown>) => void | Promise<void>) | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(): Promise<CloudKms> {
    const json = require('@google-cloud/kms/build/protos/protos.json') as Parameters<typeof fromJSON>[0];
    const definition = fromJSON(json, { enums: String, longs: String, defaults: false, oneofs: true });
    const { google } = loadPackageDefinition(definition) as Record<
      string,
      Record<string, Record<string, GrpcObject>>
    >;
    const { service } =
      google?.['cloud']?.['kms']?.['v1'] === undefined
        ? raise('the protocol files have no google.cloud.kms.v1')
        : ((google['cloud']['kms']['v1'] as GrpcObject)['KeyManagementService'] as ServiceClientConstructor);
    const server = new Server();
    const started: { kms?: CloudKms } = {}; // It needs the port, which the server has when it knows its methods.
    const answering =
      <T>(method: string, act: (request: T) => Promise<Record<string, unknown>>) =>
      (call: ServerUnaryCall<T, object>, done: sendUnaryData<object>): void => {
        const answered = async (): Promise<object> => {
          const answer = await act(call.request);
          await started.kms?.misbehave?.(method, answer);
          return answer;
        };
        answered().then(
          (answer) => done(null, answer),
          (error: unknown) =>
            done(error instanceof Failure ? error : { code: status.INTERNAL, details: String(error) }),
        );
      };
    server.addService(service, {
      getPublicKey: answering('getPublicKey', async ({ name }: { name: string }) => publicKey(name)),
      asymmetricSign: answering('asymmetricSign', async (request: SignRequest) => {
        started.kms?.seen.push(request);
        return sign(request);
      }),
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return (started.kms = new CloudKms(server, port));
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

function raise(message: string): never {
  throw new Error(message);
}

function keyOf(name: string): { key: KeyName; algorithm: (typeof algorithms)[number] } {
  const algorithm = algorithms[Number(/\/(\d+)$/.exec(name)?.[1]) - 1];
  if (algorithm === undefined) throw new Failure(status.NOT_FOUND, `CryptoKeyVersion ${name} not found.`);
  const [, curve] = /_P(\d+)_/.exec(algorithm) ?? [];
  const [, size] = /_(\d{4})/.exec(algorithm) ?? [];
  return { algorithm, key: (curve === undefined ? `RSA-${size ?? ''}` : `P-${curve}`) as KeyName };
}

function publicKey(name: string): Record<string, unknown> {
  const { key, algorithm } = keyOf(name);
  const pem = keyPair(key).publicKey.export({ format: 'pem', type: 'spki' }).toString();
  return { name, algorithm, pem, pemCrc32c: { value: crc32c(Buffer.from(pem)) }, protectionLevel: 'HSM' };
}

/** As Cloud KMS: the digest must be that of the version's algorithm. */
async function sign({
  name,
  digest,
  digestCrc32c,
  data,
  dataCrc32c,
}: SignRequest): Promise<Record<string, unknown>> {
  const { key, algorithm } = keyOf(name);
  let signature: Uint8Array;
  if (algorithm.startsWith('RSA_SIGN_RAW')) {
    if (data === undefined || data.length === 0)
      throw new Failure(status.INVALID_ARGUMENT, 'data is required');
    signature = privateEncrypt({ key: keyPair(key).privateKey, padding: constants.RSA_PKCS1_PADDING }, data);
  } else {
    const hash = `sha${algorithm.slice(-3)}` as 'sha256' | 'sha384' | 'sha512';
    const input = digest?.[hash];
    if (input?.length !== createHash(hash).digest().length) {
      throw new Failure(status.INVALID_ARGUMENT, `The digest must be ${hash}`);
    }
    const curves: Record<string, string> = {
      sha256: 'ecdsa_secp256r1_sha256',
      sha384: 'ecdsa_secp384r1_sha384',
    };
    const rsa = `${algorithm.includes('PSS') ? 'rsa_pss_rsae' : 'rsa_pkcs1'}_${hash}`;
    const scheme = (algorithm.startsWith('EC') ? curves[hash] : rsa) as SignatureScheme;
    signature = await localSigner(key).sign({ scheme, input, inputKind: 'digest' });
  }
  const verified = (bytes: Buffer | undefined, sum: { value: string } | undefined): boolean =>
    bytes !== undefined && sum !== undefined && Number(sum.value) === crc32c(bytes);
  return {
    ...{ name, signature, signatureCrc32c: { value: crc32c(signature) } },
    verifiedDigestCrc32c: verified(
      Object.values(digest ?? {}).find((bytes) => Buffer.isBuffer(bytes)),
      digestCrc32c,
    ),
    verifiedDataCrc32c: verified(data, dataCrc32c),
    protectionLevel: 'HSM',
  };
}
