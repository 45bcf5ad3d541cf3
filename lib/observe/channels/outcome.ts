/** An error's code is a name: whatever else an application's own errors have there is not for a label. */
const codePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** What an error is counted under: its `code`, or `'error'`. */
export function outcomeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return 'error';
  const { code } = error;
  return typeof code === 'string' && codePattern.test(code) ? code : 'error';
}
