import { createRequire } from 'node:module';
import type * as sdk from '@aws-sdk/client-kms';

let loaded: typeof sdk | undefined;

/**
 * `@aws-sdk/client-kms`, loaded when KMS is first asked for something: that takes a tenth of a second and 4 MB of heap, which a
 * process whose key is elsewhere is spared. It is the same module that the application gets by `import`.
 */
export function kmsSdk(): typeof sdk {
  return (loaded ??= createRequire(import.meta.url)('@aws-sdk/client-kms') as typeof sdk);
}
