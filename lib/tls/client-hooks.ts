/** What a client's socket asks of its handshake. */
export interface ClientHooks {
  onDestroy(): void;
  onServername(name: string): void;
  readonly session: Uint8Array | undefined;
}
