// What is measured. `tool` says how (measure.mjs), `load` are the load program's arguments, `port` is the service's, `unit` what is counted,
// `warmUp` how many of it come first, `variant` how the servers run, `goal` that a goal looks at it: those are the usual run.
import { usual } from './contenders.mjs';

const everyone = ['node-tls', 'local-key', 'http'];
const tls12 = ['--policy', 'ELBSecurityPolicy-FS-1-2-Res-2020-10'];

function scenario(name, title, { variant = {}, ...rest }) {
  return {
    name,
    title,
    tool: 'load',
    port: 'web',
    contenders: everyone,
    columns: 'cost',
    warmUp: 0,
    goal: false,
    plainTitle: 'the same without TLS',
    ...rest,
    variant: { ...usual, ...variant },
  };
}

function handshakes(name, title, { load = [], connections = 16, ...rest } = {}) {
  return scenario(name, title, {
    load: ['handshakes', ...load],
    connections,
    unit: 'handshake',
    plainTitle: 'accept and close',
    warmUp: 2_000,
    ...rest,
  });
}

function requests(name, title, { bytes, upload = false, connections = 32, ...rest }) {
  const load = ['requests', '--bytes', bytes, ...(upload ? ['--upload'] : [])];
  return scenario(name, title, {
    load,
    connections,
    unit: 'request',
    warmUp: Math.min(30_000, Math.round(3e8 / (bytes + 10_000))),
    ...rest,
  });
}

function h2Requests(name, title, { bytes, upload = false, ...rest }) {
  return scenario(name, title, {
    tool: 'h2load',
    port: 'h2',
    bytes,
    upload,
    connections: 8,
    unit: 'request',
    warmUp: Math.min(30_000, Math.round(3e8 / (bytes + 10_000))),
    ...rest,
  });
}

const bulks = [
  [16, '16k'],
  [64, '64k'],
  [1024, '1m'],
].flatMap(([kibibytes, short]) =>
  ['down', 'up'].map((direction) =>
    scenario(`bulk-${direction}-${short}`, `Bulk ${direction} in writes of ${kibibytes} KiB, a MiB`, {
      load: [`bulk-${direction}`, '--bytes', kibibytes * 1024],
      connections: 4,
      port: 'stream',
      unit: 'MiB',
      warmUp: 500,
      goal: kibibytes === 64,
    }),
  ),
);

const kmsLatencies = [1, 64, 1024].flatMap((inFlight) => [
  scenario(
    `sign-10ms-${inFlight}`,
    `A signature by a KMS that takes 10 ms, ${inFlight} in flight: what is added to it`,
    {
      tool: 'sign',
      contenders: ['kms'],
      connections: inFlight,
      unit: 'signature',
      columns: 'added',
      kmsLatency: 10,
      goal: inFlight === 64,
    },
  ),
  handshakes(`handshakes-10ms-${inFlight}`, 'Full TLS 1.3 handshake, P-256, with a KMS that takes 10 ms', {
    contenders: ['kms'],
    connections: inFlight,
    kmsLatency: 10,
    warmUp: 200,
  }),
]);

const idles = [1_000, 10_000].map((connections) =>
  scenario(`idle-${connections}`, 'An idle connection, after a handshake and a request on it', {
    tool: 'idle',
    load: ['idle'],
    connections,
    unit: 'connection',
    columns: 'memory',
    goal: connections === 1_000,
  }),
);

const storm = { tool: 'storm', load: ['storm', '--kept', 8], columns: 'storm', warmUp: 1_000, goal: true };

