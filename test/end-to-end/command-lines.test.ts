/** Every command line that help, README, docs or a runbook shows is run, against one local installation. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { shownLines, withoutRemark } from '@opencrane/cli/commands/testing-lines.ts';
import { DocumentedInstallation } from '../fixtures/documented-installation.ts';
import { processesOf } from '../fixtures/processes.ts';
import { versions } from '../fixtures/runtime-seed.ts';

/** Lines that are not run here, each with the reason. */
const notRun: Readonly<Record<string, string>> = {
  'opencrane runtime build': 'asks the npm registry for the latest version; runtime-builder.test.ts does it',
};

/** They end with 1 when what they compare differs, as `diff` does; what they compare here does. */
const differing = /^opencrane vault diff|^opencrane config diff .*--from/;

/** `before` is done once, before the first of its lines. */
type Stage = { readonly takes: RegExp; readonly before?: () => Promise<unknown> };

/** What runs after what; a line goes to the first stage that takes it. */
const stages: readonly Stage[] = [
  { takes: /tenant create mees$/ },
  { takes: /tenant create mees --team research$/, before: () => installation.gone('mees') },
  { takes: /config set/ },
  { takes: /config get/ },
  { takes: /config (unset|edit)/ },
  { takes: /runtime (un)?pin .*--org/ },
  { takes: /runtime pin 2026\.9\.5 --tenant jente --reason/ },
  { takes: /runtime pin .*--restore-kept-state/, before: () => installation.pin(versions.current) },
  { takes: /runtime unpin/ },
  { takes: /tenant shell jente -- openclaw update/ },
  { takes: /^(?!.*(vault .*--bucket gs|vault .*--bucket \.\/|tenant (create|delete)|opencrane start))/ },
  { takes: /tenant delete mees$/ },
  { takes: /tenant create mees .*--retention/ },
  { takes: /tenant delete mees --yes/ },
  { takes: /opencrane start --home/, before: () => stopped() },
  { takes: /vault .*--bucket/ },
];

let installation: DocumentedInstallation;
const begin = 'opencrane start';
const plain = new Map(shownLines().map(({ where, line }) => [withoutRemark(line).replace(/^npx /, ''), where]));

before(async () => {
  installation = await DocumentedInstallation.make();
  await installation.start(begin);
});

after(async () => {
  await installation.stop();
  assert.deepEqual(processesOf(installation.folder), [], 'nothing runs any more');
  await installation.remove();
});

test('every line is run or has a reason, and every reason a line', () => {
  assert.ok(plain.size > 80, `${plain.size} lines`);
  assert.ok(plain.has(begin));
  for (const line of Object.keys(notRun)) assert.ok(plain.has(line), `${line} is in no document any more`);
  const lost = [...plain.keys()].filter((line) => line !== begin && !(line in notRun) && stageOf(line) === undefined);
  assert.deepEqual(lost, []);
});

for (const stage of stages) {
  const taken = [...plain].filter(([line]) => line !== begin && !(line in notRun) && stageOf(line) === stage);
  for (const [at, [line, where]] of taken.entries()) {
    test(`${where}: ${line}`, async () => {
      if (at === 0) await stage.before?.();
      const { exitCode, out, errors } = await installation.run(line);
      assert.equal(exitCode, differing.test(line) ? 1 : 0, `${out}\n${errors}`);
      assert.doesNotMatch(errors, /error:/);
    });
  }
}

function stageOf(line: string): Stage | undefined {
  return stages.find(({ takes }) => takes.test(line));
}

async function stopped(): Promise<void> {
  const ended = await installation.stop();
  assert.equal(ended?.exitCode, 0, ended?.out);
}
