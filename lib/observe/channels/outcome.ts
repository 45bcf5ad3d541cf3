/** Only a code that is a name may become a label. Errors of the application may have anything there. */
const codePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** The label that counts an error: its `code`, or `'error'`. */
export function outcomeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return 'error';
  const { code } = error;
  return typeof code === 'string' && codePattern.test(code) ? code : 'error';
}
