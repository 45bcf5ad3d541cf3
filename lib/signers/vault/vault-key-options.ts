import { anything, callback, flag, requiredText, text } from '../../options/kinds.ts';
import type { Option, OptionValues, SchemaOf } from '../../options/option.ts';
import { TokenSource, type TokenOption } from './token-source.ts';
import { VaultClient, type Fetch } from './vault-client.ts';

/** A key of the Transit engine, and where that is. */
export interface VaultKeyOptions {
  /** The name of the key. */
  readonly key: string;
  /** URL of the server; `BAO_ADDR` or `VAULT_ADDR` of the environment unless given. */
  readonly address?: string;
  /** A token, or a function that gives one and is asked again when it is refused; `BAO_TOKEN` or `VAULT_TOKEN` unless given. */
  readonly token?: TokenOption;
  /** Whether a token that is a string is renewed, where it can be. True unless given. */
  readonly renewToken?: boolean;
  /** `BAO_NAMESPACE` or `VAULT_NAMESPACE` unless given. */
  readonly namespace?: string;
  /** Where the Transit engine is mounted; `transit` unless given. */
  readonly mount?: string;
  /** Makes the requests; Node's own unless given. Undici's, with a dispatcher, for an authority, a proxy or a socket of one's own. */
  readonly fetch?: Fetch;
}

export const vaultKeySchema = {
  key: requiredText({
    expected: "the name of a key of the Transit engine, such as 'site'",
    pattern: /^(?!\.+$)[\w.-]+$/,
  }),
  mount: {
    ...(text({
      expected: "the path of a Transit engine, such as 'transit'",
      pattern: /^(?!\.)[\w.-]+(\/(?!\.)[\w.-]+)*$/,
      isSecret: false,
    }) as Option<string>),
    fallback: 'transit',
  },
  address: anything<string>({
    type: 'string',
    expected: 'an http: or https: URL (or VAULT_ADDR in the environment)',
    isRequired: true,
    isSecret: false,
    fits: (value) => typeof value === 'string' && /^https?:/.test(value) && URL.canParse(value),
  }),
  namespace: text({
    expected: "a namespace, such as 'team/web'",
    pattern: /^[\w./-]*$/,
    isSecret: false,
  }),
  token: anything<TokenOption | undefined>({
    type: 'string | Function',
    expected: 'a string, or a function that gives one',
    fits: (value) => typeof value === 'string' || typeof value === 'function',
  }),
  renewToken: flag(true),
  fetch: { ...callback<Fetch>('a function as fetch is'), takesNull: true },
} satisfies SchemaOf<VaultKeyOptions>;

/** With what the environment says where the options do not. */
export function withEnvironment<Options extends VaultKeyOptions>(options: Options): Options {
  const { env } = process;
  if (typeof options !== 'object' || (options as unknown) === null) return options;
  return {
    ...options,
    address: options.address ?? env['BAO_ADDR'] ?? env['VAULT_ADDR'],
    namespace: options.namespace ?? env['BAO_NAMESPACE'] ?? env['VAULT_NAMESPACE'],
    token: options.token ?? env['BAO_TOKEN'] ?? env['VAULT_TOKEN'],
  };
}

export function clientOf(read: OptionValues<typeof vaultKeySchema>): {
  client: VaultClient;
  tokens: TokenSource;
} {
  const { address, namespace, token } = read;
  const tokens = new TokenSource(token);
  const space = namespace === '' ? undefined : namespace;
  return { tokens, client: new VaultClient(address.replace(/\/+$/, ''), space, read.fetch ?? fetch, tokens) };
}
