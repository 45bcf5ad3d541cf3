// Folders depend on each other one way. This is the table of architecture that the checkout is held to: a new edge is a
// decision, so it is made here, on purpose.
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { root } from './checkout.mjs';
import { reportFindings } from './report-findings.mjs';
import { sourceFiles } from './source-files.mjs';

/** Each folder of lib/, and the other folders of lib/ whose modules it may import. */
const ALLOWED = {
  '.': ['tls', 'kms', 'admission', 'certificate', 'signer', 'native', 'local-kms', 'channels', 'doctor'],
  cli: ['pem', 'tls', 'kms', 'certificate', 'local-kms', 'signer', 'native', '.', 'doctor', 'socket-signer'],
  doctor: ['tls', 'kms', 'certificate', 'signer', 'pem', '.'],
  register: ['tls', 'kms', 'signer', 'pem', '.'],
  grpc: ['tls', '.'],
  observe: ['channels', 'tls', '.'],
  admission: ['signer', '.'],
  tls: ['admission', 'channels', 'signer', 'native', 'pem', '.'],
  kms: ['admission', 'channels', 'signer', '.'],
  google: ['signer', '.'],
  azure: ['signer', '.'],
  vault: ['signer', 'pem', '.'],
  pkcs11: ['signer', 'pem', '.'],
  'socket-signer': ['signer', '.'],
  conformance: ['tls', 'certificate', 'signer', 'pem', '.'],
  certificate: ['signer', 'pem', '.'],
  'local-kms': ['signer', 'native', '.'],
  signer: ['native', 'pem', '.'],
  pem: ['.'],
  native: ['.'],
  channels: ['.'],
};

/** Modules directly in lib/ that every folder may import, and that import no folder. */
const COMMON = new Set(['lib/errors.ts']);

/** What a header's name may not contain in these folders of binding/. */
const FORBIDDEN_INCLUDES = {
  'binding/engine': /napi|node_api|^node\/|\/node\//,
  'binding/tls': /napi|node_api|^node\/|\/node\/|^engine\/|\/engine\//,
};

/** @returns {string[]} one line for each import or include that is not allowed, and for each cycle of modules */
export function dependencyFindings() {
  const modules = new Map(
    sourceFiles('lib')
      .filter((file) => file.endsWith('.ts'))
      .map((file) => [file, importsOf(file)]),
  );
  return [...forbiddenImports(modules), ...cycles(modules), ...forbiddenIncludes()];
}

/** The modules of this checkout that a file imports (types too), as paths from the checkout. */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true);
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => normalize(join(dirname(file), name)));
}

function folderOf(file) {
  const parts = file.split('/');
  return parts.length === 2 ? '.' : parts[1];
}

function forbiddenImports(modules) {
  const findings = [];
  for (const [file, imports] of modules) {
    const from = folderOf(file);
    if (!(from in ALLOWED)) {
      findings.push(
        `${file}: lib/${from} is not in the table of scripts/check-dependencies.mjs: add it there`,
      );
      continue;
    }
    for (const imported of imports) {
      const to = folderOf(imported);
      if (!imported.startsWith('lib/')) findings.push(`${file} imports ${imported}, which is outside lib/`);
      else if (to === '.' && from !== '.' && !COMMON.has(imported)) {
        findings.push(
          `${file} imports ${imported}: of the modules directly in lib/, only ${[...COMMON].join(', ')} is for all`,
        );
      } else if (COMMON.has(file) && !COMMON.has(imported)) {
        findings.push(`${file} imports ${imported}, and is imported by all folders: it may import none`);
      } else if (to !== from && !ALLOWED[from].includes(to)) {
        findings.push(`${file} imports ${imported}: lib/${from} may not know lib/${to}`);
      }
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
