// What the checks of deploy/ need beside Node, each in one version: in a cache of the user's, from the registries of Go and Python.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, lastLines, run } from '../command.mjs';
import { debianMirror } from '../debian-mirror.mjs';
import { cache as userCache } from '../test/nodes.mjs';

const cache = join(userCache, 'deploy');

const goTools = {
  helm: 'helm.sh/helm/v3/cmd/helm@v3.22.0',
  hclfmt: 'github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.24.0',
  kubeconform: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0',
};

/** The release whose kinds and fields the chart is held against. */
export const kubernetesVersion = 'v1.34.1';

/** The executable of one of `goTools`. The first time it is built, which takes minutes. */
export async function goTool(name) {
  const module = goTools[name];
  const folder = join(cache, module.slice(module.lastIndexOf('@') + 1));
  const executable = join(folder, name);
  if (existsSync(executable)) return executable;
  mkdirSync(folder, { recursive: true });
  const { ok, output, missing } = await run('go', ['install', module], {
    env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' },
    cwd: folder,
  });
  if (missing) throw new Refusal('go is missing: install it with `apt-get install golang-go`.');
  if (!ok) throw new Refusal(`${module} could not be built:\n${lastLines(output)}`);
  return executable;
}

/** A folder of JSON schemas, a file a kind, that know no other fields than Kubernetes does. For kubeconform. */
export async function kubernetesSchemas() {
  const folder = join(cache, `kubernetes-${kubernetesVersion}`);
  if (existsSync(join(folder, 'complete'))) return folder;
  mkdirSync(folder, { recursive: true });
  const args = ['mod', 'download', '-json', `k8s.io/kubernetes@${kubernetesVersion}`];
  const { ok, output } = await run('go', args, { cwd: folder, env: { ...process.env, GOFLAGS: '-mod=mod' } });
  if (!ok) throw new Refusal(`Kubernetes' description of itself could not be had:\n${lastLines(output)}`);
  const source = JSON.parse(output.slice(output.indexOf('{'))).Dir;
  const swagger = JSON.parse(readFileSync(join(source, 'api', 'openapi-spec', 'swagger.json'), 'utf8'));
  for (const [file, schema] of schemasOf(swagger.definitions))
    writeFileSync(join(folder, file), JSON.stringify(schema));
  writeFileSync(join(folder, 'complete'), '');
  return folder;
}

/** `[file, schema]` of each kind, named as kubeconform's `{{.ResourceKind}}{{.KindSuffix}}.json` asks for it. */
function* schemasOf(definitions) {
  const strict = Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => [name, strictly(name, definition)]),
  );
  for (const [name, definition] of Object.entries(definitions)) {
    for (const { group, version, kind } of definition['x-kubernetes-group-version-kind'] ?? []) {
      const suffix = [group.split('.')[0], version].filter((part) => part !== '').join('-');
      const schema = { $ref: `#/definitions/${name}`, definitions: strict };
      yield [`${kind}-${suffix}.json`.toLowerCase(), schema];
    }
  }
}

function strictly(name, definition) {
  // What the description calls a text and Kubernetes takes as a number, too.
  if (name.endsWith('.resource.Quantity') || name.endsWith('.intstr.IntOrString'))
    return { type: ['string', 'number'] };
  const open = definition.additionalProperties ?? definition['x-kubernetes-preserve-unknown-fields'];
  return definition.properties && !open ? { ...definition, additionalProperties: false } : definition;
}

/** A file with Debian's least root in it, made once by mmdebstrap. As root. */
export async function debianRoot() {
  const file = join(cache, 'bookworm.tar');
  if (existsSync(file)) return file;
  mkdirSync(cache, { recursive: true });
  // In a second name until it is whole.
  const part = `${file}.part`;
  const args = [
    '--quiet',
    '--variant=minbase',
    '--include=ca-certificates',
    '--format=tar',
    'bookworm',
    part,
  ];
  const { ok, output, missing } = await run('mmdebstrap', [...args, await debianMirror()]);
  if (missing) throw new Refusal('mmdebstrap is missing: install it with `apt-get install mmdebstrap`.');
  if (!ok) throw new Refusal(`mmdebstrap failed:\n${lastLines(output)}`);
  renameSync(part, file);
  return file;
}
