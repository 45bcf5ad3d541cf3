// The sources of s2n-tls and AWS-LC that travel in the npm package: what a build for any Linux reads, in one archive, since most
// users never need them (37 MB in 2,000 files, 3 MB so).
import { existsSync } from 'node:fs';
import { inCheckout } from '../checkout.mjs';

/** The archive that packing makes, and that an installed package has. */
export const sourcesArchive = inCheckout('vendor', 'sources.tar.xz');

/** Node-API's headers, which come from npm packages in a checkout and are copied along when packing. */
export const packagedHeaders = inCheckout('vendor', 'headers');

/** Whether this is an installed package and not a checkout: npm never publishes its lock file. */
export const isInstalledPackage = !existsSync(inCheckout('package-lock.json')) && existsSync(sourcesArchive);

/** What the package has of each crate, other crates being of no use without Rust. */
const parts = {
  's2n-tls-sys': (file) => file.startsWith('lib/'),
  'aws-lc-sys': (file) =>
    file === 'LICENSE' || (file.startsWith('aws-lc/') && isUsed(file.slice('aws-lc/'.length))),
};

// libssl and the OpenSSL provider are not built; nothing is generated anew; assembly is for Linux, of whatever processor.
function isUsed(file) {
  return (
    !/^(ssl|provider|crypto\/test|third_party\/s2n-bignum\/s2n-bignum-imported\/arm\/tutorial)\//.test(
      file,
    ) &&
    !/^generated-src\/(win|mac|ios)/.test(file) &&
    !/_test\.(cc|c|h|txt)$|_test_vectors|\.(go|pl|py)$/.test(file)
  );
}

/**
 * @param {string} crate `aws-lc-sys`
 * @param {string} [file] one of its files, by its path in the crate; without it, whether the crate is there at all
 */
export function isPackaged(crate, file) {
  return crate in parts && (file === undefined || parts[crate](file));
}
