import { runAsScript } from '../command.mjs';

/** When the module at `url` was started by hand: prints what its check finds, one line each, and fails if there is any. */
export async function reportFindings(url, check) {
  await runAsScript(url, () => {
    const findings = check();
    for (const finding of findings) console.log(finding);
    if (findings.length > 0) process.exitCode = 1;
  });
}
