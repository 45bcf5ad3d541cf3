// The Helm chart: lint, what it makes of several sets of values, and what it refuses.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { goTool, kubernetesSchemas, kubernetesVersion } from './tools.mjs';

const chart = inCheckout('deploy', 'helm', 's2n-pkey');

const needed = {
  image: { repository: 'example.com/site', tag: '1' },
  signer: { image: { repository: 'example.com/signer', tag: '1' }, keyId: 'alias/site' },
  certificate: { configMap: 'site' },
};

/** Sets of values, and the kinds of object that each must make. */
const accepted = {
  'what is needed': [
    needed,
    ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'ServiceAccount'],
  ],
  'without a signer beside the server': [
    { ...needed, signer: { enabled: false, keyId: 'alias/site', region: 'eu-central-1' } },
    ['Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service', 'ServiceAccount'],
  ],
  everything: [
    {
      ...needed,
      certificate: { secret: 'site', key: 'tls.crt' },
      serviceAccount: { roleArn: 'arn:aws:iam::111122223333:role/site-signer' },
      autoscaling: { enabled: true },
      monitoring: { podMonitor: true, prometheusRule: true, dashboard: true },
    },
    [
      ...['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'NetworkPolicy', 'PodDisruptionBudget'],
      ...['PodMonitor', 'PrometheusRule', 'Service', 'ServiceAccount'],
    ],
  ],
};

/** Values that are refused, and the words that say so. */
const refused = {
  'no image': [{ ...needed, image: {} }, /image\.repository is required/],
  'no image of the signer': [
    { ...needed, signer: { keyId: 'alias/site' } },
    /signer\.image\.repository is required/,
  ],
  'no key': [{ ...needed, signer: { ...needed.signer, keyId: '' } }, /signer\.keyId is required/],
  'no certificate': [
    { ...needed, certificate: {} },
    /one of certificate\.configMap and certificate\.secret is required/,
  ],
  'two certificates': [
    { ...needed, certificate: { configMap: 'a', secret: 'b' } },
    /one of certificate\.configMap and certificate\.secret is required/,
  ],
  'a value that it does not know': [{ ...needed, replicaz: 2 }, /replicaz/],
  'a role that is none': [{ ...needed, serviceAccount: { roleArn: 'admin' } }, /roleArn/],
};

/** These kinds are of the Prometheus operator, whose schemas Kubernetes does not have. */
const withoutSchema = ['PodMonitor', 'PrometheusRule'];

export async function checkChart() {
  const [helm, kubeconform, schemas] = [
    await goTool('helm'),
    await goTool('kubeconform'),
    await kubernetesSchemas(),
  ];
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-chart-'));
  const values = join(folder, 'values.json');
  try {
    for (const [name, [given, kinds]] of Object.entries(accepted)) {
      writeFileSync(values, JSON.stringify(given));
      await succeed(helm, ['lint', '--strict', '--quiet', '--values', values, chart], `helm lint, ${name}`);
      // Into files, since helm's output has its remarks, too.
      const made = join(folder, name);
      await succeed(helm, [...template(values), '--output-dir', made], `helm template, ${name}`);
      const location = join(schemas, '{{.ResourceKind}}{{.KindSuffix}}.json');
      const args = [
        '-strict',
        '-summary',
        '-skip',
        withoutSchema.join(','),
        '-schema-location',
        location,
        made,
      ];
      const summary = await succeed(kubeconform, args, `kubeconform, ${name}`);
      const madeKinds = kindsIn(made);
      if (madeKinds.join() !== kinds.join())
        throw new Refusal(`the chart (${name}) made ${madeKinds.join(', ')}; expected ${kinds.join(', ')}.`);
      say(`chart, ${name}: ${summary.trim()}`);
    }
    for (const [name, [given, expected]] of Object.entries(refused)) {
      writeFileSync(values, JSON.stringify(given));
      const { ok, output } = await run(helm, template(values));
      if (ok || !expected.test(output))
        throw new Refusal(`the chart should refuse ${name} by name (${expected}):\n${lastLines(output)}`);
    }
    say(`chart: refuses ${Object.keys(refused).join(', ')}.`);
    checkMetricNames();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A helm that was built from its module takes itself for an old one, and so must be told of Kubernetes' version. */
function template(values) {
  return ['template', 'site', chart, '--kube-version', kubernetesVersion, '--values', values];
}

function kindsIn(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'));
  return texts.flatMap((text) => [...text.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind)).sort();
}

/** Alerts and dashboard ask for metrics that the package has: docs/observability.md, which the tests hold against the code. */
function checkMetricNames() {
  const page = readFileSync(inCheckout('docs', 'observability.md'), 'utf8');
  const known = new Set([...page.matchAll(/^\| `(s2n_pkey_\w+)`/gm)].map(([, name]) => name));
  for (const file of ['alerts.yaml', 'dashboard.json']) {
    const text = readFileSync(join(chart, file), 'utf8');
    const asked = new Set([...text.matchAll(/\bs2n_pkey_\w+/g)].map(([name]) => name));
    const unknown = [...asked].filter((name) => !known.has(name.replace(/_(bucket|sum|count)$/, '')));
    if (asked.size === 0 || unknown.length > 0)
      throw new Refusal(
        `${file} asks for metrics that docs/observability.md does not list: ${unknown.join(', ')}`,
      );
    say(`${file}: its ${asked.size} metrics are the package's.`);
  }
}

async function succeed(command, args, what) {
  const { ok, output } = await run(command, args);
  if (!ok) throw new Refusal(`${what} failed:\n${lastLines(output)}`);
  return output;
}
