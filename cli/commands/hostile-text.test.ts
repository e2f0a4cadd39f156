/** Whatever a tenant, an agent or the coordinator says: no command lets a control of it reach a terminal, and JSON has it as it is. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toJson } from '@bufbuild/protobuf';
import { ManualClock } from '@opencrane/kit/clock.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { toConnectError } from '@opencrane/kit/grpc/status.ts';
import { AuditService } from '@opencrane/proto/opencrane/v1/audit_pb.ts';
import { ProgressSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { EventService } from '@opencrane/proto/opencrane/v1/event_pb.ts';
import { RuntimeService } from '@opencrane/proto/opencrane/v1/runtime_pb.ts';
import { TenantSchema, TenantService } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import { VaultResultSchema, VaultService } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { nameOf } from '../command.ts';
import { Output } from '../output/output.ts';
import { BootStory } from '../start/boot-story.ts';
import { type FakeServices, fakeClients, runCli } from '../testing.ts';
import { hostile, hostileMessage, hostileService } from '../testing-hostile.ts';
import { commands } from './all.ts';
import { uses } from './testing-uses.ts';

/** As many as the longest enum and the longest oneof have members, so that each is shown once. */
const TURNS = 8;

/** Commands that show no text of anybody when all goes well: only numbers, and what was typed. */
const silent: ReadonlySet<string> = new Set([
  'tenant restart',
  'runtime unpin',
  'vault snapshot',
  'vault export',
  'vault recover',
  'vault rotate-key',
  'vault delete',
]);
/** Of these, the ones whose JSON has text of others all the same. */
const silentInJson = silent.difference(new Set(['runtime unpin', 'vault snapshot']));

const folder = mkdtempSync(join(tmpdir(), 'opencrane-hostile-'));
after(() => rmSync(folder, { recursive: true }));
const script = join(folder, 'script');
const standIn = fileURLToPath(new URL('../vault/stand-in.ts', import.meta.url));

function services(turn: number): FakeServices {
  return {
    tenants: hostileService(TenantService, turn),
    config: hostileService(ConfigService, turn),
    runtimes: hostileService(RuntimeService, turn),
    audit: hostileService(AuditService, turn),
    events: hostileService(EventService, turn),
    vault: hostileService(VaultService, turn),
  };
}

