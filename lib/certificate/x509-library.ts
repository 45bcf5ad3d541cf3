import type * as x509 from '@peculiar/x509';

export type X509Library = typeof x509;

let loaded: Promise<X509Library> | undefined;

/**
 * `@peculiar/x509`, loaded when the first certificate is made: that takes a tenth of a second, and needs `Reflect.getMetadata`,
 * which `reflect-metadata` adds to the process's `Reflect`. A process that makes no certificate keeps its own.
 */
export function x509Library(): Promise<X509Library> {
  return (loaded ??= load());
}

async function load(): Promise<X509Library> {
  if (!('getMetadata' in Reflect)) await import('reflect-metadata');
  return import('@peculiar/x509');
}
