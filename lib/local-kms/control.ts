import { hash, timingSafeEqual } from 'node:crypto';
import { S2nPkeyError } from '../errors.ts';
import type { Counters } from './counters.ts';
import { checkMisbehaviour, type Misbehaviours } from './misbehaviour.ts';

/**
 * The control endpoint, `POST /_control`: for tests, at run time, with a token only their process knows
 * (`Authorization: Bearer …`). Its requests are JSON: `{"action":"misbehave","misbehaviour":{…}}` → `{"id":1}`;
 * `{"action":"behave","id":1}` or without an id; `{"action":"counters"}`; `{"action":"reset-counters"}`.
 */

export const controlPath = '/_control';

export interface ControlAnswer {
  readonly status: number;
  readonly body: string;
}

function refuse(status: number, message: string): ControlAnswer {
  return { status, body: JSON.stringify({ message }) };
}

export class Control {
  readonly #tokenDigest: Buffer;
  readonly #misbehaviours: Misbehaviours;
  readonly #counters: Counters;

  constructor(token: string, misbehaviours: Misbehaviours, counters: Counters) {
    this.#tokenDigest = hash('sha256', token, 'buffer');
    this.#misbehaviours = misbehaviours;
    this.#counters = counters;
  }

  answer(method: string | undefined, authorization: string | undefined, body: Buffer): ControlAnswer {
    const given = authorization?.startsWith('Bearer ') === true ? authorization.slice('Bearer '.length) : '';
    if (!timingSafeEqual(hash('sha256', given, 'buffer'), this.#tokenDigest)) {
      return refuse(401, 'The control endpoint wants the token that was given or printed at start.');
    }
    if (method !== 'POST') return refuse(405, 'The control endpoint takes POST.');
    let request: unknown;
    try {
      request = JSON.parse(body.toString());
    } catch {
      return refuse(400, 'The request is not JSON.');
    }
    if (typeof request !== 'object' || request === null)
      return refuse(400, 'The request is not a JSON object.');
    const members = new Map<string, unknown>(Object.entries(request));
    try {
      return { status: 200, body: JSON.stringify(this.#do(members)) };
    } catch (error) {
      if (error instanceof S2nPkeyError) return refuse(400, error.message);
      throw error;
    }
  }

  #do(request: ReadonlyMap<string, unknown>): unknown {
    const action = request.get('action');
    switch (action) {
      case 'misbehave':
        return { id: this.#misbehaviours.add(checkMisbehaviour(request.get('misbehaviour'))) };
      case 'behave': {
        const id = request.get('id');
        this.#misbehaviours.remove(typeof id === 'number' ? id : undefined);
        return {};
      }
      case 'counters':
        return this.#counters.snapshot();
      case 'reset-counters':
        this.#counters.reset();
        return {};
      default:
        throw new S2nPkeyError('ERR_S2N_PKEY_LOCAL_KMS', `there is no control action ${String(action)}`);
    }
  }
}