/** A coordinator that refuses every call in such words. */
function refusing(): FakeServices {
  const error = toConnectError(
    new OpenCraneError('aborted', hostile, hostile, { field: `${hostile}2`, mend: hostile }),
    '',
  );
  const refuse = () => {
    throw error;
  };
  const all = (service: { readonly methods: readonly { readonly localName: string; readonly methodKind: string }[] }) =>
    Object.fromEntries(
      service.methods.map(({ localName, methodKind }) => [
        localName,
        methodKind === 'server_streaming' ? refusingStream : refuse,
      ]),
    );
  // biome-ignore lint/correctness/useYield: it fails before there is anything to yield
  async function* refusingStream(): AsyncGenerator<never> {
    throw error;
  }
  return {
    tenants: all(TenantService),
    config: all(ConfigService),
    runtimes: all(RuntimeService),
    audit: all(AuditService),
    events: all(EventService),
    vault: all(VaultService),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
const own = /\u001b\[(?:(?:1|2|22|31|32|33|36|39)m|\d+A\r\u001b\[0J)/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2066-\u2069\u{e0041}]/u;

function assertHarmless(written: string): void {
  const plain = written.replace(own, '');
  assert.doesNotMatch(plain, controls);
  assert.doesNotMatch(plain, /^FAKED/m);
}

/** Runs it as in a terminal; what it wrote, questions too. */
async function inTerminal(words: readonly string[], answers: FakeServices): Promise<string> {
  let written = '';
  const sink = { isTTY: true, columns: 200, write: (data: string | Uint8Array) => (written += data.toString()) };
  const ask = async (question: string) => {
    sink.write(question);
    return 'no';
  };
  await runCli(words, answers, { ...world, out: sink, errors: sink, ask });
  return written;
}

const edited = join(folder, 'edited');
const world = {
  environment: { EDITOR: `>${edited} cat`, PATH: process.env['PATH'], STAND_IN: script },
  folder,
  offlineVault: [process.execPath, standIn],
};

for (const command of commands) {
  const name = nameOf(command);
  if (name === 'start') continue; // it starts processes; its story is below
  const use = uses[name];
  const typed = (use?.words ?? []).filter((word) => word !== '--no-wait');
  const words = [...name.split(' '), ...typed, ...(name === 'tenant open' ? ['--print'] : [])];

  test(`${name}: in a terminal and in a pipe, whatever is answered`, async () => {
    assert.ok(use, 'a use of every command is in the table');
    let shown = false;
    for (let turn = 1; turn <= (use?.result ? 1 : TURNS); turn += 1) {
      tell({ result: use.result ?? {} });
      const written = await inTerminal(words, services(turn));
      const piped = await runCli(words, services(turn), world);
      for (const text of [written, piped.out, piped.errors]) assertHarmless(text);
      shown ||= /FAKED/.test(written);
    }
    assert.equal(shown, !silent.has(name), 'whether it shows text of others at all');
  });

  test(`${name}: when it is refused in such words`, async () => {
    tell({ error: { code: 'aborted', reason: hostile, message: hostile, field: hostile, mend: hostile } });
    const written = await inTerminal(words, refusing());
    assertHarmless(written);
    assert.match(written, /FAKED/);
    const json = await runCli([...words, '--json'], refusing(), world);
    assert.doesNotMatch(json.errors, controls);
    assert.equal(JSON.parse(json.errors).error.message, hostile);
  });

  test(`${name} --json: what was said, letter for letter`, async () => {
    let said = false;
    for (let turn = 1; turn <= (use?.result ? 1 : TURNS); turn += 1) {
      tell({ result: use?.result ?? {} });
      const { out } = await runCli([...name.split(' '), ...(use?.words ?? []), '--json'], services(turn), world);
      assert.doesNotMatch(out, controls);
      const documents = use?.documents === 'lines' ? out.trimEnd().split('\n') : [out];
      for (const document of documents.filter((each) => each.trim() !== '')) {
        said ||= JSON.stringify(JSON.parse(document)).includes(JSON.stringify(hostile).slice(1, -1));
      }
    }
    assert.equal(said, !silentInJson.has(name), 'whether it says text of others at all');
  });
}

/** With the turn in which a VaultResult is of the case that answers them. */
const offline: readonly { readonly words: readonly string[]; readonly turn: number }[] = [
  { words: ['list'], turn: 7 },
  { words: ['restore', '--into', './x'], turn: 2 },
  { words: ['verify'], turn: 3 },
  { words: ['prune'], turn: 4 },
  { words: ['diff', '1', '2'], turn: 5 },
  { words: ['export', '--output', join(folder, 'x.tar')], turn: 6 },
];
for (const { words: typed, turn } of offline) {
  test(`vault ${typed[0]} with only the bucket: what is in it is the tenant's`, async () => {
    const words = ['vault', ...typed, '--bucket', './bucket', '--key-file', 'tenant.key'];
    const progress = toJson(ProgressSchema, { ...hostileMessage(ProgressSchema, 2), error: '' });
    tell({ progress }, { result: toJson(VaultResultSchema, hostileMessage(VaultResultSchema, turn)) });
    const answered = await inTerminal(words, {});
    assertHarmless(answered);
    assert.match(answered, /FAKED/);
    assert.doesNotMatch(answered, /where .* was due/);
    writeFileSync(script, JSON.stringify({ say: [], complain: hostile, exitCode: 1, note: join(folder, 'note') }));
    const written = await inTerminal(words, {});
    assertHarmless(written);
    assert.match(written, /FAKED/);
  });
}

test('config edit: what the editor is given is no less harmless, and comes back as it was', async () => {
  await runCli(['config', 'edit', '--org'], services(1), world);
  const file = readFileSync(edited, 'utf8');
  assert.doesNotMatch(file, controls);
  assert.ok(JSON.stringify(JSON.parse(file)).includes(JSON.stringify(hostile).slice(1, -1)));
});

test('what cannot be taken back is asked for in a line of ours', async () => {
  const written = await inTerminal(['tenant', 'delete', `jente${hostile}`], services(1));
  assertHarmless(written);
  assert.match(written, /Type its name/);
});

for (const tty of [true, false]) {
  test(`the story of a start, ${tty ? 'in a terminal' : 'in a pipe'}`, async () => {
    for (let turn = 1; turn <= TURNS; turn += 1) {
      let written = '';
      const sink = { isTTY: tty, columns: 200, write: (data: string | Uint8Array) => (written += data.toString()) };
      const output = new Output({ json: false, out: sink, errors: sink, colours: tty });
      const story = new BootStory(fakeClients(services(turn)), output, new ManualClock(), 0);
      const tenant = hostileMessage(TenantSchema, turn);
      for (let each = 0; each < 3; each += 1) story.progress(tenant.name, hostileMessage(ProgressSchema, turn + each));
      await story.changed(tenant, undefined);
      await story.changed(hostileMessage(TenantSchema, turn + 1), tenant);
      story.deleted(tenant.name);
      story.close();
      assertHarmless(written);
      assert.match(written, /FAKED/);
    }
  });
}

function tell(...say: readonly object[]): void {
  writeFileSync(script, JSON.stringify({ say: say.map((each) => JSON.stringify(each)), note: join(folder, 'note') }));
}
