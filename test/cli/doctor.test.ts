import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createNodeServer } from 'node:tls';
import { CreateAliasCommand, DisableKeyCommand, PutKeyPolicyCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import { KmsSigner } from '../../lib/signers/kms/kms-signer.ts';
import { createServer } from '../../lib/tls/server/create-server.ts';
import { identity } from '../fixtures/identity.ts';
import { environmentOf } from '../fixtures/kms-environment.ts';
import { createKey, runningKms } from '../local-kms/running-kms.ts';
import { runCommand, type CommandRun } from './command-run.ts';

/** `npx s2n-pkey doctor …` as a process of its own, knowing no more of AWS than `env` tells it. */
function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandRun> {
  return runCommand(['doctor', ...args], env);
}

interface JsonFinding {
  readonly code: string;
}

interface JsonAnswer {
  readonly ok: boolean;
  readonly pairs: readonly {
    readonly keyArn: string;
    readonly faults: readonly JsonFinding[];
    readonly warnings: readonly JsonFinding[];
    readonly latency?: { readonly signatures: number; readonly p50: number; readonly p99: number };
    readonly cost: { readonly perMillionFullHandshakes: number };
    readonly policies: { readonly keyPolicy: object; readonly iamPolicy: { Statement: object[] } };
  }[];
  readonly server: {
    readonly faults: readonly JsonFinding[];
    readonly warnings: readonly JsonFinding[];
    readonly handshakes: readonly {
      readonly protocol: string;
      readonly refused?: string;
      readonly group: string;
      readonly signatureScheme: string;
      readonly resumed: boolean;
      readonly ocspStapled: boolean;
      readonly alpnProtocol?: string;
      readonly chain: readonly { readonly names: string }[];
    }[];
  };
}

const read = ({ output }: CommandRun): JsonAnswer => JSON.parse(output) as JsonAnswer;
const codes = (findings: readonly JsonFinding[] = []): string[] => findings.map(({ code }) => code);

describe('s2n-pkey doctor', function () {
  this.timeout(240_000);
  const running = runningKms();
  const opened: KmsSigner[] = [];
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-doctor-'));
  });
  after(() => {
    for (const signer of opened) signer.close();
    rmSync(folder, { recursive: true });
  });

  interface Site {
    readonly keyId: string;
    readonly arn: string;
    readonly cert: string;
    readonly file: string;
    readonly signer: KmsSigner;
  }

  async function site(name: string, dns = ['site.example', 'localhost']): Promise<Site> {
    const { client, kms } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    const signer = await KmsSigner.open({ keyId, ...kms.clientOptions });
    opened.push(signer);
    const cert = await createSelfSignedCertificate({ signer, subject: 'CN=site', altNames: { dns } });
    const file = join(folder, `${name}.pem`);
    writeFileSync(file, cert);
    await client.send(new CreateAliasCommand({ AliasName: `alias/${name}`, TargetKeyId: keyId }));
    return { keyId, arn, cert, file, signer };
  }

  describe('for a key and its certificate', () => {
    it('reports no fault, the latency of signatures and their cost', async () => {
      const { kms } = running();
      const { arn, file } = await site('in-order');
      await kms.resetCounters();
      const args = ['--key', 'alias/in-order', '--cert', file, '--servername', 'site.example'];
      const run = await doctor([...args, '--signatures', '5'], environmentOf(kms));
      expect(run.errors).to.equal('');
      expect(run.code).to.equal(0);
      expect(run.output).to.match(/p50 [\d.]+ ms, p99 [\d.]+ ms/);
      expect(run.output)
        .to.contain(`alias/in-order is ${arn}`)
        .and.to.contain('$15 for a million full handshakes')
        .and.to.contain('"kms:SigningAlgorithm"')
        .and.to.contain('CERTIFICATE_SELF_SIGNED');
      expect((await kms.counters())['Sign']?.outcomes['ok']).to.equal(6);
    });

    it('works with --endpoint, and at another price', async () => {
      const { kms } = running();
      const { file, arn } = await site('endpoint');
      const { AWS_ENDPOINT_URL_KMS: endpoint = '', ...env } = environmentOf(kms);
      const args = [
        '--key',
        arn,
        '--cert',
        file,
        '--endpoint',
        endpoint,
        '--price',
        '0.2',
        '--signatures',
        '0',
      ];
      const run = await doctor([...args, '--json'], env);
      expect(run.code).to.equal(0);
      const [pair] = read(run).pairs;
      expect(pair?.cost.perMillionFullHandshakes).to.equal(20);
      expect(pair?.latency).to.equal(undefined);
    });

    it('prints policies under which the key signs, and nothing else is allowed', async () => {
      const { client, kms } = running();
      const { file, arn, keyId } = await site('least');
      const role = `arn:aws:iam::${arn.split(':')[4]}:root`; // whom the local KMS takes requests from
      const args = ['--key', arn, '--cert', file, '--role', role, '--json', '--signatures', '2'];
      const [pair] = read(await doctor(args, environmentOf(kms))).pairs;
      const [sign, readKey] = pair?.policies.iamPolicy.Statement ?? [];
      expect(sign).to.deep.include({
        Action: 'kms:Sign',
        Resource: arn,
        Condition: {
          StringEquals: { 'kms:SigningAlgorithm': ['ECDSA_SHA_256'], 'kms:MessageType': 'DIGEST' },
        },
      });
      expect(readKey).to.deep.include({ Action: 'kms:GetPublicKey', Resource: arn });
      expect(readKey).not.to.have.property('Condition');
      // The very policy is put, and the same checks pass under it.
      const Policy = JSON.stringify(pair?.policies.keyPolicy);
      await client.send(new PutKeyPolicyCommand({ KeyId: keyId, Policy }));
      const again = await doctor(args, environmentOf(kms));
      expect(again.code, again.output).to.equal(0);
      expect(read(again).pairs[0]?.latency?.signatures).to.equal(2);
    });

    it('reports all faults together, and exits with 1', async () => {
      const { client, kms } = running();
      const { keyId } = await site('faulty');
      const { file } = await site('of-another-key');
      await client.send(new DisableKeyCommand({ KeyId: keyId }));
      const args = ['--key', keyId, '--cert', file, '--servername', 'other.example', '--policy', 'nonesuch'];
      const run = await doctor([...args, '--json'], environmentOf(kms));
      expect(run.code).to.equal(1);
      const { ok, pairs } = read(run);
      expect(ok).to.equal(false);
      expect(codes(pairs[0]?.faults)).to.have.members([
        'KMS_KEY_DISABLED',
        'CERTIFICATE_NAME',
        'SECURITY_POLICY',
      ]);
      const text = await doctor(args, environmentOf(kms));
      expect(text.output).to.contain(`aws kms enable-key --key-id`);
    });

    it('says whether the next key and certificate are ready', async () => {
      const { kms } = running();
      const [now, next, narrow] = [
        await site('now'),
        await site('next'),
        await site('narrow', ['site.example']),
      ];
      const args = ['--key', now.arn, '--cert', now.file, '--signatures', '0'];
      const ready = await doctor(
        [...args, '--next-key', 'alias/next', '--next-cert', next.file],
        environmentOf(kms),
      );
      expect(ready.code, ready.output).to.equal(0);
      expect(ready.output).to.contain('Both pairs are ready');
      const unready = await doctor(
        [...args, '--next-key', now.arn, '--next-cert', narrow.file, '--json'],
        environmentOf(kms),
      );
      expect(unready.code).to.equal(1);
      expect(codes(read(unready).pairs[1]?.faults)).to.have.members([
        'KEY_MISMATCH',
        'SAME_KEY',
        'NAMES_LOST',
      ]);
    });

    it('says what is missing where no AWS is configured', async () => {
      const { file } = await site('unconfigured');
      const run = await doctor(['--key', 'alias/unconfigured', '--cert', file]);
      expect(run.code).to.equal(1);
      expect(run.output).to.contain('KMS_REGION').and.to.contain('AWS_REGION');
      const unknown = await doctor(['--key', 'alias/x', '--cert', file, '--region', 'eu-central-1']);
      expect(unknown.code).to.equal(1);
      expect(unknown.output).to.contain('KMS_CREDENTIALS').and.to.contain('AWS_PROFILE');
    });

    it('refuses a command line that it cannot follow, with 2', async () => {
      for (const [args, problem] of [
        [['--key', 'alias/x'], '--key and --cert'],
        [['--nonsense'], '--nonsense'],
        [['--key', 'alias/x', '--cert', '/nonexistent.pem'], '/nonexistent.pem'],
        [['--connect', 'host:99999'], 'host:99999'],
        [['--connect', 'localhost', '--key', 'alias/x'], '--connect'],
      ] as const) {
        const run = await doctor(args);
        expect(run.code).to.equal(2);
        expect(run.errors).to.contain(problem);
      }
      expect((await doctor(['--help'])).output).to.contain('Usage: s2n-pkey doctor');
    });
  });

  describe('for a running server', () => {
    const servers: Server[] = [];
    afterEach(async () => {
      for (const server of servers.splice(0)) {
        await new Promise((resolve) => server.close(resolve));
      }
    });

    async function listening(server: Server): Promise<string> {
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    it('prints what clients get: versions, cipher, group, scheme, certificate, ALPN, resumption', async () => {
      const { cert, signer, file } = await site('served');
      const address = await listening(
        createServer({ cert, signer, ALPNProtocols: ['h2'] }, (socket) => {
          socket.on('error', () => undefined).write('hello');
          socket.resume();
        }),
      );
      const run = await doctor([
        '--connect',
        address,
        '--servername',
        'site.example',
        '--ca',
        file,
        '--json',
      ]);
      const { server } = read(run);
      expect(run.code, run.output).to.equal(0);
      expect(server.handshakes.map(({ protocol }) => protocol)).to.deep.equal(['TLSv1.2', 'TLSv1.3']);
      for (const seen of server.handshakes) {
        expect(seen).to.deep.include({ resumed: true, ocspStapled: false, alpnProtocol: 'h2' });
        expect(seen.chain[0]?.names).to.equal('DNS:site.example, DNS:localhost');
      }
      expect(server.handshakes[1]?.signatureScheme).to.equal('ecdsa_secp256r1_sha256');
    });

    it('reports faults of trust, name and resumption', async () => {
      const { key, cert } = identity('P-256', 'elsewhere.example');
      const address = await listening(
        createNodeServer({ key, cert, maxVersion: 'TLSv1.2', secureOptions: 1 << 14 }, (socket) => {
          socket.on('error', () => undefined).resume();
        }),
      );
      const run = await doctor(['--connect', address, '--servername', 'site.example', '--json']);
      expect(run.code).to.equal(1);
      const { faults, warnings, handshakes } = read(run).server;
      expect(codes(faults)).to.have.members(['CERTIFICATE_NAME', 'UNTRUSTED']);
      expect(codes(warnings)).to.include('CERTIFICATE_SELF_SIGNED').and.to.include('NO_RESUMPTION');
      expect(handshakes[1]?.refused).to.be.a('string');
      const text = await doctor(['--connect', address, '--servername', 'site.example']);
      expect(text.output).to.contain('FAULT').and.to.contain('TLSv1.3       no: ');
    });

    it('reports NO_CONNECTION without TLS, or without a server', async () => {
      const plain = await listening(
        createPlainServer((socket) =>
          socket
            .on('error', () => undefined)
            .resume()
            .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
        ),
      );
      const run = await doctor(['--connect', plain, '--json']);
      expect(run.code).to.equal(1);
      expect(codes(read(run).server.faults)).to.deep.equal(['NO_CONNECTION']);
      const nobody = await doctor(['--connect', '127.0.0.1:1', '--json']);
      expect(nobody.code).to.equal(1);
      expect(codes(read(nobody).server.faults)).to.deep.equal(['NO_CONNECTION']);
    });
  });
});
