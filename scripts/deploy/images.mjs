// The images of deploy/docker, built from the package as it is here, and run as a cluster would run them: as users without
// privileges, on a root that cannot be written to, with as little locked memory as containers have by default.
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { createKey, createSelfSignedCertificate, KmsSigner } from 's2n-pkey';
import { startLocalKms } from 's2n-pkey/local-kms';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { freePort } from '../free-port.mjs';
import { managers } from '../package/check/install.mjs';
import { packInto } from '../package/packed.mjs';
import { nodeOf } from '../test/nodes.mjs';
import { startContainer } from './container.mjs';
import { debianRoot } from './tools.mjs';

const node = '24';

export async function checkImages() {
  if (process.getuid() !== 0)
    throw new Refusal('images are built and run as root: use `sudo npm run check:deploy`.');
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-images-'));
  try {
    const store = new Store(folder);
    await buildBase(store, folder);
    const tarball = await packInto(folder);
    for (const name of ['signer', 'server']) await buildImage(store, folder, name, tarball);
    await serveFrom(store, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** buildah's images, in a folder of their own: nothing of the machine's is used or changed. */
class Store {
  #options;

  constructor(folder) {
    this.#options = [
      '--storage-driver',
      'vfs',
      '--root',
      join(folder, 'images'),
      '--runroot',
      join(folder, 'run'),
    ];
  }

  async buildah(...args) {
    const env = { ...process.env, BUILDAH_ISOLATION: 'chroot' };
    const { ok, output, missing } = await run('buildah', [...this.#options, ...args], { env });
    if (missing) throw new Refusal('buildah is missing: install it with `apt-get install buildah`.');
    if (!ok) throw new Refusal(`buildah ${args.join(' ')} failed:\n${lastLines(output)}`);
    return output.trim();
  }
}

/** What `node:24-bookworm-slim` is, made here: Debian, Node and npm. */
async function buildBase(store, folder) {
  const context = join(folder, 'base');
  const npm = dirname(dirname(realpathSync(await managers[0].script())));
  cpSync(npm, join(context, 'npm'), { recursive: true, dereference: true });
  cpSync(await nodeOf(node), join(context, 'node'));
  cpSync(await debianRoot(), join(context, 'root.tar'));
  const lines = [
    'FROM scratch',
    'ADD root.tar /',
    'COPY node /usr/local/bin/node',
    'COPY npm /usr/local/lib/node_modules/npm',
    'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
  ];
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  await store.buildah('build', '--quiet', '--tag', 'node-base', context);
  say(`images: a base of Debian with Node ${node}.`);
}

/** As its Dockerfile says, with the package that was just packed in place of the registry's. */
async function buildImage(store, folder, name, tarball) {
  const context = join(folder, name);
  cpSync(inCheckout('deploy', 'docker', name), context, { recursive: true });
  cpSync(tarball, join(context, 's2n-pkey.tgz'));
  const manifest = JSON.parse(readFileSync(join(context, 'package.json'), 'utf8'));
  manifest.dependencies['s2n-pkey'] = 'file:s2n-pkey.tgz';
  writeFileSync(join(context, 'package.json'), JSON.stringify(manifest));
  const locked = await run('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'], {
    cwd: context,
  });
  if (!locked.ok)
    throw new Refusal(`npm could not resolve what the ${name} needs:\n${lastLines(locked.output)}`);
  await store.buildah(
    'build',
    '--quiet',
    '--tag',
    name,
    ...(await hostsRegistry(folder)),
    '--build-arg',
    'NODE_IMAGE=localhost/node-base',
    context,
  );
  say(`images: ${name} built by its Dockerfile.`);
}

/** The registry of this machine, and whom it trusts, for `npm ci` within a build. */
async function hostsRegistry(folder) {
  const names = ['registry', 'cafile', 'proxy', 'https-proxy'];
  const lines = [];
  for (const name of names) {
    const { output } = await run('npm', ['config', 'get', name]);
    const value = output.trim();
    if (value !== 'null' && value !== '') lines.push(`${name}=${value}`);
  }
  const file = join(folder, 'npmrc');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return ['--volume', `${file}:/root/.npmrc:ro`, '--volume', '/etc/ssl/certs:/etc/ssl/certs:ro'];
}

/** Both containers as a pod: the signer has the credentials and the socket, the server has the socket and the certificate. */
async function serveFrom(store, folder) {
  const kms = await startLocalKms({ dataDirectory: join(folder, 'kms') });
  const containers = [];
  try {
    const client = new KMSClient(kms.clientOptions);
    const { arn } = await createKey(client, { keySpec: 'ECC_NIST_P256' });
    const own = await KmsSigner.open({ keyId: arn, client });
    const cert = await createSelfSignedCertificate({ signer: own, subject: 'CN=localhost' });
    own.close();
    client.destroy();

    const [socket, certificates] = [join(folder, 'socket'), join(folder, 'certificates')];
    mkdirSync(certificates);
    writeFileSync(join(certificates, 'cert.pem'), cert);
    // As `emptyDir` with fsGroup: the group may write, and what is created there is the group's.
    mkdirSync(socket);
    chownSync(socket, 0, 65_532);
    chmodSync(socket, 0o2770);

    const signer = await start(store, 'signer', {
      args: ['--key', arn, '--allow-uid', '65532'],
      env: environmentOf(kms),
      mounts: [{ from: socket, to: '/run/s2n-pkey', writable: true }],
    });
    containers.push(signer);
    await signer.line(/^listening on /);

    const [port, operations] = [await freePort(), await freePort()];
    const server = await start(store, 'server', {
      env: {
        ...{ PORT: String(port), OPERATIONS_PORT: String(operations), DRAIN_BEFORE_SECONDS: '0' },
        ...{ CERTIFICATE: '/etc/s2n-pkey/cert.pem', SIGNER_SOCKET: '/run/s2n-pkey/signer.sock' },
      },
      mounts: [
        { from: socket, to: '/run/s2n-pkey' },
        { from: certificates, to: '/etc/s2n-pkey' },
      ],
    });
    containers.push(server);
    await server.line(/^listening on /);

    for (const [name, container] of Object.entries({ signer, server })) assertConfined(name, container);
    if (/AWS_/.test(server.proc('environ'))) throw new Refusal("the server's container has AWS credentials.");
    const ca = join(certificates, 'cert.pem');
    const page = await curl('--cacert', ca, `https://localhost:${port}/`);
    if (page !== 'hello\n') throw new Refusal(`the server's container answered ${JSON.stringify(page)}.`);
    await curl(`http://127.0.0.1:${operations}/livez`);
    await curl(`http://127.0.0.1:${operations}/readyz`);
    const metrics = await curl(`http://127.0.0.1:${operations}/metrics`);
    if (!/^s2n_pkey_signatures_total\{outcome="ok".*\} 1$/m.test(metrics))
      throw new Refusal(`one handshake should have taken one signature:\n${metrics}`);
    for (const [name, container] of Object.entries({ server, signer })) {
      const code = await container.stop();
      if (code !== 0) throw new Refusal(`the ${name} ended with ${code} at SIGTERM:\n${container.output}`);
    }
    say(
      'images: serve TLS with a key in KMS, read-only, without privileges and with 64 KiB of locked memory; drain at SIGTERM.',
    );
  } finally {
    for (const container of containers) container.kill();
    await kms.close();
  }
}

/** What the AWS SDK reads. */
function environmentOf({ endpoint, region, credentials }) {
  return {
    AWS_ENDPOINT_URL_KMS: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
}

async function start(store, name, options) {
  const container = await store.buildah('from', '--quiet', name);
  const root = await store.buildah('mount', container);
  const { OCIv1 } = JSON.parse(await store.buildah('inspect', container));
  return startContainer({ root, config: OCIv1.config, ...options });
}

function assertConfined(name, container) {
  const status = container.proc('status');
  const [uid] = /^Uid:\t(\d+)/m.exec(status)?.slice(1) ?? [];
  if (!(Number(uid) > 0)) throw new Refusal(`the ${name} runs as user ${uid}.`);
  if (!/^CapEff:\t0+$/m.test(status) || !/^NoNewPrivs:\t1$/m.test(status))
    throw new Refusal(`the ${name} has privileges:\n${status}`);
  if (!/ \/ ro[ ,]/.test(container.proc('mountinfo')))
    throw new Refusal(`the ${name}'s root can be written to.`);
  if (!/^Max locked memory\s+65536\s+65536/m.test(container.proc('limits')))
    throw new Refusal(`the ${name} has another limit of locked memory than containers have.`);
}

async function curl(...args) {
  const { ok, output } = await run('curl', ['--silent', '--show-error', '--fail', ...args]);
  if (!ok) throw new Refusal(`curl ${args.at(-1)}: ${output}`);
  return output;
}