const onOneCore = [
  handshakes('handshakes', 'Full TLS 1.3 handshake, P-256, closed in order by the client', {
    contenders: ['node-tls', 'local-key', 'kms', 'http', 'limit', 'rust'],
    goal: true,
  }),
  ...[
    ['p384', 'P-384'],
    ['rsa2048', 'RSA-2048'],
  ].map(([key, title]) =>
    handshakes(`handshakes-${key}`, `Full TLS 1.3 handshake, ${title}`, {
      variant: { key },
      contenders: ['node-tls', 'local-key', 'kms', 'limit'],
    }),
  ),
  ...[
    ['p256', 'P-256'],
    ['p384', 'P-384'],
    ['rsa2048', 'RSA-2048'],
  ].map(([key, title]) =>
    handshakes(`handshakes-tls12-${key}`, `Full TLS 1.2 handshake, ${title}`, {
      load: tls12,
      variant: { key },
      contenders: ['node-tls', 'local-key', 'kms', 'limit'],
    }),
  ),
  handshakes('resumed', 'Resumed TLS 1.3 handshake', {
    load: ['--resume'],
    contenders: ['node-tls', 'local-key'],
  }),
  handshakes('resumed-tls12', 'Resumed TLS 1.2 handshake', {
    load: ['--resume', ...tls12],
    contenders: ['node-tls', 'local-key'],
  }),
  ...kmsLatencies,
  requests('requests', 'Small HTTPS request on a kept connection', { bytes: 13, goal: true }),
  requests('requests-64k', 'HTTPS response of 64 KiB', { bytes: 65_536, goal: true }),
  requests('requests-1m', 'HTTPS response of 1 MiB', { bytes: 1_048_576, connections: 8, goal: true }),
  requests('uploads-64k', 'HTTPS request with a body of 64 KiB', { bytes: 65_536, upload: true }),
  requests('uploads-1m', 'HTTPS request with a body of 1 MiB', {
    bytes: 1_048_576,
    upload: true,
    connections: 8,
  }),
  h2Requests('h2', 'Small h2 request', { bytes: 13, goal: true }),
  h2Requests('h2-64k', 'h2 response of 64 KiB', { bytes: 65_536, goal: true }),
  h2Requests('h2-1m', 'h2 response of 1 MiB', { bytes: 1_048_576 }),
  h2Requests('h2-uploads-64k', 'h2 request with a body of 64 KiB', { bytes: 65_536, upload: true }),
  h2Requests('h2-uploads-1m', 'h2 request with a body of 1 MiB', { bytes: 1_048_576, upload: true }),
  scenario('echo', 'WebSocket message of 13 bytes, echoed', {
    load: ['echo', '--bytes', 13],
    connections: 32,
    unit: 'message',
    warmUp: 30_000,
  }),
  scenario('echo-64k', 'WebSocket message of 64 KiB, echoed', {
    load: ['echo', '--bytes', 65_536],
    connections: 8,
    unit: 'message',
    warmUp: 2_000,
  }),
  ...bulks,
];

/** As `onOneCore` has it, with a second core for the engine. */
function onTwoCores(name) {
  const { title, variant, ...rest } = onOneCore.find((one) => one.name === name);
  return {
    ...rest,
    name: `${name}-two-cores`,
    title: `${title}, one process on two cores`,
    contenders: ['node-tls', 'local-key'],
    variant: { ...variant, twoCores: true },
    goal: true,
  };
}

export const twoCores = [
  'handshakes',
  'resumed',
  'requests',
  'requests-64k',
  'requests-1m',
  'uploads-64k',
  'uploads-1m',
  'h2',
  'h2-64k',
  'echo',
  'echo-64k',
  'bulk-down-64k',
  'bulk-up-64k',
].map(onTwoCores);

export const scenarios = [
  ...onOneCore,
  ...idles,
  scenario('storm', 'A storm of handshakes, 64 at once, and requests on 8 kept connections', {
    ...storm,
    connections: 64,
    unit: 'handshake',
  }),
  scenario('storm-two-cores', 'The same storm, server on two cores', {
    ...storm,
    connections: 64,
    unit: 'handshake',
    variant: { twoCores: true },
  }),
  requests('unloaded', 'Small HTTPS request, nothing else to do', {
    bytes: 13,
    connections: 1,
    warmUp: 3_000,
    goal: true,
  }),
  ...twoCores,
  handshakes('handshakes-two-threads', 'Full TLS 1.3 handshake, P-256, two engine threads on two cores', {
    contenders: ['node-tls', 'local-key'],
    variant: { twoCores: true, threads: 2 },
  }),
  requests('requests-two-threads', 'Small HTTPS request, two engine threads on two cores', {
    bytes: 13,
    contenders: ['node-tls', 'local-key'],
    variant: { twoCores: true, threads: 2 },
  }),
  handshakes('handshakes-cluster', 'Full TLS 1.3 handshake, P-256, two processes by cluster on two cores', {
    contenders: ['node-tls', 'local-key'],
    variant: { twoCores: true, workers: 2 },
  }),
  requests('requests-cluster', 'Small HTTPS request, two processes by cluster on two cores', {
    bytes: 13,
    contenders: ['node-tls', 'local-key'],
    variant: { twoCores: true, workers: 2 },
  }),
];
