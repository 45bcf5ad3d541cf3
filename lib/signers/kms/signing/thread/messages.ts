import type { KmsAttemptMessage } from '../../../../observe/channels/handshake-messages.ts';
import type { SignAnswer, SignAsk } from '../sign-requests.ts';
import type { SigningLimits } from '../signing-limits.ts';
import type { Credentials } from '../credentials.ts';
import type { ErrorText } from './error-text.ts';

/** Credentials with nothing that cannot cross from one thread to another, and without members that are undefined. */
export interface PlainCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** The members that matter of an object that may have others, such as functions. Whoever uses them checks that they are usable. */
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

/** What the thread is started with. */
export interface ThreadSetup {
  readonly keyArn: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  /** `asked`: the other thread has a provider of them, which is to be asked. Undefined: as the SDK finds them. */
  readonly credentials: PlainCredentials | 'asked' | undefined;
  readonly limits: SigningLimits;
  readonly fast: boolean;
}

export interface AskMessage {
  readonly id: number;
  readonly ask: SignAsk;
  /** Whether anybody listens to what becomes of the requests. */
  readonly isObserved: boolean;
}

/** What one turn of the event loop has for the thread that asks KMS. */
export interface ToThread {
  readonly asks: readonly AskMessage[];
  /** Signatures that are no longer wanted. */
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

/** What one turn of the thread's event loop has for the other. */
export interface FromThread {
  readonly answers: readonly AnswerMessage[];
  readonly attempts: readonly { readonly id: number; readonly attempt: KmsAttemptMessage }[];
  /** Requests that were sent beyond one for each signature. */
  readonly extraRequests?: number;
  /** It is ready; `reason` when it asks by way of the SDK. */
  readonly ready?: { readonly reason: string | undefined };
  readonly failed?: ErrorText;
  readonly wantsCredentials?: { readonly id: number; readonly forceRefresh: boolean };
}
