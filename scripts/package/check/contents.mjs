// What is in the package: all that a user needs and nothing else.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** What may be in it; `times` is how often at least. */
const expected = [
  { what: /^(package\.json|(README|CHANGELOG|SECURITY)\.md|LICENSE|NOTICE|CMakeLists\.txt)$/, times: 7 },
  { what: /^dist\/lib\/.+\.(js|d\.ts)$/, times: 100 },
  { what: /^prebuilds\/linux-\w+-(glibc|musl)\/s2n_pkey\.node$/, times: 1 },
  { what: /^docs\/.+\.md$/, times: 1 },
  { what: /^docs\/grafana\/s2n-pkey\.json$/, times: 1 },
  { what: /^docs\/config\.schema\.json$/, times: 1 },
  { what: /^deploy\/systemd\/[a-z0-9-]+\.(service|socket)$/, times: 2 },
  { what: /^docs\/((benchmark|fleet)\.(svg|txt)|images\/[a-z-]+\.svg)$/, times: 6 }, // what the pages show
  { what: /^binding\/.+\.(cc|c|h|map|cmake)$/, times: 50 },
  { what: /^vendor\/(Cargo\.(toml|lock)|sources\.tar\.xz|(aws-lc|s2n-tls|sources)\.cmake)$/, times: 6 },
  { what: /^vendor\/headers\/([a-z_.-]+\.h|LICENSE-node-(addon-api|api-headers))$/, times: 9 },
  { what: /^scripts\/(build\/)?[a-z-]+\.mjs$/, times: 5 },
];

/** A tarball of more than this many bytes has got something that it should not have. */
const mostBytes = 7_000_000;

/**
 * @param {string} folder the installed package
 * @param {string} tarball
 * @returns {string[]} one line for each thing that is wrong
 */
export function contentFindings(folder, tarball) {
  const files = filesIn(folder);
  const entries = commonJsEntries(folder);
  const findings = files
    .filter((file) => !entries.has(file) && !expected.some(({ what }) => what.test(file)))
    .map((file) => `${file} is in the package, and no user needs it`);
  for (const { what, times } of expected) {
    const count = files.filter((file) => what.test(file)).length;
    if (count < times) findings.push(`${count} files match ${what}, and there should be ${times} at least`);
  }
  for (const entry of entries) {
    if (!files.includes(entry)) findings.push(`${entry} is not in the package, and package.json names it`);
  }
  const { size } = statSync(tarball);
  if (size > mostBytes) findings.push(`the tarball has ${size} bytes, and ${mostBytes} should do`);
  return [
    ...findings,
    ...sourceMapFindings(folder, files),
    ...linkFindings(folder, files),
    ...importFindings(folder, files),
    ...scriptFindings(folder, files),
  ];
}

/** What package.json's exports name for `require`. */
function commonJsEntries(folder) {
  const { exports } = JSON.parse(read(folder, 'package.json'));
  const entries = Object.values(exports).flatMap((entry) => Object.values(entry.require ?? {}));
  return new Set(entries.map((entry) => entry.slice('./'.length)));
}

export function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith('node_modules/'))
    .sort();
}

function sourceMapFindings(folder, files) {
  return files
    .filter((file) => /\.[cm]?js$/.test(file) && read(folder, file).includes('sourceMappingURL'))
    .map((file) => `${file} names a source map, which is not there`);
}

/** CONTRIBUTING.md, the examples, and the sources that docs/architecture.md explains are for a clone. */
function linkFindings(folder, files) {
  return files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...read(folder, file).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)]
        .map(([, link]) => link)
        .filter((link) => !/(^|\/)CONTRIBUTING\.md$|^(\.\.\/)*(examples|lib|scripts)\//.test(link))
        .filter((link) => !existsSync(join(folder, dirname(file), link)))
        .map((link) => `${file} links to ${link}, which is not in the package`),
    );
}

/** Scripts that are there must not import others that are not. `inputs-of-checkout.mjs` is imported in a checkout only. */
function importFindings(folder, files) {
  return files
    .filter((file) => file.startsWith('scripts/'))
    .flatMap((file) =>
      [...read(folder, file).matchAll(/^(?:import|export) .*?from '(\.[^']+)'/gms)]
        .map(([, imported]) => join(dirname(file), imported))
        .filter((imported) => !existsSync(join(folder, imported)))
        .map((imported) => `${file} imports ${imported}, which is not in the package`),
    );
}

/** npm asks users before it runs any of these, and makes one up where there is a binding.gyp. */
function scriptFindings(folder, files) {
  const { scripts = {} } = JSON.parse(read(folder, 'package.json'));
  const findings = ['preinstall', 'install', 'postinstall', 'prepare']
    .filter((name) => name in scripts)
    .map((name) => `package.json has a script '${name}', which runs when a user installs the package`);
  if (files.includes('binding.gyp'))
    findings.push('binding.gyp makes npm build when a user installs the package');
  return findings;
}

function read(folder, file) {
  return readFileSync(join(folder, file), 'utf8');
}
