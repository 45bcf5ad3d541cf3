import { expect } from 'chai';
import { configVariable, settingVariables } from '../../lib/register/settings.ts';
import { quotedIn, tableOf } from './page-tables.ts';

describe('docs/register.md', () => {
  it('has a row for each setting, with its variable and its entry in the file, and no other row', () => {
    const rows = tableOf('register.md', 'Settings').map(([variable = '', entry = '']) => [
      ...quotedIn(variable),
      ...quotedIn(entry),
    ]);
    const settings = [...settingVariables].map(([entry, variable]) => [variable, entry]);
    expect(settings).to.have.length.above(5);
    expect(rows).to.have.deep.members([...settings, [configVariable]]);
  });
});
