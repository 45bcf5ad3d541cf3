/** By which limits count time. Tests give one that they move. */
export interface Clock {
  /** Milliseconds from any moment on. */
  now(): number;
  /** Calls `look` every so many milliseconds until what it returns is called. It keeps no process alive. */
  every(milliseconds: number, look: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  every(milliseconds, look) {
    const timer = setInterval(look, milliseconds).unref();
    return () => clearInterval(timer);
  },
};
