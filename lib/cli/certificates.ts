import type { Command } from './command.ts';
import { renewCommand } from './certificates/renew.ts';
import { requestCommand } from './certificates/request.ts';
import { selfSignedCommand } from './certificates/self-signed.ts';
import { showCommand } from './certificates/show.ts';
import { runSubcommand } from './subcommand.ts';

const about = `Certificates for keys that stay in AWS KMS. KMS signs each request and certificate: no private key is
on this machine. Region and credentials are found as the AWS SDK finds them.`;

export const certificatesCommand: Command = {
  name: 'certificates',
  summary: 'request, renew and show certificates of keys in AWS KMS',
  run: (args) =>
    runSubcommand(
      'certificates',
      about,
      [requestCommand, selfSignedCommand, renewCommand, showCommand],
      args,
    ),
};
