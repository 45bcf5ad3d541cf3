import { causesOf, textProperty } from '../../client/error-chain.ts';
import type { KmsAttemptMessage } from '../../../../observe/channels/handshake-messages.ts';
import type { SignAnswer, SignAsk, SigningLimits } from '../sign-requests.ts';
import type { Credentials } from '../sigv4.ts';

/** Credentials without functions and without undefined members, so that they can be posted to another thread. */
export interface PlainCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Copies the members that are used. The given object may have others, such as functions. `SigV4` checks the values. */
export function plainCredentials(given: Credentials): PlainCredentials {
  const { accessKeyId, secretAccessKey, sessionToken } = given;
  const expiration: unknown = Reflect.get(given, 'expiration');
  return {
    accessKeyId: text(accessKeyId),
    secretAccessKey: text(secretAccessKey),
    ...(sessionToken ? { sessionToken: text(sessionToken) } : {}),
    ...(expiration instanceof Date ? { expiration } : {}),
  };
}

function text(given: unknown): string {
  return typeof given === 'string' ? given : '';
}

/** `workerData` of the worker thread. */
export interface WorkerSetup {
  readonly keyArn: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  /** `asked`: the main thread has a provider, and is asked. Undefined: the SDK's default provider chain. */
  readonly credentials: PlainCredentials | 'asked' | undefined;
  readonly limits: SigningLimits;
  readonly fast: boolean;
}

export interface AskMessage {
  readonly id: number;
  readonly ask: SignAsk;
  /** Whether the main thread publishes the attempts. */
  readonly isObserved: boolean;
}

/** All messages of one turn of the main thread's event loop. */
export interface ToWorker {
  readonly asks: readonly AskMessage[];
  /** Ids of signatures that are cancelled. */
  readonly cancels: readonly number[];
  readonly credentials?: {
    readonly id: number;
    readonly given: PlainCredentials | undefined;
    readonly error?: ErrorText;
  };
}

export interface AnswerMessage {
  readonly id: number;
  readonly answer: SignAnswer | undefined;
  readonly error: ErrorText | undefined;
}

/** All messages of one turn of the worker's event loop. */
export interface FromWorker {
  readonly answers: readonly AnswerMessage[];
  readonly attempts: readonly { readonly id: number; readonly attempt: KmsAttemptMessage }[];
  /** Retries and hedges, not counted so far. */
  readonly extraRequests?: number;
  /** Requests that KMS throttled, not counted so far. */
  readonly throttles?: number;
  /** The worker is ready. `reason` says why it uses the SDK, if it does. */
  readonly ready?: { readonly reason: string | undefined };
  readonly failed?: ErrorText;
  readonly wantsCredentials?: { readonly id: number; readonly forceRefresh: boolean };
}

/** An error as a plain object: a posted `Error` would lose its name and code. */
export interface ErrorText {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly cause: ErrorText | undefined;
}

export function textOf(error: unknown): ErrorText {
  const [first, ...causes] = causesOf(error);
  let text: ErrorText | undefined;
  for (const one of [first ?? new Error(String(error)), ...causes].reverse()) {
    const metadata: unknown = Reflect.get(one, '$metadata');
    const facts = typeof metadata === 'object' && metadata !== null ? metadata : {};
    const status: unknown = Reflect.get(facts, 'httpStatusCode');
    text = {
      name: one.name,
      message: one.message,
      code: textProperty(one, 'code'),
      status: typeof status === 'number' ? status : undefined,
      requestId: textProperty(facts, 'requestId'),
      cause: text,
    };
  }
  return (
    text ?? {
      name: 'Error',
      message: '',
      code: undefined,
      status: undefined,
      requestId: undefined,
      cause: undefined,
    }
  );
}

/** Restores an error that `textOf` took apart. */
export function errorOf({ name, message, code, status, requestId, cause }: ErrorText): Error {
  const error = new Error(message, cause === undefined ? {} : { cause: errorOf(cause) });
  error.name = name;
  if (code !== undefined) Object.assign(error, { code });
  if (status !== undefined || requestId !== undefined) {
    Object.assign(error, { $metadata: { httpStatusCode: status, requestId } });
  }
  return error;
}
