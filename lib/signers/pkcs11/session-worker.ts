/** A worker thread with one session: PKCS#11's calls block, and C_Sign may take as long as a device likes. */
import { parentPort, workerData } from 'node:worker_threads';
import { S2nPkeyError } from '../../errors.ts';
import type { FromWorker, KeyPlace, ToWorker } from './messages.ts';
import { Pkcs11Error } from './pkcs11-error.ts';
import { TokenSession } from './token-session.ts';

const place = workerData as KeyPlace;
let session: TokenSession | undefined;

parentPort?.on('message', (message: ToWorker) => {
  if (message.type === 'close') {
    session?.close();
    parentPort?.close();
    return;
  }
  void answer(message).then((reply) => parentPort?.postMessage(reply));
});

async function answer(message: Exclude<ToWorker, { type: 'close' }>): Promise<FromWorker> {
  try {
    if (message.type === 'open') {
      const opened = await TokenSession.open(place);
      session = opened.session;
      return { type: 'opened', key: opened.key };
    }
    if (session === undefined) throw new TypeError('there is no session');
    return { type: 'signed', signature: session.sign(message.request) };
  } catch (error) {
    const ours = error instanceof Pkcs11Error ? error : undefined;
    return {
      type: 'failed',
      code: error instanceof S2nPkeyError && ours === undefined ? error.code : undefined,
      fault: ours?.code.slice('ERR_S2N_PKEY_PKCS11_'.length),
      message: error instanceof Error ? error.message : String(error),
      returned: ours?.returned,
      operation: ours?.operation,
    };
  }
}
