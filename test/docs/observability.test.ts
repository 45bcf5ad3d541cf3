import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';
import { channelNames } from '../../lib/observe/channels/channels.ts';
import { clusterWorkers, eventMetrics, prometheusName, stateMetrics } from '../../lib/observe/metrics.ts';
import { quotedIn, sectionOf, sourceText, tableOf } from './page-tables.ts';

const declared = (file: string): ts.SourceFile => {
  const path = fileURLToPath(new URL(`../../lib/${file}`, import.meta.url));
  return ts.createSourceFile(file, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
};

/** The fields that an interface declares, without those of the interfaces that it extends. */
function fieldsOf(files: readonly string[], name: string): string[] {
  for (const statement of files.flatMap((file) => [...declared(file).statements])) {
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === name) {
      return statement.members.map((member) => member.name?.getText() ?? '');
    }
  }
  throw new Error(`no interface ${name} is declared in lib: ${files.join(', ')}`);
}

describe('docs/observability.md', () => {
  /** Channels, and the interface whose own fields each message adds. */
  const messages: Record<string, string> = {
    [channelNames.handshakeStart]: 'HandshakeStartMessage',
    [channelNames.handshakeEnd]: 'HandshakeEndMessage',
    [channelNames.signatureStart]: 'SignatureStartMessage',
    [channelNames.signatureEnd]: 'SignatureEndMessage',
    [channelNames.kmsAttempt]: 'KmsAttemptMessage',
    [channelNames.drainStart]: 'DrainStartMessage',
    [channelNames.drainEnd]: 'DrainEndMessage',
    [channelNames.certificate]: 'CertificateMessage',
    [channelNames.breaker]: 'BreakerMessage',
    [channelNames.accept]: 'AcceptMessage',
  };
  const rows = tableOf('observability.md', 'Channels');

  it('lists each channel, and no other', () => {
    expect(rows.map(([name = '']) => quotedIn(name)[0])).to.have.members(Object.values(channelNames));
    expect(Object.keys(messages)).to.have.members(Object.values(channelNames));
  });

  for (const [channel, message] of Object.entries(messages)) {
    it(`lists the fields of ${channel}, and no other`, () => {
      const fields = rows.find(([name = '']) => name.includes(`\`${channel}\``))?.[2] ?? '';
      expect(quotedIn(fields)).to.have.members(
        fieldsOf(
          ['observe/channels/handshake-messages.ts', 'observe/channels/operation-messages.ts'],
          message,
        ),
      );
    });
  }

  it('lists each metric with its kind and its labels, and no other', () => {
    const metrics = [...Object.values({ ...eventMetrics, ...stateMetrics }), clusterWorkers].map((metric) => [
      prometheusName(metric),
      metric.kind,
      ...metric.labels,
    ]);
    const listed = tableOf('observability.md', 'Metrics').map(([name = '', kind = '', labels = '']) => [
      ...quotedIn(name),
      kind,
      ...quotedIn(labels),
    ]);
    expect(listed).to.have.deep.members(metrics);
  });

  it('lists the values of `state` and `kind` that the engine reports', () => {
    const source = sourceText('observe/state.ts');
    const valuesOf = (metric: string): string[] =>
      [...source.matchAll(new RegExp(`value\\(${metric}, [^,]+, '(\\w+)'\\)`, 'g'))].map(
        ([, value = '']) => value,
      );
    const text = sectionOf('observability.md', 'Labels');
    const listedOf = (label: string): string[] =>
      quotedIn(new RegExp(`^- \`${label}\`: (.*(?:\\n  .*)*)`, 'm').exec(text)?.[1] ?? '');
    expect(valuesOf('connections')).to.have.length.above(3);
    expect(listedOf('state')).to.have.members(valuesOf('connections'));
    expect(listedOf('kind')).to.have.members(valuesOf('arena'));
  });

  it('lists each label of a metric', () => {
    const labels = new Set(
      Object.values({ ...eventMetrics, ...stateMetrics }).flatMap(({ labels: all }) => all),
    );
    const text = sectionOf('observability.md', 'Labels');
    const listed = [...text.matchAll(/^- ((?:`\w+`(?:, )?)+):/gm)].flatMap(([, names = '']) =>
      quotedIn(names),
    );
    expect(listed).to.have.members([...labels]);
  });
});

describe('docs/api/opentelemetry.md', () => {
  it('lists the attributes of each span, and no other', () => {
    const text = sectionOf('api/opentelemetry.md', 'Spans');
    const source = sourceText('observe/spans.ts');
    const set = [...source.matchAll(/'((?:[a-z0-9_]+\.)+[a-z0-9_]+)'/g)].map(([, name = '']) => name);
    expect(set).to.have.length.above(15);
    const listed = quotedIn(text).filter((name) => /^[a-z0-9_]+(\.[a-z0-9_]+)+$/.test(name));
    expect(new Set(listed)).to.deep.equal(new Set(set));
  });
});

describe('docs/api/diagnostics.md', () => {
  it('lists each figure that diagnostics() returns, and no other', () => {
    const fields = fieldsOf(['native/binding.ts'], 'EngineDiagnostics');
    const list = sectionOf('api/diagnostics.md', 'diagnostics()').split('- Returns: {object}')[1] ?? '';
    const listed = [...list.matchAll(/^ {2}- ((?:`\w+`(?:, )?)+)/gm)].flatMap(([, names = '']) =>
      quotedIn(names),
    );
    expect(fields).to.have.length.above(8);
    expect(listed).to.have.members(fields);
  });
});
