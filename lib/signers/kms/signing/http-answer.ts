/** An answer that this client does not know how to read: what stands there may be a proxy, or KMS may have changed. */
export class UnknownAnswerError extends Error {
  constructor(what: string) {
    super(`the HTTP answer cannot be read: ${what}`);
    this.name = 'UnknownAnswerError';
  }
}

/** A whole HTTP/1.1 answer (RFC 9112). */
export interface HttpAnswer {
  readonly status: number;
  /** One character a byte. */
  readonly body: string;
  readonly requestId: string | undefined;
  /** The server's clock, epoch milliseconds (the header Date). */
  readonly date: number | undefined;
  /** Whether another request may follow on this connection. */
  readonly reusable: boolean;
  /** Milliseconds that the server keeps an idle connection, where it says so (the header Keep-Alive). */
  readonly idleLimit: number | undefined;
}

interface Head {
  readonly status: number;
  /** Where the body begins. */
  readonly end: number;
  /** Bytes of the body; undefined when it comes in chunks. */
  readonly length: number | undefined;
  readonly headers: ReadonlyMap<string, string>;
}

/** Bytes. An answer to Sign has about 300 of head and 1,000 at most of body. */
const longestAnswer = 64 * 1024;

/** Puts one answer together from what arrives. It reads what an answer of KMS may be, and refuses everything else. */
export class AnswerReader {
  #text = '';
  #head: Head | undefined;

  /** Whether a part of an answer has arrived. */
  get begun(): boolean {
    return this.#text !== '';
  }

  /**
   * The answer, once it is whole.
   *
   * @throws UnknownAnswerError, after which the connection is of no use.
   */
  push(chunk: Buffer): HttpAnswer | undefined {
    const piece = chunk.toString('latin1');
    const text = this.#text === '' ? piece : this.#text + piece;
    if (text.length > longestAnswer) throw new UnknownAnswerError(`more than ${longestAnswer} bytes`);
    this.#text = text;
    const head = (this.#head ??= readHead(text));
    if (head === undefined) return undefined;
    const body = head.length === undefined ? chunkedBody(text, head.end) : plainBody(text, head);
    if (body === undefined) return undefined;
    this.#text = '';
    this.#head = undefined;
    return answerOf(head, body, text.startsWith('HTTP/1.1'));
  }
}

function readHead(text: string): Head | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) {
    // So that a greeting of another protocol is not waited upon until the time is up.
    if (text.length >= 7 && !text.startsWith('HTTP/1.')) throw new UnknownAnswerError('it is not HTTP/1.1');
    return undefined;
  }
  const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(text)?.[1];
  if (status === undefined) throw new UnknownAnswerError('it is not HTTP/1.1');
  const headers = new Map<string, string>();
  let from = text.indexOf('\r\n') + 2;
  while (from < end) {
    const lineEnd = text.indexOf('\r\n', from);
    const colon = text.indexOf(':', from);
    if (colon <= from || colon > lineEnd) throw new UnknownAnswerError('a header without a name');
    const name = text.slice(from, colon).toLowerCase();
    if (headers.has(name) && (name === 'content-length' || name === 'transfer-encoding')) {
      throw new UnknownAnswerError(`two headers ${name}`);
    }
    headers.set(name, text.slice(colon + 1, lineEnd).trim());
    from = lineEnd + 2;
  }
  return {
    status: checkStatus(Number(status)),
    end: end + 4,
    length: lengthOf(headers),
    headers,
  };
}

/** Those without a body (RFC 9110 §6.4.1) are no answers to a request of KMS. */
function checkStatus(status: number): number {
  if (status < 200 || status === 204 || status === 304) throw new UnknownAnswerError(`status ${status}`);
  return status;
}

function lengthOf(headers: ReadonlyMap<string, string>): number | undefined {
  const encoding = headers.get('content-encoding');
  if (encoding !== undefined && encoding !== 'identity')
    throw new UnknownAnswerError(`content-encoding ${encoding}`);
  const length = headers.get('content-length');
  const transfer = headers.get('transfer-encoding');
  if (transfer !== undefined) {
    if (length !== undefined || transfer.toLowerCase() !== 'chunked')
      throw new UnknownAnswerError(`transfer-encoding ${transfer}`);
    return undefined;
  }
  if (length === undefined || !/^\d{1,9}$/.test(length))
    throw new UnknownAnswerError('no length that can be read');
  if (Number(length) > longestAnswer) throw new UnknownAnswerError(`more than ${longestAnswer} bytes`);
  return Number(length);
}

function plainBody(text: string, { end, length = 0 }: Head): string | undefined {
  const rest = text.length - end;
  if (rest < length) return undefined;
  if (rest > length) throw new UnknownAnswerError('more than was announced');
  return text.slice(end);
}

/** A body in chunks (RFC 9112 §7.1), without trailers. */
function chunkedBody(text: string, start: number): string | undefined {
  let body = '';
  for (let at = start; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = /^([0-9a-fA-F]{1,6})[ \t]*(?:;.*)?$/.exec(text.slice(at, lineEnd))?.[1];
    if (size === undefined) throw new UnknownAnswerError('a chunk without a size');
    const from = lineEnd + 2;
    const to = from + parseInt(size, 16);
    if (text.length < to + 2) return undefined;
    if (!text.startsWith('\r\n', to))
      throw new UnknownAnswerError('a chunk longer than its size, or trailers');
    if (to === from) {
      if (text.length > to + 2) throw new UnknownAnswerError('more than was announced');
      return body;
    }
    body += text.slice(from, to);
    at = to + 2;
  }
}

function answerOf({ status, headers }: Head, body: string, isCurrent: boolean): HttpAnswer {
  const connection = headers.get('connection')?.toLowerCase();
  const date = headers.get('date');
  const seconds = /timeout=(\d{1,6})/.exec(headers.get('keep-alive') ?? '')?.[1];
  return {
    status,
    body,
    requestId: headers.get('x-amzn-requestid'),
    date: date === undefined || status === 200 ? undefined : dateOf(date),
    reusable: isCurrent ? connection !== 'close' : connection === 'keep-alive',
    idleLimit: seconds === undefined ? undefined : Number(seconds) * 1000,
  };
}

function dateOf(text: string): number | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
