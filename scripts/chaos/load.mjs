// Handshakes at an even rate, whatever becomes of those before: a third goes away in the middle of it.
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HUNG, Tally } from '../harness/accounts.mjs';

const patience = 30_000; // for one handshake

/** Of all clients. Some have their answer, or are refused, before they would leave: so a third of all leaves. */
const leaving = 0.55;

/** The client went on purpose. */
export const LEFT = 'LEFT';

export class Load {
  #host;
  #port;
  #running = new Set();
  begun = 0;
  outcomes = new Tally();

  constructor(host, port) {
    this.#host = host;
    this.#port = port;
  }

  /** Begins `rate` handshakes a second until `end()` says so. Returns the function that stops it. */
  start(rate) {
    const began = performance.now();
    let count = 0;
    const timer = setInterval(() => {
      const due = ((performance.now() - began) * rate) / 1000;
      while (count < due) {
        count++;
        this.begin(Math.random() < leaving);
      }
    }, 5);
    return () => clearInterval(timer);
  }

  /** One handshake; resolves to its outcome: 'completed', 'LEFT', or the code of what the client was told. */
  begin(leaves = false) {
    const running = this.#handshake(leaves).then((outcome) => {
      this.outcomes.add(outcome);
      this.#running.delete(running);
      return outcome;
    });
    this.#running.add(running);
    return running;
  }

  async rest() {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #handshake(leaves) {
    return new Promise((resolve) => {
      const tcp = connectTcp({ port: this.#port, host: this.#host, noDelay: true });
      let tls;
      const end = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
        tls?.destroy();
        tcp.destroy();
      };
      const timer = setTimeout(end, patience, HUNG);
      tcp.on('error', (error) => end(error.code));
      tcp.once('connect', () => {
        this.begun++;
        const maxVersion = Math.random() < 0.3 ? 'TLSv1.2' : 'TLSv1.3';
        tls = connectTls({ socket: tcp, servername: 'localhost', rejectUnauthorized: false, maxVersion });
        let text = '';
        tls.on('data', (data) => (text += data));
        tls.on('end', () => end(text === 'served' ? 'completed' : 'CUT_SHORT'));
        tls.on('error', (error) => end(error.code ?? error.name));
        tls.on('close', () => end('CLOSED'));
        if (!leaves) return;
        setTimeout(
          () => {
            tcp.resetAndDestroy();
            end(LEFT);
          },
          Math.random() * (Math.random() < 0.7 ? 5 : 300),
        ); // Most before there can be a signature.
      });
    });
  }
}
