/**
 * Hides from the AWS SDK whatever this machine's user has configured, for the tests of the `describe` it is called in: no
 * profile, credential, Region, endpoint or proxy of theirs is used, and no metadata service is asked. Each test starts with none.
 */
export function withoutAwsConfiguration(): void {
  let kept: [string, string | undefined][] = [];
  const clear = (): void => {
    for (const name of Object.keys(process.env)) if (hides(name)) delete process.env[name];
  };
  beforeEach(() => {
    kept = Object.entries(process.env).filter(([name]) => hides(name));
    clear();
    process.env['AWS_CONFIG_FILE'] = '/nonexistent/aws-config';
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = '/nonexistent/aws-credentials';
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  });
  afterEach(() => {
    clear();
    for (const [name, value] of kept) process.env[name] = value;
  });
}

function hides(name: string): boolean {
  return name.startsWith('AWS_') || /^(https?|no)_proxy$/i.test(name);
}
