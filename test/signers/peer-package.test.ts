import { createRequire } from 'node:module';
import { expect } from 'chai';
import { peerPackage, peerPackageSync } from '../../lib/signers/peer-package.ts';
import { rejectionOf } from './rejection.ts';

describe('a package that only one signer needs', () => {
  it('is named, with how to install it, when it is not there', async () => {
    const name = 's2n-pkey-peer-that-is-not-there';
    const error = await rejectionOf(peerPackage(name, () => import(name)));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_PEER_PACKAGE' });
    expect(error)
      .to.have.property('message')
      .that.equals(`this signer needs the package ${name}, which is not installed: npm install ${name}`);
  });

  it('is named, with what happened, when it cannot be loaded', async () => {
    const broken = (): Promise<never> => Promise.reject(new Error('wrong ELF class'));
    const error = await rejectionOf(peerPackage('pkcs11js', broken));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_PEER_PACKAGE' });
    expect(error).to.have.property('message').that.includes('(wrong ELF class)');
  });

  it('is named with what needs it, when it is loaded with require', () => {
    const name = 's2n-pkey-peer-that-is-not-there';
    const load = (): unknown => createRequire(import.meta.url)(name);
    expect(() => peerPackageSync(name, 'a file of settings in YAML', load))
      .to.throw(
        `a file of settings in YAML needs the package ${name}, which is not installed: npm install ${name}`,
      )
      .with.property('code', 'ERR_S2N_PKEY_PEER_PACKAGE');
  });
});
