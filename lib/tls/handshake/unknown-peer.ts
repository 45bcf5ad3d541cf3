import type { FailedHandshakeFacts } from '../../native/events.ts';

/** As long as the engine has told nothing of a connection, or there is none. */
export const unknownPeer: FailedHandshakeFacts = {
  servername: '',
  alpnProtocol: '',
  remote: { host: '', port: 0, family: 0 },
  local: { host: '', port: 0, family: 0 },
  peer: { verification: '', message: '', chain: [] },
  keyLog: '',
};
