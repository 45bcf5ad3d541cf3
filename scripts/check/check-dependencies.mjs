// Folders depend on each other one way. This is the table of architecture that the checkout is held to: a new edge is a
// decision, so it is made here, on purpose.
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { root } from '../checkout.mjs';
import { reportFindings } from './report-findings.mjs';
import { sourceFiles } from './source-files.mjs';

/**
 * Each folder of lib/, and the other folders whose modules it may import: the lower ones first. A folder that is not named
 * belongs to the one that holds it, such as lib/signers/kms/signing/worker to lib/signers/kms/signing.
 */
const ALLOWED = {
  'error-codes': [],
  native: [],
  pem: [],
  options: [],
  'observe/channels': [],
  'observe/log': ['options', 'observe/channels'],
  'tls/node': [],
  signers: ['options', 'native', 'pem'],
  'signers/admission': ['options', 'observe/channels', 'signers'],
  'signers/azure': ['options', 'signers'],
  'signers/google': ['options', 'signers'],
  'signers/pkcs11': ['options', 'signers', 'pem'],
  'signers/socket': ['options', 'tls/node', 'native', 'observe/channels', 'signers/admission', 'signers'],
  'signers/vault': ['options', 'signers', 'pem'],
  'signers/kms/client': ['options'],
  'signers/kms/keys': ['options', 'signers/kms/client', 'signers'],
  'signers/kms/import': ['options', 'pem', 'native', 'signers/kms/client', 'signers/kms/keys', 'signers'],
  'signers/kms/signing': ['options', 'signers/kms/client', 'observe/channels', 'signers'],
  'signers/kms': [
    'options',
    'signers/kms/signing',
    'signers/kms/keys',
    'signers/kms/client',
    'signers/admission',
    'signers',
  ],
  certificate: ['options', 'signers', 'pem'],
  'local-kms/store': ['signers', 'native'],
  'local-kms/request': ['local-kms/store'],
  'local-kms/operations': ['local-kms/request', 'local-kms/store', 'signers'],
  'local-kms': [
    'options',
    'local-kms/operations',
    'local-kms/request',
    'local-kms/store',
    'signers/admission',
  ],
  'tls/carrier': ['tls/node', 'native'],
  'tls/context': ['options', 'signers', 'pem', 'native'],
  fleet: ['options', 'signers/kms/client', 'signers/vault', 'tls/context'],
  'tls/handshake': ['options', 'tls/context', 'observe/channels', 'signers/admission', 'signers', 'native'],
  'tls/socket': ['options', 'tls/context', 'tls/node', 'signers', 'native'],
  'tls/server': [
    'options',
    'tls/handshake',
    'tls/socket',
    'tls/carrier',
    'tls/context',
    'tls/node',
    'observe/channels',
    'observe/log',
    'signers/admission',
    'signers',
    'pem',
    'native',
  ],
  'tls/client': [
    'options',
    'tls/handshake',
    'tls/socket',
    'tls/carrier',
    'tls/context',
    'tls/node',
    'observe/channels',
    'native',
  ],
  observe: ['options', 'observe/channels', 'tls/server', 'tls/context'],
  'signers/conformance': ['options', 'tls/server', 'certificate', 'signers'],
  grpc: ['tls/server', 'tls/socket', 'tls/context'],
  doctor: [
    'options',
    'tls/client',
    'tls/server',
    'tls/socket',
    'tls/context',
    'signers/kms',
    'signers/kms/keys',
    'signers/kms/client',
    'signers',
    'pem',
  ],
  operate: ['options', 'doctor', 'observe/channels', 'tls/server', 'tls/context', 'tls/node', 'signers'],
  config: [
    'fleet',
    'options',
    'signers/admission',
    'signers/azure',
    'signers/google',
    'signers/kms',
    'signers/pkcs11',
    'signers/socket',
    'signers/vault',
    'signers',
    'tls/server',
    'tls/context',
  ],
  register: ['config', 'options', 'pem', 'tls/server', 'tls/context', 'tls/node', 'signers/kms', 'signers'],
  '.': [
    'error-codes',
    'fleet',
    'operate',
    'observe',
    'doctor',
    'tls/handshake',
    'tls/client',
    'tls/server',
    'tls/socket',
    'tls/context',
    'signers/kms',
    'signers/kms/import',
    'signers/kms/keys',
    'signers/kms/client',
    'signers/admission',
    'signers',
    'certificate',
    'observe/channels',
    'observe/log',
    'native',
  ],
  cli: [
    'config',
    'options',
    'observe',
    'doctor',
    'tls/server',
    'tls/socket',
    'signers/kms',
    'signers/kms/import',
    'signers/kms/keys',
    'signers/socket',
    'signers',
    'certificate',
    'local-kms',
    'pem',
    'native',
  ],
};

