/** An error, what it was caused by, and what those were caused by in turn; the errors of an AggregateError count as causes. */
export function causesOf(error: unknown): Error[] {
  const chain: Error[] = [];
  const rest: unknown[] = [error];
  while (rest.length > 0 && chain.length < 10) {
    const next = rest.shift();
    if (!(next instanceof Error) || chain.includes(next)) continue;
    chain.push(next);
    if (next instanceof AggregateError) rest.push(...(next.errors as unknown[]));
    if ('cause' in next) rest.push(next.cause);
  }
  return chain;
}

/** A property of an object whose type is not known, if it is a text. */
export function textProperty(object: object, name: string): string | undefined {
  const value: unknown = Reflect.get(object, name);
  return typeof value === 'string' ? value : undefined;
}
