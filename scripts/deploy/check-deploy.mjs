// `npm run check:deploy`: holds what is in deploy/ by the tools that know each format, and runs the images. As root, for buildah.
//
//   --only chart   one of chart, task, terraform, images; may be repeated
import { parseArgs } from 'node:util';
import { Refusal, runAsScript, say } from '../command.mjs';
import { setUp } from '../build/setup.mjs';
import { checkChart } from './chart.mjs';
import { checkTaskDefinition, checkTerraform } from './aws.mjs';

const checks = {
  chart: checkChart,
  task: checkTaskDefinition,
  terraform: checkTerraform,
  // They use the package's own build, which may not be there before.
  images: async () => {
    // Here the SDK runs under the Node that builds; the images have their own.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    return (await import('./images.mjs')).checkImages();
  },
};

async function checkDeploy(args) {
  const { values } = parseArgs({ args, options: { only: { type: 'string', multiple: true } } });
  const names = values.only ?? Object.keys(checks);
  const unknown = names.filter((name) => !(name in checks));
  if (unknown.length > 0)
    throw new Refusal(`--only takes ${Object.keys(checks).join(', ')}; given ${unknown.join(', ')}.`);
  if (names.includes('images')) await setUp();
  for (const name of names) await checks[name]();
  say(`deploy: ${names.join(', ')} checked.`);
}

await runAsScript(import.meta.url, checkDeploy);
