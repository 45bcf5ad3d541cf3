import type { FailedHandshakeFacts } from '../../native/events.ts';

/** Stands for a connection that the engine has not reported anything about. */
export const unknownPeer: FailedHandshakeFacts = {
  servername: '',
  alpnProtocol: '',
  remote: { host: '', port: 0, family: 0 },
  local: { host: '', port: 0, family: 0 },
  peer: { verification: '', message: '', chain: [] },
  keyLog: '',
};
