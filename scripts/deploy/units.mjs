// The systemd units, the task of ECS, and Terraform's text: by the tools that know their formats.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { goTool } from './tools.mjs';

const units = inCheckout('deploy', 'systemd');

/** systemd's own measure of what a service may do: 10 is everything. */
const highestExposure = 3.0;

export async function checkUnits() {
  const names = readdirSync(units).filter((name) => /\.(service|socket)$/.test(name));
  // An unknown setting is only a line on standard error: any line is a finding. Where the program is not installed is none.
  const verified = await run('systemd-analyze', ['verify', ...names.map((name) => join(units, name))]);
  if (verified.missing)
    throw new Refusal('systemd-analyze is missing: install it with `apt-get install systemd`.');
  const lines = verified.output.split('\n').filter((line) => line.trim() !== '' && !isAboutThisMachine(line));
  if (lines.length > 0) throw new Refusal(`systemd-analyze verify says:\n${lines.join('\n')}`);
  for (const name of names.filter((each) => each.endsWith('.service'))) {
    const { output } = await run('systemd-analyze', [
      'security',
      '--offline=true',
      '--no-pager',
      join(units, name),
    ]);
    const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(output)?.[1]);
    if (!(exposure < highestExposure))
      throw new Refusal(`${name} has an exposure of ${exposure}; expected below ${highestExposure}.`);
    say(`${name}: verified, exposure ${exposure} (below ${highestExposure}).`);
  }
}

/** The programs of the units are installed where the units are, not here. */
function isAboutThisMachine(line) {
  return /Command \S+ is not executable: No such file or directory/.test(line);
}

export async function checkTaskDefinition() {
  const file = inCheckout('deploy', 'ecs', 'task-definition.json');
  // It validates its input against the description of the API, and asks nobody.
  const args = ['ecs', 'register-task-definition', '--cli-input-json', `file://${file}`];
  const { ok, output, missing } = await run('aws', [...args, '--generate-cli-skeleton', 'output'], {
    env: { ...process.env, AWS_DEFAULT_REGION: 'eu-central-1' },
  });
  if (missing) throw new Refusal('aws is missing: install it with `pip install awscli`.');
  if (!ok) throw new Refusal(`${file} is refused:\n${lastLines(output)}`);
  say('ECS task definition: accepted by the AWS command line.');
}

/** Its syntax, and that each name it refers to is declared. Whether AWS takes it, `terraform plan` says. */
export async function checkTerraform() {
  const folder = inCheckout('deploy', 'terraform');
  const files = readdirSync(folder).filter((name) => name.endsWith('.tf'));
  const paths = files.map((name) => join(folder, name));
  const syntax = await run(await goTool('hclfmt'), ['-check', ...paths]);
  if (!syntax.ok) throw new Refusal(`deploy/terraform cannot be read:\n${lastLines(syntax.output)}`);
  const text = paths.map((path) => readFileSync(path, 'utf8')).join('\n');
  const declared = new Set(
    [...text.matchAll(/^(resource|data|variable) "(\w+)"(?: "(\w+)")?/gm)].map(([, block, first, second]) =>
      block === 'variable' ? `var.${first}` : `${block === 'data' ? 'data.' : ''}${first}.${second}`,
    ),
  );
  const referred = new Set(
    [...text.matchAll(/(?<![\w."])(var\.\w+|(?:data\.)?aws_\w+\.\w+)/g)].map(([, name]) => name),
  );
  const unknown = [...referred].filter((name) => !declared.has(name));
  if (unknown.length > 0)
    throw new Refusal(`deploy/terraform refers to what it does not declare: ${unknown.join(', ')}`);
  const unused = [...declared].filter((name) => name.startsWith('var.') && !referred.has(name));
  if (unused.length > 0)
    throw new Refusal(`deploy/terraform declares what it does not use: ${unused.join(', ')}`);
  say(`Terraform: ${declared.size} blocks, each reference declared.`);
}
