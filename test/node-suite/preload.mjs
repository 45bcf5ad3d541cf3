// Runs in every process of a test of Node's own: what the test makes with node:tls, node:https and node:http2 and a key, it gets
// made without the key, and secured by `attach` with a LocalKeySigner for that key.
//
// Files that S2N_PKEY_NODE_SUITE_CHANGES names are changed as it says: a JSON object of lists of texts and what replaces them.
// What came about is written to the file that S2N_PKEY_NODE_SUITE_REPORT names, a line each.
import { X509Certificate } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import Module, { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';
import { LocalKeySigner, attach, createSecureContext } from '../../dist/lib/index.js';

const reportFile = process.env.S2N_PKEY_NODE_SUITE_REPORT;

function report(line) {
  if (reportFile) appendFileSync(reportFile, `${line}\n`);
}

/** Notes what is refused by this package, by name, and throws it on. */
function noting(what, work) {
  try {
    return work();
  } catch (error) {
    report(`refused ${what}: ${error.code} ${error.message.split('\n')[0]}`);
    throw error;
  }
}

/** What is there of an option that takes one or several. */
const listOf = (value) => [value].flat().filter(Boolean);

/** The certificates, each with a signer of the key that fits it; undefined where there are none that make a pair. */
function identitiesOf({ key, cert, passphrase }) {
  const signers = listOf(key).map((one) => {
    const secret = one.passphrase ?? passphrase;
    return new LocalKeySigner({
      key: one.pem ?? one,
      ...(secret === undefined ? {} : { passphrase: secret }),
    });
  });
  const chains = listOf(cert);
  if (signers.length === 0 || chains.length === 0) return undefined;
  return chains.map((chain) => {
    const { publicKey } = new X509Certificate(chain);
    return {
      cert: chain,
      signer: signers.find((signer) => signer.publicKey.equals(publicKey)) ?? signers[0],
    };
  });
}

/** The same with signers in place of keys. */
function withSigners({ key, cert, passphrase, ...rest }) {
  const [first, ...others] = identitiesOf({ key, cert, passphrase });
  return { ...rest, ...first, ...(others.length > 0 ? { identities: others } : {}) };
}

/** What Node's contexts were made of. */
const contextOptions = new WeakMap();

/** One of this package's for what a test gives: options, or a context of Node's. */
function ownContext(context) {
  const options = contextOptions.get(context) ?? contextOptions.get(context?.context) ?? context;
  if (!identitiesOf(options)) return undefined;
  return noting('context', () => createSecureContext(withSigners(options)));
}

function askedForName(callback) {
  return function (servername, done) {
    return callback.call(this, servername, (error, context) => {
      if (error || !context) return done(error, context);
      let own;
      try {
        own = ownContext(context) ?? context;
      } catch (refusal) {
        return done(refusal);
      }
      return done(null, own);
    });
  };
}

/** Secures what `make` makes of the options without a key. */
function secured(make, options, rest) {
  const isOptions = typeof options === 'object' && options !== null;
  if (!isOptions || options.pfx || options.secureContext || !noting('key', () => identitiesOf(options))) {
    return make([options, ...rest]);
  }
  const { key, cert, passphrase, ...keyless } = options;
  if (typeof keyless.SNICallback === 'function') keyless.SNICallback = askedForName(keyless.SNICallback);
  const server = make([keyless, ...rest]);
  const more = {};
  for (const name of ['sessionIdContext', 'sessionTimeout', 'ticketKeys', 'securityPolicy']) {
    if (options[name] !== undefined) more[name] = options[name];
  }
  noting('attach', () => attach(server, { ...withSigners({ key, cert, passphrase }), ...more }));
  report('attached');
  const { addContext, setSecureContext } = server;
  server.addContext = (hostname, context) => addContext.call(server, hostname, ownContext(context));
  server.setSecureContext = (replacement) =>
    noting('setSecureContext', () => setSecureContext.call(server, withSigners(replacement)));
  return server;
}

function patchServer(module, names) {
  const { Server } = module;
  for (const name of names) {
    const create = module[name];
    module[name] = function (options, ...rest) {
      return secured((args) => create.apply(this, args), options, rest);
    };
  }
  if (!Server) return;
  module.Server = new Proxy(Server, {
    // A class that derives from it, such as https.Server, secures itself.
    apply: (target, self, [options, ...rest]) =>
      self instanceof target
        ? Reflect.apply(target, self, [options, ...rest])
        : secured((args) => Reflect.construct(target, args), options, rest),
    construct: (target, [options, ...rest], newTarget) =>
      secured(
        (args) => Reflect.construct(target, args, newTarget === module.Server ? target : newTarget),
        options,
        rest,
      ),
  });
}

patchServer(tls, ['createServer']);
patchServer(https, ['createServer']);
patchServer(http2, ['createSecureServer']);

const makeContext = tls.createSecureContext;
tls.createSecureContext = function (options) {
  const context = makeContext.call(this, options);
  if (options) contextOptions.set(context, options);
  return context;
};

const changes = Object.entries(JSON.parse(process.env.S2N_PKEY_NODE_SUITE_CHANGES ?? '{}'));
const compile = Module.prototype._compile;
Module.prototype._compile = function (source, filename, ...rest) {
  const [name, replacements] = changes.find(([file]) => filename.endsWith(`/${file}`)) ?? [filename, []];
  let changed = source;
  for (const [from, to] of replacements) {
    if (!changed.includes(from)) throw new Error(`${name} no longer has what is to be changed: ${from}`);
    changed = changed.replaceAll(from, () => to);
  }
  return compile.call(this, changed, filename, ...rest);
};

syncBuiltinESMExports();
