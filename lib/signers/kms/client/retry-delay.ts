/** Attempts at one signature, the first one included, as in the AWS SDK's standard mode. */
export const mostAttempts = 3;

/** Milliseconds before the second attempt, drawn evenly, so that handshakes that failed together do not return together. */
const delays = { transient: [10, 50], throttled: [30, 100] } as const;

/**
 * Milliseconds to wait before another attempt. A handshake lives a few seconds: the SDK's own second and more after a throttle is
 * made for something else.
 *
 * @param retry 1 for the second attempt, twice as long for the next.
 */
export function retryDelay(kind: 'transient' | 'throttled', retry: number): number {
  const [from, to] = delays[kind];
  return (from + Math.random() * (to - from)) * retry;
}

/** One signature in five may be tried again; fifty, or one a second, always. */
export const retryShare = { share: 0.2, most: 50, perSecond: 1 } as const;
