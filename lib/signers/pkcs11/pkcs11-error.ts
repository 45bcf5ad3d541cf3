import { SignerError, type S2nPkeyErrorOptions } from '../../errors.ts';

/** The kinds of failure: `ERR_S2N_PKEY_PKCS11_…`. */
export type Pkcs11Fault = 'MODULE' | 'TOKEN' | 'PIN' | 'KEY' | 'MECHANISM' | 'SESSION' | 'TIMEOUT' | 'FAILED';

/** A call of a PKCS#11 module that failed. */
export class Pkcs11Error extends SignerError {
  /** What the module returned, such as `CKR_PIN_INCORRECT`; undefined when the failure is not one of the module's. */
  readonly returned: string | undefined;
  /** The function, such as `C_Sign`. */
  readonly operation: string | undefined;

  constructor(
    fault: Pkcs11Fault,
    message: string,
    facts: S2nPkeyErrorOptions & { returned?: string | undefined; operation?: string | undefined } = {},
  ) {
    super(message, {
      code: `ERR_S2N_PKEY_PKCS11_${fault}`,
      ...('cause' in facts ? { cause: facts.cause } : {}),
    });
    this.returned = facts.returned;
    this.operation = facts.operation;
  }
}

interface Explanation {
  readonly fault: Pkcs11Fault;
  readonly advice: string;
}

const pin: Explanation = {
  fault: 'PIN',
  advice:
    "Give the PIN of the token's user (pin, or the variable S2N_PKEY_PKCS11_PIN). It is not tried again: tokens lock after a few",
};
const session: Explanation = {
  fault: 'SESSION',
  advice:
    'The session was lost, and a new one too: check the device and what else in this process uses its module',
};
const token: Explanation = {
  fault: 'TOKEN',
  advice: 'Check that the device is connected and that tokenLabel or slot names its token',
};
const mechanism: Explanation = {
  fault: 'MECHANISM',
  advice:
    "The device does not sign so with this key: see its mechanisms (pkcs11-tool -M) and the key's attributes",
};
const key: Explanation = {
  fault: 'KEY',
  advice: "Check the key's attributes: it must be there, and CKA_SIGN true",
};

/** By the value's name (PKCS#11 v3.1 §5.1). */
const byName: Readonly<Record<string, Explanation>> = {
  CKR_PIN_INCORRECT: pin,
  CKR_PIN_INVALID: pin,
  CKR_PIN_LEN_RANGE: pin,
  CKR_PIN_EXPIRED: pin,
  CKR_PIN_LOCKED: pin,
  CKR_USER_PIN_NOT_INITIALIZED: pin,
  CKR_SESSION_CLOSED: session,
  CKR_SESSION_HANDLE_INVALID: session,
  CKR_USER_NOT_LOGGED_IN: session,
  CKR_CRYPTOKI_NOT_INITIALIZED: session,
  CKR_DEVICE_REMOVED: token,
  CKR_TOKEN_NOT_PRESENT: token,
  CKR_TOKEN_NOT_RECOGNIZED: token,
  CKR_SLOT_ID_INVALID: token,
  CKR_DEVICE_ERROR: token,
  CKR_MECHANISM_INVALID: mechanism,
  CKR_MECHANISM_PARAM_INVALID: mechanism,
  CKR_KEY_TYPE_INCONSISTENT: mechanism,
  CKR_KEY_SIZE_RANGE: mechanism,
  CKR_KEY_HANDLE_INVALID: key,
  CKR_OBJECT_HANDLE_INVALID: key,
  CKR_KEY_FUNCTION_NOT_PERMITTED: key,
};

const other: Explanation = { fault: 'FAILED', advice: "See the module's own log" };

/** The names of what is returned when a session, its login or its handles are gone, so that a new one may do. */
export const lostSession: ReadonlySet<string> = new Set([
  ...['CKR_SESSION_CLOSED', 'CKR_SESSION_HANDLE_INVALID', 'CKR_USER_NOT_LOGGED_IN'],
  ...['CKR_KEY_HANDLE_INVALID', 'CKR_OBJECT_HANDLE_INVALID', 'CKR_DEVICE_REMOVED', 'CKR_DEVICE_ERROR'],
  ...['CKR_TOKEN_NOT_PRESENT', 'CKR_CRYPTOKI_NOT_INITIALIZED', 'CKR_OPERATION_ACTIVE'],
]);

/** The error for what a function of the module returned. */
export function explainReturned(returned: string, operation: string): Pkcs11Error {
  const { fault, advice } = (Object.hasOwn(byName, returned) ? byName[returned] : undefined) ?? other;
  return new Pkcs11Error(fault, `${operation} returned ${returned}. ${advice}.`, { returned, operation });
}
