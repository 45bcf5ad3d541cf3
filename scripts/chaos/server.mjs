// The server's process. Arguments: file of the certificate, ARN of the key, endpoint of KMS; Region and credentials are in the
// environment. Its first line tells its port and what it holds at rest; it answers each line on its standard input with its account.
// When its standard input ends it closes everything, tells what it still holds, and ends.
import { openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer, diagnostics, KmsSigner, SignatureAdmission } from '../../dist/lib/index.js';
import { ownCodeOf, sendLine, ServerAccount } from '../harness/accounts.mjs';

const host = '127.67.72.65';
const faults = new Set((process.env.CHAOS_FAULTS ?? '').split(','));
/** Milliseconds. What was leaked on purpose is not worth waiting for. */
const restPatience = faults.size > 1 ? 2_000 : 20_000;
const [certFile = '', keyId = '', endpoint = ''] = process.argv.slice(2);
const cert = readFileSync(certFile, 'utf8');

function descriptors() {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/, 'N')];
    } catch {
      return []; // The one that listed them.
    }
  });
}

function holds(admission) {
  const { handshaking, awaitingSignature, open, lingering, operations, tracked, ...engine } = diagnostics();
  return {
    descriptors: descriptors().length,
    kinds: descriptors(),
    underWay: { handshaking, awaitingSignature, open, lingering, operations, tracked },
    engineDescriptors: engine.descriptors,
    silent: engine.silent,
    admission: { inFlight: admission.inFlight, queued: admission.queued },
  };
}

/** What is held once nothing is under way, or when patience is over. */
async function rest(admission, account, descriptorsAtMost = Infinity) {
  const until = Date.now() + restPatience;
  for (;;) {
    const held = holds(admission);
    // A server's 'close' comes before that of its last socket, as in Node.
    const open = Math.max(0, account.secure - account.closed);
    const busy = [open, ...Object.values(held.underWay), held.silent, ...Object.values(held.admission)].some(
      (n) => n > 0,
    );
    if ((!busy && held.descriptors <= descriptorsAtMost) || Date.now() > until) return held;
    await pause(50);
  }
}

/** `--fault`: the verdict must find these. */
function breakOnPurpose(account) {
  if (account.closed === 5 && faults.has('accounting')) account.secure--;
  if (account.closed === 7 && faults.has('descriptors')) openSync('/dev/null');
}

function codeOf(error) {
  return faults.has('codes') && error.code !== 'ECONNRESET' ? 'SOMETHING' : ownCodeOf(error);
}

async function serve() {
  const signer = await KmsSigner.open({ keyId, endpoint });
  const admission = SignatureAdmission.of(signer);
  const server = createServer({ cert, signer, handshakeTimeout: 10_000, sessionTickets: false });
  const account = new ServerAccount(server, { closed: breakOnPurpose, codeOf });
  server.on('secureConnection', (socket) => socket.end('served'));
  await new Promise((resolve) => server.listen(0, host, resolve));
  const close = async () => {
    await new Promise((resolve) => server.close(resolve));
    signer.close();
  };
  return { server, account, admission, close };
}

async function warmUp() {
  const { server, account, admission, close } = await serve();
  await new Promise((resolve, reject) => {
    const client = connect({ port: server.address().port, host, rejectUnauthorized: false });
    client.on('error', reject).on('close', resolve).resume();
  });
  await close();
  await pause(200); // Whatever a first signature leaves open for good is open by now.
  return await rest(admission, account);
}

const before = await warmUp();
const { server, account, admission, close } = await serve();
const sendAccount = () => sendLine({ event: 'account', ...account.toJSON(), refused: admission.refused });
createInterface({ input: process.stdin })
  .on('line', sendAccount)
  .on('close', async () => {
    await close();
    const after = await rest(admission, account, before.descriptors);
    sendAccount();
    sendLine({ event: 'rest', before, after });
    process.exit();
  });
sendLine({ event: 'listening', host, port: server.address().port });
