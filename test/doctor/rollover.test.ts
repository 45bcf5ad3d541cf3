import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { PreflightError } from '../../lib/doctor/finding.ts';
import { rollover } from '../../lib/doctor/rollover.ts';
import { createServer } from '../../lib/tls/server/create-server.ts';
import { servedCertificates } from '../../lib/tls/server/served-certificates.ts';
import { runningKmsSites, siteName } from '../fixtures/kms-sites.ts';

describe('a server that rolls over to another key', function () {
  this.timeout(60_000);
  const sites = runningKmsSites('P-256', 'P-384');

  it('checks the pair, serves it on new connections, keeps the old ones, and can revert', async () => {
    const [now, next] = [sites().site('P-256'), sites().site('P-384')];
    const server = createServer(now, (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const open = async (): Promise<TLSSocket> => {
      const socket = connect({ port, host: '127.0.0.1', servername: siteName, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      return socket;
    };
    const bitsOf = (socket: TLSSocket): number | undefined => socket.getPeerCertificate().bits;
    const before = await open();

    let refused: unknown;
    await rollover(server, { signer: next.signer, cert: now.cert, servernames: ['other.example'] }).catch(
      (error: unknown) => (refused = error),
    );
    const faults = refused instanceof PreflightError ? refused.faults.map(({ code }) => code) : [];
    expect(faults).to.have.members(['KEY_MISMATCH', 'CERTIFICATE_NAME']);
    expect(servedCertificates(server)[0]?.keyArn).to.equal(now.signer.keyArn);

    const switched = await rollover(server, { ...next, servernames: [siteName] });
    expect(switched.report.keyArn).to.equal(next.signer.keyArn);
    const after = await open();
    before.write('still there');
    const [echo] = (await once(before, 'data')) as [Buffer];
    expect(echo.toString()).to.equal('still there');
    expect([bitsOf(before), bitsOf(after)]).to.deep.equal([256, 384]);

    switched.revert();
    const reverted = await open();
    expect(bitsOf(reverted)).to.equal(256);
    for (const socket of [before, after, reverted]) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
