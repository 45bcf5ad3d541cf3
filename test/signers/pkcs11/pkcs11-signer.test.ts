import { createHash } from 'node:crypto';
import pkcs11js from 'pkcs11js';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../../lib/index.ts';
import { signerConformance } from '../../../lib/signers/conformance/signer-conformance.ts';
import { LoginGate } from '../../../lib/signers/pkcs11/login-gate.ts';
import {
  Pkcs11Error,
  Pkcs11Signer,
  type Pkcs11SignerOptions,
} from '../../../lib/signers/pkcs11/pkcs11-signer.ts';
import { publicKeyOf } from '../../../lib/signers/pkcs11/token-public-key.ts';
import type { PrivateKeyOperation } from '../../../lib/signers/signer.ts';
import { keyNames, keyPair } from '../key-pairs.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { everythingSeen } from '../../fixtures/everything-seen.ts';
import { needs, softHsmModule } from '../../fixtures/needs.ts';
import { pin, SoftHsm } from './soft-hsm.ts';

const message = Buffer.from('what a handshake hashes');
const asked: PrivateKeyOperation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update(message).digest(),
  inputKind: 'digest',
};

describe('Pkcs11Signer', () => {
  needs('softhsm2');
  const module = softHsmModule;
  const opened: Pkcs11Signer[] = [];
  let hsm: SoftHsm;
  let made: SoftHsm | undefined;

  before(function () {
    this.timeout(120_000);
    hsm = made = new SoftHsm();
    for (const name of keyNames) hsm.import(name);
  });
  afterEach(() => {
    for (const signer of opened.splice(0)) signer.close();
  });
  after(() => made?.remove());

  async function open(options: Partial<Pkcs11SignerOptions> = {}): Promise<Pkcs11Signer> {
    const signer = await Pkcs11Signer.open({
      ...{ module, pin, tokenLabel: hsm.label, timeout: 60_000 },
      ...(options.id === undefined ? { label: 'P-256' } : {}),
      ...options,
    });
    opened.push(signer);
    return signer;
  }

  for (const name of keyNames) {
    describe(`does what a Signer must, with ${name} in SoftHSM`, () => {
      const checks = signerConformance({ open: () => open({ label: name }), patience: 60_000 });
      for (const check of checks) it(check.name, check.run).timeout(120_000);
    });
  }

  describe('finds its key', () => {
    it('by label, by id, by both; the public half is what was put in', async () => {
      const { label, id } = hsm.import('P-384', 'by any name');
      for (const place of [{ label }, { id }, { id: Buffer.from(id, 'hex'), label }]) {
        const signer = await open(place);
        expect(signer.publicKey.equals(keyPair('P-384').publicKey)).to.equal(true);
      }
    });

    it('in the one token that is initialized, when none is named', async () => {
      opened.push(await Pkcs11Signer.open({ module, pin, label: 'P-256' }));
      expect(opened[0]?.publicKey.equals(keyPair('P-256').publicKey)).to.equal(true);
    });

    it('with a PIN from the environment, or from a function', async () => {
      process.env['S2N_PKEY_PKCS11_PIN'] = pin;
      try {
        opened.push(await Pkcs11Signer.open({ module, tokenLabel: hsm.label, label: 'P-256' }));
      } finally {
        delete process.env['S2N_PKEY_PKCS11_PIN'];
      }
      expect(await open({ pin: () => Promise.resolve(pin) })).to.be.instanceOf(Pkcs11Signer);
    });
  });

  it('opens a new session when its own is lost, and signs', async () => {
    const signer = await open({ sessions: 2 });
    await Promise.all([signer.sign(asked), signer.sign(asked)]);
    closeAllSessions(module);
    for (let count = 0; count < 4; count++) {
      const signature = await signer.sign(asked);
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
    }
  });

  describe('with a key that wants the PIN for each signature', () => {
    const label = 'each time';
    before(() => {
      makeKeyOfEachLogin(module, label);
    });

    it('gives it, for many at once too, and after the session was lost', async () => {
      const signer = await open({ label, sessions: 3 });
      const all = await Promise.all(Array.from({ length: 30 }, () => signer.sign(asked)));
      closeAllSessions(module);
      for (const signature of [...all, await signer.sign(asked), await signer.sign(asked)]) {
        expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
      }
    });

    it('refuses it when it is opened without a PIN', async () => {
      const loggedIn = await open(); // The process is, and so sees the key without the PIN.
      await loggedIn.sign(asked);
      const error = await rejectionOf(
        Pkcs11Signer.open({ module, tokenLabel: hsm.label, label, timeout: 60_000 }),
      );
      expect(error).to.be.instanceOf(Pkcs11Error).and.include({ code: 'ERR_S2N_PKEY_PKCS11_PIN' });
      expect(error).to.have.property('message').that.includes('CKA_ALWAYS_AUTHENTICATE');
    });

    it('does not give twice a PIN that was changed meanwhile', async () => {
      const signer = await open({ label, sessions: 4 });
      await Promise.all(Array.from({ length: 8 }, () => signer.sign(asked)));
      changePin(module, pin, '55555555');
      try {
        const all = await Promise.all(Array.from({ length: 8 }, () => rejectionOf(signer.sign(asked))));
        for (const error of all) expect(error).to.include({ code: 'ERR_S2N_PKEY_PKCS11_PIN' });
      } finally {
        changePin(module, '55555555', pin);
      }
      expect(await rejectionOf(signer.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_PKCS11_PIN' });
      const later = await (await open({ label })).sign(asked);
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, later)).to.equal(true);
    });
  });

  it('signs many at once with few sessions', async () => {
    const signer = await open({ sessions: 3 });
    const signatures = await Promise.all(Array.from({ length: 200 }, () => signer.sign(asked)));
    for (const signature of signatures) {
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
    }
  });

  describe('says what is wrong', () => {
    it('with the module', async () => {
      const error = await rejectionOf(open({ module: '/nowhere/lib.so' }));
      expect(error).to.be.instanceOf(Pkcs11Error).and.include({ code: 'ERR_S2N_PKEY_PKCS11_MODULE' });
      expect(error).to.have.property('message').that.includes('/nowhere/lib.so');
    });

    it('with the token', async () => {
      const error = await rejectionOf(open({ tokenLabel: 'another' }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_PKCS11_TOKEN' });
      expect(error).to.have.property('message').that.includes(`'${hsm.label}'`);
    });

    it('with the key', async () => {
      const none = await rejectionOf(open({ label: 'nobody' }));
      expect(none).to.include({ code: 'ERR_S2N_PKEY_PKCS11_KEY' });
      expect(none).to.have.property('message').that.includes("the label 'nobody'");
      hsm.import('P-256', 'twice');
      hsm.import('P-521', 'twice');
      const several = await rejectionOf(open({ label: 'twice' }));
      expect(several)
        .to.have.property('message')
        .that.includes('2 private keys')
        .and.includes('label and id');
    });

    it('with the PIN, by the name of what the module returned', async () => {
      closeAllSessions(module); // A process that is logged in is not asked for the PIN.
      const error = await rejectionOf(open({ pin: '11111111' }));
      expect(error).to.be.instanceOf(Pkcs11Error).and.include({
        code: 'ERR_S2N_PKEY_PKCS11_PIN',
        returned: 'CKR_PIN_INCORRECT',
        operation: 'C_Login',
      });
    });

    it('with a PIN that was changed meanwhile, and does not try the old one twice: tokens lock', async () => {
      const signer = await open({ sessions: 4 });
      await Promise.all(Array.from({ length: 8 }, () => signer.sign(asked)));
      changePin(module, pin, '55555555');
      closeAllSessions(module);
      const all = await Promise.all(Array.from({ length: 8 }, () => rejectionOf(signer.sign(asked))));
      for (const error of all) {
        expect(error).to.include({ code: 'ERR_S2N_PKEY_PKCS11_PIN', returned: 'CKR_PIN_INCORRECT' });
      }
      changePin(module, '55555555', pin);
      closeAllSessions(module);
      // With another attempt it would sign now.
      expect(await rejectionOf(signer.sign(asked))).to.include({ code: 'ERR_S2N_PKEY_PKCS11_PIN' });
      const signature = await (await open()).sign(asked);
      expect(verifiesUnder(asked.scheme, message, signer.publicKey, signature)).to.equal(true);
    });

    it('without the PIN in any error, metric, report or line of the log', async () => {
      const signer = await open();
      const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
      changePin(module, pin, '55555555');
      closeAllSessions(module);
      try {
        const text = await everythingSeen(signer, cert);
        expect(text).to.include('ERR_S2N_PKEY_PKCS11_PIN');
        for (const secret of [pin, Buffer.from(pin).toString('base64'), Buffer.from(pin).toString('hex')])
          expect(text).not.to.include(secret);
      } finally {
        changePin(module, '55555555', pin);
        closeAllSessions(module);
      }
    });

    it('with the options, by name', async () => {
      for (const [option, options] of [
        ['module', { module: '' }],
        ['slot', { slot: 1 }],
        ['id', { id: 'xyz' }],
        ['pin', { pin: 7 }],
        ['sessions', { sessions: 0 }],
        ['timeout', { timeout: -1 }],
        ['label', { label: undefined }],
        ['publicKey', { publicKey: 'no PEM' }],
      ] as const) {
        const error = await rejectionOf(open(options as unknown as Partial<Pkcs11SignerOptions>));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
      }
    });
  });
});

describe('the public key of a token', () => {
  const p256 = Buffer.from('06082a8648ce3d030107', 'hex');
  const { publicKey } = keyPair('P-256');
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);

  it('is read from a point in an OCTET STRING, and from one that is bare', () => {
    for (const value of [point, Buffer.concat([Buffer.of(4, 65), point])]) {
      expect(publicKeyOf({ type: 'ec', params: p256, point: value }).equals(publicKey)).to.equal(true);
    }
  });

  it('must be passed if the token does not have it, and is refused on a curve that TLS does not use', () => {
    expect(() => publicKeyOf({ type: 'ec', params: p256, point: undefined })).to.throw('give publicKey');
    const secp256k1 = Buffer.from('06052b8104000a', 'hex');
    expect(() => publicKeyOf({ type: 'ec', params: secp256k1, point })).to.throw(
      'an EC key on P-256, P-384 or P-521',
    );
  });
});

/** As another part of this process may do at any time. */
function closeAllSessions(path: string): void {
  const { PKCS11 } = pkcs11js;
  const other = new PKCS11();
  other.load(path);
  // The module goes with the last signer: then there is no session.
  ignoring('CKR_CRYPTOKI_NOT_INITIALIZED', () => {
    for (const slot of other.C_GetSlotList(true)) other.C_CloseAllSessions(slot);
  });
}

/** Makes a P-256 key pair whose private key has CKA_ALWAYS_AUTHENTICATE. */
function makeKeyOfEachLogin(path: string, label: string): void {
  const library = pkcs11js;
  const token = new library.PKCS11();
  token.load(path);
  ignoring('CKR_CRYPTOKI_ALREADY_INITIALIZED', () => {
    token.C_Initialize({ flags: library.CKF_OS_LOCKING_OK });
  });
  const slot = token
    .C_GetSlotList(true)
    .find((one) => (token.C_GetTokenInfo(one).flags & library.CKF_TOKEN_INITIALIZED) !== 0);
  if (slot === undefined) throw new Error('there is no token');
  const session = token.C_OpenSession(slot, library.CKF_SERIAL_SESSION | library.CKF_RW_SESSION);
  ignoring('CKR_USER_ALREADY_LOGGED_IN', () => {
    token.C_Login(session, library.CKU_USER, pin);
  });
  const both = [
    { type: library.CKA_TOKEN, value: true },
    { type: library.CKA_LABEL, value: label },
  ];
  const p256 = Buffer.from('06082a8648ce3d030107', 'hex');
  token.C_GenerateKeyPair(
    session,
    { mechanism: library.CKM_EC_KEY_PAIR_GEN },
    [...both, { type: library.CKA_VERIFY, value: true }, { type: library.CKA_EC_PARAMS, value: p256 }],
    [
      ...both,
      ...[library.CKA_PRIVATE, library.CKA_SENSITIVE, library.CKA_SIGN, library.CKA_ALWAYS_AUTHENTICATE].map(
        (type) => ({ type, value: true }),
      ),
    ],
  );
  token.C_CloseSession(session);
}

function ignoring(returned: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!String(error).includes(returned)) throw error;
  }
}

/** Changes the user's PIN of the one token that has it. */
function changePin(path: string, from: string, to: string): void {
  const { PKCS11, CKF_SERIAL_SESSION, CKF_RW_SESSION } = pkcs11js;
  const other = new PKCS11();
  other.load(path);
  const [slot] = other.C_GetSlotList(true);
  if (slot === undefined) throw new Error('there is no token');
  const session = other.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION);
  other.C_SetPIN(session, from, to);
  other.C_CloseSession(session);
}

describe('LoginGate', () => {
  it('lets one login after another through, and none after one that was refused', () => {
    const memory = LoginGate.memory();
    const asked: string[] = [];
    const gates = [new LoginGate(memory), new LoginGate(memory)]; // As in two threads.
    const login = (name: string, taken: boolean) => () => {
      asked.push(name);
      return taken;
    };
    const passed = [
      gates[0]?.pass(login('right', true)),
      gates[1]?.pass(login('wrong', false)),
      gates[0]?.pass(login('never', true)),
      gates[1]?.pass(login('never', true)),
    ];
    expect(passed).to.deep.equal([true, true, false, false]);
    expect(asked).to.deep.equal(['right', 'wrong']);
  });
});
