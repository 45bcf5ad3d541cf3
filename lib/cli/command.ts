/** A subcommand of `s2n-pkey`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Does it, with the arguments after its name; says itself what went wrong, and sets `process.exitCode`. */
  run(args: readonly string[]): Promise<void>;
}
