import { addon } from '../native/addon.ts';
import type { NativeConfig, NativeServerContexts, NativeTrustStore } from '../native/binding.ts';
import { readContextName } from './context-name.ts';
import type { Identity } from './identity.ts';
import type { ClientCertificates } from './peer-verification.ts';
import { createSecureContext, SecureContext, type SecureContextOptions } from './secure-context.ts';
import { trustStore } from './trust.ts';

/** What all configurations of a server have in common. */
export interface ContextSettings {
  readonly alpnProtocols: readonly string[];
  readonly clientCertificates: ClientCertificates;
}

/** The contexts of a server at one moment: a connection keeps the ones it was accepted with. */
export interface ContextSnapshot {
  readonly native: NativeServerContexts;
  /** The first is the one for clients that ask for no name, or for none of those that were added. */
  readonly contexts: readonly SecureContext[];
}

/** An identity of a context, as the engine numbers them. */
export function identityOf(snapshot: ContextSnapshot, context: number, identity: number): Identity {
  const found = snapshot.contexts[context]?.identities[identity];
  if (!found) throw new Error(`s2n-pkey: there is no identity ${identity} in context ${context}`);
  return found;
}

/**
 * The contexts of one server by the name that clients ask for. What is changed holds for the connections that are accepted
 * from then on.
 */
export class ServerContexts {
  readonly #settings: ContextSettings;
  readonly #named = new Map<string, SecureContext>();
  #default: SecureContext;
  /** Whom contexts trust that do not say. */
  #trust: NativeTrustStore | undefined;
  #snapshot: ContextSnapshot | undefined;

  constructor(defaultContext: SecureContext, settings: ContextSettings) {
    this.#default = defaultContext;
    this.#settings = settings;
    this.#trust = defaultContext.trust;
  }

  /** @throws as `createSecureContext` and `readContextName`. */
  add(hostname: string, context: SecureContext | SecureContextOptions): void {
    const name = readContextName(hostname);
    this.#named.set(name, context instanceof SecureContext ? context : createSecureContext(context));
    this.#snapshot = undefined;
  }

  /** Options that do not say whom to trust leave that as it is. @throws as `createSecureContext`. */
  replaceDefault(options: SecureContextOptions): void {
    this.#default = createSecureContext(options);
    this.#trust = this.#default.trust ?? this.#trust;
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

  #configure({ configOptions, trust }: SecureContext): NativeConfig {
    const { alpnProtocols, clientCertificates } = this.#settings;
    const verification = clientCertificates && {
      trust: trust ?? this.#trust ?? trustStore({}),
      rejectUnauthorized: clientCertificates.rejectUnauthorized,
    };
    return new (addon().Config)({ ...configOptions, alpnProtocols, verification });
  }
}
