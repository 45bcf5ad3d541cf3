/** What the documentation says of a code: the error's class (or classes), when it occurs, and what to do about it. */
export type CodeRow = readonly [errorClass: string, when: string, whatToDo: string];

export type CodeTable = Readonly<Record<`ERR_S2N_PKEY_${string}`, CodeRow>>;
