// What must hold after any weather. Handshakes begun = completed + each failure by code, at the client and at the server; each code
// one of those that such weather may bring, all of them documented; nothing left over; and all well again.
import { HUNG, inWords, total } from '../harness/accounts.mjs';
import { LEFT } from './load.mjs';

/** What 'tlsClientError' may say. Not among them, on purpose: …_FAILED, …_SIGNER and …_INTERNAL, which say that nobody knew. */
export const serverCodes = [
  'ECONNRESET',
  'EPIPE',
  'ERR_TLS_HANDSHAKE_TIMEOUT',
  'ERR_S2N_PKEY_SIGNATURE_INVALID',
  'ERR_S2N_PKEY_SIGNATURES_LIMITED',
  'ERR_S2N_PKEY_SIGNER_CIRCUIT_OPEN',
  'ERR_S2N_PKEY_KMS_THROTTLED',
  'ERR_S2N_PKEY_KMS_UNAVAILABLE',
  'ERR_S2N_PKEY_KMS_UNREACHABLE',
  'ERR_S2N_PKEY_KMS_TIMEOUT',
  'ERR_S2N_PKEY_KMS_CREDENTIALS',
  'ERR_S2N_PKEY_KMS_KEY_DISABLED',
  'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
  'ERR_S2N_PKEY_KMS_WRONG_KEY',
];

/** What a client may see: the alert internal_error, in Node's words. */
export const clientOutcomes = ['completed', LEFT, 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR'];

/** @returns {{ what: string, figure: string, findings: string[] }[]} */
export function verdict({ client, server, kms, before, after, recovery }) {
  const failed = total(server.failures);
  const { outcomes } = client;
  const left = outcomes[LEFT] ?? 0;
  const completed = outcomes.completed ?? 0;
  const refused = total(outcomes) - completed - left;
  return [
    check('every handshake is accounted for', `${client.begun} begun`, [
      ...differ(client.begun, total(outcomes), 'begun', 'ended for the client'),
      ...differ(client.begun, server.secure + failed, 'begun', 'completed or failed at the server'),
      ...differ(server.secure, server.closed, 'completed at the server', 'of their sockets closed'),
      ...(outcomes[HUNG] ? [`${outcomes[HUNG]} hung`] : []),
    ]),
    check('both sides agree', `${completed} completed, ${refused} refused, ${left} left`, [
      ...within(server.secure - completed, left, 'completed at the server and not at the client'),
      ...within(failed - refused, left, 'failed at the server and not at the client'),
    ]),
    check('clients leave', `${((100 * left) / client.begun).toFixed(0)} % of them`, [
      ...(left >= client.begun / 5 ? [] : ['a third of all was expected']),
    ]),
    check('every failure has its code', inWords(server.failures), [
      ...unknown(server.failures, serverCodes, server.words),
      ...unknown(outcomes, clientOutcomes, {}),
      ...unknown(server.errors, ['ECONNRESET', 'EPIPE'], {}),
      ...within(server.failures.ECONNRESET ?? 0, left, 'resets'),
    ]),
    check(
      'handshakes complete again afterwards',
      recovery === undefined ? 'never' : `after ${recovery.toFixed(0)} ms`,
      recovery === undefined ? ['they do not'] : [],
    ),
    check('no session with KMS is offered again', `${kms.opened} connections, ${kms.refused} offered one`, [
      ...(kms.opened > 1 ? [] : ['two connections or more were expected']),
      ...differ(kms.refused, 0, 'sessions were offered', 'should have been'),
    ]),
    check('nothing is left over', `${after.descriptors} descriptors`, [
      ...differ(
        before.descriptors,
        after.descriptors,
        'descriptors before',
        `after: ${after.kinds.join(' ')}`,
      ),
      ...held({ ...after.underWay, silent: after.silent, ...after.admission }),
    ]),
  ];
}

/** Each side's account, in words. */
export function accountText({ client, server }) {
  return [
    'Accounts',
    `  clients: ${client.begun} begun = ${inWords(client.outcomes)}`,
    `  server:  ${server.secure} completed, failed: ${inWords(server.failures)}`,
  ].join('\n');
}

function check(what, figure, findings) {
  return { what, figure, findings };
}

function differ(one, other, what, much) {
  return one === other ? [] : [`${one} ${what}, and ${other} ${much}`];
}

function within(count, most, what) {
  return count >= 0 && count <= most ? [] : [`${count} ${what}; expected 0 to ${most}, as many as left`];
}

function unknown(counts, allowed, words) {
  return Object.entries(counts)
    .filter(([name]) => !allowed.includes(name))
    .map(([name, count]) => `${name}: ${count}${words[name] ? ` (${words[name]})` : ''}`);
}

function held(counts) {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name}: ${count}`);
}
