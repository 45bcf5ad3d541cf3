import { SignCommand, type KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createKey, runningKms, send, type RawAnswer } from './running-kms.ts';
import { sendSigned } from './sigv4-by-hand.ts';

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;

describe('local KMS: the wire protocol', () => {
  const running = runningKms();

  const ask = (operation: string, body: string | Buffer): Promise<RawAnswer> => {
    const { endpoint, credentials } = running().kms;
    return sendSigned({ endpoint, credentials, operation, body });
  };

  const refusedAs = async (answer: Promise<RawAnswer>): Promise<[number, unknown]> => {
    const { status, body } = await answer;
    return [status, JSON.parse(body)];
  };

  it('answers in application/x-amz-json-1.1, with a request id of its own each time', async () => {
    const ids = new Set<unknown>();
    for (const operation of ['ListKeys', 'ListKeys', 'NoSuchOperation']) {
      const { headers } = await ask(operation, '{}');
      expect(headers['content-type']).to.equal('application/x-amz-json-1.1');
      expect(headers['x-amzn-requestid']).to.match(uuid);
      ids.add(headers['x-amzn-requestid']);
    }
    expect(ids.size).to.equal(3);
  });

  it('answers programs of this machine alone: no web page, whatever its name leads to', async () => {
    const { endpoint } = running().kms;
    const statusOf = async (headers: Record<string, string>, path = '/'): Promise<number> =>
      (await send(endpoint, { headers, path, body: '{"action":"counters"}' })).status;
    for (const host of [
      'evil.example',
      'evil.example:80',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '10.0.0.1',
    ]) {
      expect(await statusOf({ host }), host).to.equal(403);
      expect(await statusOf({ host }, '/_control'), host).to.equal(403);
    }
    for (const host of [
      'localhost',
      'LOCALHOST:1',
      '127.0.0.1:8080',
      '127.1.2.3',
      '[::1]:80',
      'kms.localhost',
    ]) {
      expect(await statusOf({ host }), host).to.equal(400);
      expect(await statusOf({ host }, '/_control'), host).to.equal(401);
    }
    for (const origin of ['http://localhost:3000', 'https://evil.example', 'null']) {
      expect(await statusOf({ origin }), origin).to.equal(403);
      expect(await statusOf({ origin }, '/_control'), origin).to.equal(403);
    }
  });

  it('has times in seconds and bytes in base64', async () => {
    const { client } = running();
    const { keyId } = await createKey(client, 'ECC_NIST_P256');
    const { body } = await ask('DescribeKey', JSON.stringify({ KeyId: keyId }));
    expect(JSON.parse(body))
      .to.have.nested.property('KeyMetadata.CreationDate')
      .that.is.closeTo(Date.now() / 1000, 60);
    const signed = await ask(
      'Sign',
      JSON.stringify({ KeyId: keyId, Message: 'bWVzc2FnZQ==', SigningAlgorithm: 'ECDSA_SHA_256' }),
    );
    expect(JSON.parse(signed.body))
      .to.have.property('Signature')
      .that.matches(/^ME[A-Za-z0-9+/]+={0,2}$/);
  });

  it('answers what has nothing to say with nothing', async () => {
    const { keyId } = await createKey(running().client, 'ECC_NIST_P256');
    const { status, body } = await ask('DisableKey', JSON.stringify({ KeyId: keyId }));
    expect([status, body]).to.deep.equal([200, '']);
  });

  it('knows what is not an operation from what it does not support', async () => {
    expect(await refusedAs(ask('NoSuchOperation', '{}'))).to.deep.equal([
      400,
      { __type: 'UnknownOperationException' },
    ]);
    expect(await refusedAs(ask('Encrypt', '{}'))).to.deep.equal([
      400,
      { __type: 'UnsupportedOperationException', message: 'The local KMS does not support Encrypt.' },
    ]);
    const { endpoint } = running().kms;
    expect(await refusedAs(send(endpoint, { method: 'GET' }))).to.deep.equal([
      404,
      { __type: 'UnknownOperationException' },
    ]);
    expect((await send(endpoint, { path: '/elsewhere' })).status).to.equal(404);
  });

  it('says what is missing, all of it at once', async () => {
    expect(await refusedAs(ask('Sign', '{}'))).to.deep.equal([
      400,
      {
        __type: 'ValidationException',
        message:
          "3 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; " +
          "Value null at 'message' failed to satisfy constraint: Member must not be null; " +
          "Value null at 'signingAlgorithm' failed to satisfy constraint: Member must not be null",
      },
    ]);
    expect((await refusedAs(ask('DescribeKey', '{"KeyId":""}')))[1]).to.deep.equal({
      __type: 'ValidationException',
      message:
        "1 validation error detected: Value '' at 'keyId' failed to satisfy constraint: " +
        'Member must have length greater than or equal to 1',
    });
  });

  describe('refuses what it cannot read', () => {
    const message = 'bWVzc2FnZQ==';
    for (const [title, operation, body, said] of [
      ['no JSON', 'ListKeys', '{', 'The request is not JSON'],
      ['no bytes at all', 'ListKeys', '', 'The request is not JSON'],
      ['a list for an object', 'ListKeys', '[]', 'The request is not a JSON object'],
      ['a number for text', 'DescribeKey', '{"KeyId":1}', 'NUMBER_VALUE can not be converted to a String'],
      ['text for a number', 'ListKeys', '{"Limit":"9"}', 'STRING_VALUE can not be converted to an Integer'],
      [
        'an object for a list',
        'TagResource',
        '{"KeyId":"x","Tags":{}}',
        'START_OBJECT can not be converted to a List',
      ],
      ['text for a truth', 'Sign', '{"DryRun":"true"}', 'STRING_VALUE can not be converted to a Boolean'],
      [
        'bad base64',
        'Sign',
        `{"Message":"${message.slice(1)}"}`,
        "The value at 'message' is not valid base64",
      ],
      ['base64 for URLs', 'Sign', '{"Message":"-_-_"}', "The value at 'message' is not valid base64"],
    ] as const) {
      it(title, async () => {
        expect(await refusedAs(ask(operation, body))).to.deep.equal([
          400,
          { __type: 'SerializationException', message: said },
        ]);
      });
    }

    it('more than a megabyte', async () => {
      expect((await ask('ListKeys', Buffer.alloc(1024 * 1024 + 1, ' '))).status).to.equal(413);
    });
  });

  it('serves many requests at once over kept connections', async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'ECC_NIST_P256');
    const sign = (from: KMSClient): Promise<unknown> =>
      from.send(new SignCommand({ KeyId, Message: Buffer.from('m'), SigningAlgorithm: 'ECDSA_SHA_256' }));
    await running().kms.resetCounters();
    await Promise.all(Array.from({ length: 200 }, () => sign(client)));
    expect((await running().kms.counters())['Sign']).to.deep.include({
      requests: 200,
      outcomes: { ok: 200 },
    });
  });
});
