/** OpenClaw's own commands: exit codes and what is read of what they print. They run beside a gateway that serves. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { versions } from '../fixtures/runtime-seed.ts';
import type { Subject } from './subject.ts';

/** A behaviour of a command. */
export type CommandBehaviour = { readonly reason: string; readonly holds: (subject: Subject) => Promise<void> };

let candidates = 0;

/** `config validate` of a document or a text. */
async function verdictOn(subject: Subject, content: object | string) {
  candidates += 1;
  const file = join(subject.folders.tmp, `candidate-${candidates}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  const environment = { OPENCLAW_CONFIG_PATH: file };
  const { code, stdout } = await subject.command(['config', 'validate', '--json'], { environment });
  const { valid, path, issues } = JSON.parse(stdout);
  assert.equal(path, file);
  return { code, valid, issues };
}

const issue = (path: string, message: string) => ({ path, message });

export const commandBehaviours: readonly CommandBehaviour[] = [
  {
    reason: '--version prints the version',
    async holds(subject) {
      const { code, stdout } = await subject.command(['--version']);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^OpenClaw ${versions.current.replaceAll('.', '\\.')} \\(.+\\)\n$`));
    },
  },
  {
    reason: 'a command that it does not know ends with 1 and names it on the standard error',
    async holds(subject) {
      const { code, stdout, stderr } = await subject.command(['no-such-command']);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^OpenClaw does not know the command "no-such-command"\./);
    },
  },
  {
    reason: 'config validate: a document that is right ends with 0',
    async holds(subject) {
      const agents = { defaults: { thinkingDefault: 'low' } };
      const verdict = await verdictOn(subject, subject.configuration({ agents, env: { vars: { BUILD: '007' } } }));
      assert.deepEqual(verdict, { code: 0, valid: true, issues: undefined });
    },
  },
  {
    reason: 'config validate: everything that is wrong is told, with 1; the root is called <root>',
    async holds(subject) {
      const { code, valid, issues } = await verdictOn(subject, {
        ...subject.configuration({ noSuchSection: {} }),
        agents: { defaults: { timeoutSeconds: 'soon', noSuchKey: 1 } },
      });
      assert.deepEqual([code, valid], [1, false]);
      assert.deepEqual(issues, [
        issue('agents.defaults.timeoutSeconds', 'Invalid input: expected number, received string'),
        issue('agents.defaults', 'Unrecognized key: "noSuchKey"'),
        issue('<root>', 'Unrecognized key: "noSuchSection"'),
      ]);
    },
  },
  {
    reason: 'config validate: a certificate that is not there is no matter of the document',
    async holds(subject) {
      const tls = { enabled: true, autoGenerate: false, certPath: '/nowhere/cert.pem', keyPath: '/nowhere/key.pem' };
      const { gateway } = subject.configuration() as { gateway: object };
      const verdict = await verdictOn(subject, { ...subject.configuration(), gateway: { ...gateway, tls } });
      assert.equal(verdict.valid, true);
    },
  },
  {
    reason: 'config validate: what is no JSON5 is told with the place',
    async holds(subject) {
      const { code, issues } = await verdictOn(subject, '{ this is not');
      const words = "JSON5 parse failed: SyntaxError: JSON5: invalid character 'i' at 1:8";
      assert.deepEqual([code, issues], [1, [issue('<root>', words)]]);
    },
  },
  {
    reason: 'config validate: a file that is not there is not valid',
    async holds(subject) {
      const environment = { OPENCLAW_CONFIG_PATH: join(subject.folders.tmp, 'nowhere.json') };
      const { code, stdout } = await subject.command(['config', 'validate', '--json'], { environment });
      const { valid, error } = JSON.parse(stdout);
      assert.deepEqual([code, valid, error.message], [1, false, 'file not found']);
    },
  },
  {
    reason: 'config schema prints a JSON Schema of the sections that are managed',
    async holds(subject) {
      const { code, stdout } = await subject.command(['config', 'schema']);
      const { type, properties } = JSON.parse(stdout);
      assert.deepEqual([code, type], [0, 'object']);
      for (const section of ['gateway', 'agents', 'models', 'logging', 'update', 'messages', 'skills']) {
        assert.ok(properties[section], section);
      }
    },
  },
  {
    reason: 'update is refused with 1: somebody else owns its life',
    async holds(subject) {
      const { code, stderr } = await subject.command(['update', '--yes']);
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^OpenClaw self-update is disabled while gateway lifecycle is managed by an external supervisor/,
      );
    },
  },
  {
    reason: 'a hand-over that nobody asked for is none',
    async holds(subject) {
      const { code, status, reason } = await handOver(subject, 1);
      assert.deepEqual({ code, status, reason }, { code: 0, status: 'none', reason: 'missing' });
    },
  },
  {
    reason: 'a cron job that is added is in the list',
    async holds(subject) {
      const job = ['--name', 'weekly report', '--cron', '0 7 * * 1', '--system-event', 'write the report'];
      const { code, stdout } = await subject.command(['cron', 'add', ...job]);
      assert.equal(code, 0);
      assert.equal(JSON.parse(stdout).name, 'weekly report');
      const list = await subject.command(['cron', 'list']);
      assert.equal(list.code, 0);
      assert.match(list.stdout, /weekly report +cron 0 7 \* \* 1/);
    },
  },
  {
    reason: 'an agent that is added is in the configuration and in the list, with its workspace',
    async holds(subject) {
      const workspace = join(subject.folders.state, 'workspace-researcher');
      const { code } = await subject.command([
        'agents',
        'add',
        'researcher',
        '--non-interactive',
        '--workspace',
        workspace,
      ]);
      assert.equal(code, 0);
      const { agents } = subject.read() as { agents: { entries: Record<string, { workspace: string }> } };
      assert.equal(agents.entries['researcher']?.workspace, workspace);
      const list = await subject.command(['agents', 'list']);
      assert.match(list.stdout, /- main/);
      assert.match(list.stdout, /- researcher/);
    },
  },
];

/** Asks whether the process that ended wants another in its place. */
export async function handOver(subject: Subject, pid: number) {
  const args = ['gateway', 'restart-handoff', 'consume', '--expected-pid', String(pid), '--json'];
  const { code, stdout } = await subject.command(args);
  const { status, reason, handoff } = JSON.parse(stdout);
  return { code, status, reason, pid: handoff?.pid };
}
