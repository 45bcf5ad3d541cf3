// `npm run chaos`: a server under load whose KMS has one bad day after the other, and then a verdict on whether every handshake is
// accounted for and nothing is left over. The bad days are in weather.mjs, the criterion in verdict.mjs.
import { runAsScript, say } from '../command.mjs';
import { runEndurance } from '../harness/endurance-run.mjs';

const chaos = {
  name: 'chaos',
  usage: `  --seconds N      how long the bad weather lasts, all kinds of it (60)
  --rate N         handshakes begun a second (60)`,
  numbers: {
    seconds: { initial: 60, lowest: 1, highest: 24 * 60 * 60 },
    rate: { initial: 60, lowest: 1, highest: 1000 },
  },
  faults: ['descriptors', 'accounting', 'codes'],
  async run(options, { folder, stopped }) {
    // Not before now: these import dist/, which the build may just have made.
    const { runChaos } = await import('./run.mjs');
    const { accountText, verdict } = await import('./verdict.mjs');
    const result = await runChaos({ ...options, folder, stopped, say });
    return { summary: accountText(result), checks: verdict(result) };
  },
};

await runAsScript(import.meta.url, (args) => runEndurance(args, chaos));
