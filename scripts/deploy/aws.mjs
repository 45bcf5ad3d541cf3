// The task of ECS, and Terraform's text: by the tools that know their formats.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { goTool } from './tools.mjs';

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
