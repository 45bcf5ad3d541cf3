// Signers as the soak's servers need them. All but the local one are to TLS what a remote one is: the handshake stops, and the
// answer comes from JavaScript.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

/** @param {object} local a LocalKeySigner */
function remote(local, sign) {
  return { publicKey: local.publicKey, schemes: local.schemes, sign };
}

export const signers = {
  local: (local) => local,
  /** As fast as a signer can be that is asked through the event loop. */
  quick: (local) => remote(local, (operation) => local.sign(operation)),
  /** Answers rightly, when the peer has gone. */
  slow: (local) =>
    remote(local, async (operation, { signal }) => {
      await once(signal, 'abort');
      return local.sign(operation);
    }),
  /** A signature, but not of what was asked for. */
  wrong: (local) =>
    remote(local, async (operation) =>
      local.sign({ ...operation, input: new Uint8Array(operation.input.length) }),
    ),
  failing: (local) =>
    remote(local, async () => {
      throw new Error('the soak lets this signer fail');
    }),
  /** Answers long after the server's deadline, and once in a while never. */
  late: (local) =>
    remote(local, async (operation) => {
      if (Math.random() < 0.1) return await new Promise(() => {});
      await pause(900);
      return local.sign(operation);
    }),
};