/** Modules directly in lib/ that every folder may import, and that import no folder. */
const COMMON = new Set(['lib/errors.ts', 'lib/programs.ts']);

/** What a header's name may not contain in these folders of binding/, the lower ones first. */
const FORBIDDEN_INCLUDES = {
  'binding/memory': /napi|node_api|s2n|(^|\/)(tls|engine|node)\//,
  'binding/proxy': /napi|node_api|s2n|openssl|(^|\/)(memory|tls|engine|node)\//,
  'binding/s2n': /napi|node_api|^tls\/(?!(extensions\/)?s2n_)|(^|\/)(memory|engine|node)\//,
  'binding/tls': /napi|node_api|(^|\/)(engine|node)\/|^(tls|crypto|utils|stuffer)\/s2n_(?!handles)/,
  'binding/engine': /napi|node_api|(^|\/)(node|s2n)\/|^(tls|crypto|utils|stuffer)\/s2n_(?!handles)/,
};

/** @returns {string[]} one line for each import or include that is not allowed, for each cycle of modules,
 *   and for each line of the table that does not lead downwards */
export function dependencyFindings() {
  const modules = new Map(
    sourceFiles('lib')
      .filter((file) => file.endsWith('.ts'))
      .map((file) => [file, importsOf(file)]),
  );
  return [...cyclesOfFolders(), ...forbiddenImports(modules), ...cycles(modules), ...forbiddenIncludes()];
}

/** The modules of this checkout that a file imports (types too), as paths from the checkout. */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true);
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => normalize(join(dirname(file), name)));
}

/** The folder of the table that a module belongs to: the longest one that holds it. */
function folderOf(file) {
  for (let folder = dirname(file).slice('lib/'.length); folder !== ''; folder = dirname(folder)) {
    if (folder === '.') break;
    if (folder in ALLOWED) return folder;
  }
  return '.';
}

function forbiddenImports(modules) {
  const findings = [];
  for (const [file, imports] of modules) {
    const from = folderOf(file);
    if (from === '.' && dirname(file) !== 'lib') {
      findings.push(
        `${file}: ${dirname(file)} is not in the table of scripts/check/check-dependencies.mjs: add it there`,
      );
      continue;
    }
    for (const imported of imports) {
      const to = folderOf(imported);
      if (!imported.startsWith('lib/')) findings.push(`${file} imports ${imported}, which is outside lib/`);
      else if (COMMON.has(file) && !COMMON.has(imported)) {
        findings.push(`${file} imports ${imported}, and is imported by all folders: it may import none`);
      } else if (to !== from && !COMMON.has(imported) && !ALLOWED[from].includes(to)) {
        findings.push(`${file} imports ${imported}: lib/${from} may not know lib/${to}`);
      }
    }
  }
  return findings;
}

/** The table itself, whose arrows must all lead downwards. */
function cyclesOfFolders() {
  const findings = [];
  const order = Object.keys(ALLOWED);
  for (const [from, folders] of Object.entries(ALLOWED)) {
    for (const to of folders) {
      if (!(to in ALLOWED))
        findings.push(`the table of folders lets lib/${from} import lib/${to}, which is not in it`);
      else if (order.indexOf(to) >= order.indexOf(from))
        findings.push(`the table of folders lets lib/${from} import lib/${to}, which is not below it`);
    }
  }
  return findings;
}

function cycles(modules) {
  const findings = [];
  const done = new Set();
  const visit = (file, path) => {
    const start = path.indexOf(file);
    if (start >= 0) {
      findings.push(`a cycle of modules: ${[...path.slice(start), file].join(' → ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const imported of modules.get(file) ?? []) visit(imported, [...path, file]);
    done.add(file);
  };
  for (const file of modules.keys()) visit(file, []);
  return findings;
}

function forbiddenIncludes() {
  return Object.entries(FORBIDDEN_INCLUDES).flatMap(([folder, forbidden]) =>
    sourceFiles(folder).flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)]
        .filter(([, header]) => forbidden.test(header))
        .map(([, header]) => `${file} includes ${header}: ${folder} may not know it`),
    ),
  );
}

await reportFindings(import.meta.url, dependencyFindings);
