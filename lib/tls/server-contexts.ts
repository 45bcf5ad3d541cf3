import { addon } from '../native/addon.ts';
import type { NativeConfig, NativeServerContexts } from '../native/binding.ts';
import type { Signer } from '../signer/signer.ts';
import { readContextName } from './context-name.ts';
import { createSecureContext, SecureContext, type SecureContextOptions } from './secure-context.ts';

/** What all configurations of a server have in common. */
export interface ContextSettings {
  readonly alpnProtocols: readonly string[];
}

/** The contexts of a server at one moment: a connection keeps the ones it was accepted with. */
export interface ContextSnapshot {
  readonly native: NativeServerContexts;
  /** The first is the one for clients that ask for no name, or for none of those that were added. */
  readonly contexts: readonly SecureContext[];
}

/** Who signs for an identity of a context, as the engine numbers them. */
export function signerOf(snapshot: ContextSnapshot, context: number, identity: number): Signer {
  const signer = snapshot.contexts[context]?.identities[identity]?.signer;
  if (!signer) throw new Error(`s2n-pkey: there is no identity ${identity} in context ${context}`);
  return signer;
}

/**
 * The contexts of one server by the name that clients ask for. What is changed holds for the connections that are accepted
 * from then on.
 */
export class ServerContexts {
  readonly #settings: ContextSettings;
  readonly #named = new Map<string, SecureContext>();
  #default: SecureContext;
  #snapshot: ContextSnapshot | undefined;

  constructor(defaultContext: SecureContext, settings: ContextSettings) {
    this.#default = defaultContext;
    this.#settings = settings;
  }

  /** @throws as `createSecureContext` and `readContextName`. */
  add(hostname: string, context: SecureContext | SecureContextOptions): void {
    const name = readContextName(hostname);
    this.#named.set(name, context instanceof SecureContext ? context : createSecureContext(context));
    this.#snapshot = undefined;
  }

  /** @throws as `createSecureContext`. */
  replaceDefault(options: SecureContextOptions): void {
    this.#default = createSecureContext(options);
    this.#snapshot = undefined;
  }

  /** For the next connection. Made when it is first needed, so that a thousand calls of `add` cost one table. */
  current(): ContextSnapshot {
    return (this.#snapshot ??= this.#take());
  }

  #take(): ContextSnapshot {
    const contexts = [...new Set([this.#default, ...this.#named.values()])];
    const indices = new Map(contexts.map((context, index) => [context, index]));
    const names = [...this.#named].flatMap(([name, context]) => [name, indices.get(context) ?? 0]);
    const configs = contexts.map((context) => this.#configure(context));
    return { native: new (addon().ServerContexts)(configs, names), contexts };
  }

  #configure({ configOptions }: SecureContext): NativeConfig {
    return new (addon().Config)({ ...configOptions, ...this.#settings });
  }
}
