/**
 * What the KMS protocol answers instead of a result: a type and a message in an HTTP 400 (500 for server faults), as in
 * "Common errors" and the errors of each action of the AWS KMS API Reference.
 */

/** An error of the wire protocol. `type` is what SDKs call the error's name, e.g. `NotFoundException`. */
export class KmsException extends Error {
  readonly type: string;
  readonly status: number;

  /** `message` may be empty: the real service gives none for, e.g., `KMSInvalidSignatureException`. */
  constructor(type: string, message = '', status = 400) {
    super(message);
    this.name = 'KmsException';
    this.type = type;
    this.status = status;
  }

  /** The body of the answer: `{"__type":"…","message":"…"}`, without `message` where there is none. */
  toBody(): string {
    return JSON.stringify(
      this.message === '' ? { __type: this.type } : { __type: this.type, message: this.message },
    );
  }
}

export function validationException(message: string): KmsException {
  return new KmsException('ValidationException', message);
}

/** The request's JSON has another shape than the operation's: a wrong type, bad base64, no JSON at all. */
export function serializationException(message: string): KmsException {
  return new KmsException('SerializationException', message);
}

export function notFoundException(message: string): KmsException {
  return new KmsException('NotFoundException', message);
}

/** What the real service can do and this one does not (yet). */
export function unsupportedOperationException(message: string): KmsException {
  return new KmsException('UnsupportedOperationException', message);
}
