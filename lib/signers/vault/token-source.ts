import { VaultError } from './vault-error.ts';

/** A token, or what gives one. */
export type TokenOption = string | (() => string | Promise<string>);

/** The token that requests are made with: one that was given, or one that a function gives, again when it is refused. */
export class TokenSource {
  readonly #option: TokenOption | undefined;
  #current: Promise<string> | undefined;

  constructor(option: TokenOption | undefined) {
    this.#option = option;
  }

  /** Whether it is one that was given, which stays the same. */
  get fixed(): boolean {
    return typeof this.#option !== 'function';
  }

  /** @throws VaultError `ERR_S2N_PKEY_VAULT_TOKEN`. */
  async current(): Promise<string> {
    this.#current ??= this.#obtain();
    try {
      return await this.#current;
    } catch (error) {
      this.#current = undefined;
      throw error;
    }
  }

  /** Another token than this one, which was refused; undefined when there is no way to one. Many that ask at once get the same. */
  async after(refused: string): Promise<string | undefined> {
    if (this.fixed) return undefined;
    const known = await this.current();
    if (known !== refused) return known;
    this.#current = undefined;
    const another = await this.current();
    return another === refused ? undefined : another;
  }

  async #obtain(): Promise<string> {
    let token: unknown;
    try {
      const option = this.#option;
      token = typeof option === 'function' ? await option() : option;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new VaultError('TOKEN', `the function that gives the token failed: ${reason}`, { cause });
    }
    // Files end in a newline, and so does what is read from them.
    if (typeof token === 'string') token = token.trim();
    // What cannot be in a header must not get into one.
    if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token;
    throw new VaultError(
      'TOKEN',
      'there is no token: give token, a string or a function that gives one, or set VAULT_TOKEN (or BAO_TOKEN)',
    );
  }
}
