import { causesOf, textProperty } from '../../client/error-chain.ts';

/** What of an error crosses from one thread to another, where an Error would lose its name and code. */
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

/** An error like the one that the text is of. */
export function errorOf({ name, message, code, status, requestId, cause }: ErrorText): Error {
  const error = new Error(message, cause === undefined ? {} : { cause: errorOf(cause) });
  error.name = name;
  if (code !== undefined) Object.assign(error, { code });
  if (status !== undefined || requestId !== undefined) {
    Object.assign(error, { $metadata: { httpStatusCode: status, requestId } });
  }
  return error;
}
