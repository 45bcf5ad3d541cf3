import { expect } from 'chai';
import { testNeeds } from '../fixtures/needs.ts';
import { blocksOf, ReaderFolder } from '../fixtures/page-commands.ts';

describe('docs/getting-started.md', () => {
  it('leads from an empty folder to a server with a certificate of a CA, as it stands', async function () {
    testNeeds(this, 'openssl');
    testNeeds(this, 'curl');
    this.timeout(180_000);
    const blocks = await blocksOf('docs/getting-started.md');
    const programs = blocks.filter(({ language }) => language === 'js').map(({ text }) => text);
    const commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
    const [createKey = '', request = '', sign = '', check = '', serve = '', ask = '', ...rest] = commands;
    expect(programs).to.have.length(3);
    expect(rest).to.deep.equal([]);

    const reader = await ReaderFolder.withPackage();
    try {
      for (const [i, name] of ['create-key.mjs', 'request.mjs', 'server.mjs'].entries()) {
        await reader.write(name, programs[i] ?? '');
      }
      expect(await reader.run(createKey)).to.match(/^arn:aws:kms:\S+ \(ECC_NIST_P256\)$/m);
      expect(await reader.run(request)).to.match(/verify OK[\s\S]*CN ?= ?localhost/);
      await reader.run(sign);
      const checked = await reader.run(check);
      expect(checked).not.to.contain('FAULT');
      expect(checked).to.contain('kms:GetPublicKey').and.to.contain('kms:Sign');
      await reader.start(serve, 'https://localhost:8443');
      expect(await reader.run(ask)).to.contain('Served without a private key.\n');
    } finally {
      await reader.close();
    }
  });
});
