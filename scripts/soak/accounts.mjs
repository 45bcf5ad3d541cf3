// What a scenario's accounts have against each other: what began must have ended, in a way its scenario allows, on both sides.
import { HUNG, total } from '../harness/accounts.mjs';

/**
 * What one scenario's accounts have against each other; nothing, when they balance. To be asked when no connection is under way.
 *
 * @param {object} scenario one of scenarios.mjs
 * @param {{ begun: number, outcomes: Record<string, number> }} client
 * @param {{ secure: number, closed: number, failures: Record<string, number>, errors: Record<string, number> }} server `secure`:
 *   handshakes completed; `closed`: sockets of those that have emitted 'close'; `failures`: 'tlsClientError' by code; `errors`: of sockets, by code
 * @returns {string[]}
 */
export function imbalances(scenario, client, server) {
  const findings = [];
  const expectEqual = (what, one, other, much) => {
    if (one !== other) findings.push(`${scenario.name}: ${one} ${what}, and ${other} ${much}`);
  };
  expectEqual('connections begun', client.begun, total(client.outcomes), 'ended for the client');
  const served = server.secure + total(server.failures);
  expectEqual('connections begun', client.begun, served, 'secured or failed on the server');
  expectEqual('connections secured on the server', server.secure, server.closed, 'of their sockets closed');
  expectEqual(
    'handshakes failed',
    served - server.secure,
    scenario.failures.length > 0 ? served : 0,
    'should have',
  );
  unexpected(`${scenario.name}: handshakes failed on the server with`, server.failures, scenario.failures);
  unexpected(`${scenario.name}: sockets failed on the server with`, server.errors, scenario.errors);
  if (scenario.outcomes) {
    unexpected(`${scenario.name}: ended for the client with`, client.outcomes, scenario.outcomes);
  } else if (client.outcomes.completed > 0) {
    findings.push(`${scenario.name}: ${client.outcomes.completed} completed that should have failed`);
  }
  if (client.outcomes[HUNG] > 0) findings.push(`${scenario.name}: ${client.outcomes[HUNG]} hung`);
  return findings;

  function unexpected(what, counts, allowed) {
    for (const [name, count] of Object.entries(counts)) {
      if (!allowed.includes(name)) findings.push(`${what} ${name}: ${count}`);
    }
  }
}
