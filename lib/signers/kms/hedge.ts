/** What `hedged` needs of a promise and of time. */
export interface HedgeOptions<T> {
  /** Milliseconds after which the second way is tried, too; undefined: never. */
  readonly after: number | undefined;
  readonly first: (signal: AbortSignal) => Promise<T>;
  /** Undefined where there is none now. */
  readonly second: () => ((signal: AbortSignal) => Promise<T>) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Resolves to the first result of two ways, of which the second begins only when the first takes long. The other is aborted then.
 * Rejects as the first way does if both fail, and at once if it fails before the second has begun.
 */
export function hedged<T>({ after, first, second, signal }: HedgeOptions<T>): Promise<T> {
  const controllers: AbortController[] = [];
  let timer: NodeJS.Timeout | undefined;
  return new Promise<T>((resolve, reject) => {
    let failure: unknown;
    let left = 0;
    const abortAll = (reason: unknown): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abandon);
      for (const controller of controllers) controller.abort(reason);
    };
    const abandon = (): void => abortAll(signal?.reason);
    const begin = (way: (signal: AbortSignal) => Promise<T>): void => {
      const controller = new AbortController();
      const isFirst = controllers.push(controller) === 1;
      left++;
      way(controller.signal).then(
        (result) => {
          resolve(result);
          controllers.splice(controllers.indexOf(controller), 1);
          abortAll(new Error('another Region has signed'));
        },
        (error: unknown) => {
          if (isFirst) failure = error;
          if (--left > 0) return;
          abortAll(failure);
          reject(failure instanceof Error ? failure : new Error(String(failure)));
        },
      );
    };
    signal?.addEventListener('abort', abandon);
    begin(first);
    if (after === undefined) return;
    timer = setTimeout(() => {
      const way = second();
      if (way !== undefined) begin(way);
    }, after);
  });
}
