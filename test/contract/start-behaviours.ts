/** Starts that OpenClaw refuses: the exit code, by which a launcher decides, and the words that are shown. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Subject } from './subject.ts';

/** A start that is refused. */
export type RefusedStart = {
  readonly reason: string;
  readonly code: number;
  readonly says: RegExp;
  /** Makes it so; what it returns undoes it. */
  readonly prepare: (subject: Subject) => Promise<() => Promise<void>>;
};

const nothing = async () => {};

/** A configuration with another `gateway` section. */
function withGateway(subject: Subject, more: object): object {
  const { gateway, ...rest } = subject.configuration() as { gateway: object };
  return { ...rest, gateway: { ...gateway, ...more } };
}

export const refusedStarts: readonly RefusedStart[] = [
  {
    reason: 'a key that it does not know',
    code: 78,
    says: /Invalid config at .*openclaw\.json:\s*<root>: Unrecognized key: "noSuchSection"/,
    async prepare(subject) {
      subject.write(subject.configuration({ noSuchSection: { key: 1 } }));
      return nothing;
    },
  },
  {
    reason: 'a file that is no JSON5, which counts for an empty one',
    code: 78,
    says: /Gateway start blocked: existing config is missing gateway\.mode/,
    async prepare(subject) {
      subject.write('{ this is not');
      return nothing;
    },
  },
  {
    reason: 'no configuration',
    code: 78,
    says: /Missing config|gateway\.mode/,
    async prepare(subject) {
      rmSync(subject.configFile, { force: true });
      return nothing;
    },
  },
  {
    reason: 'everybody on the network let in',
    code: 78,
    says: /auth/i,
    async prepare(subject) {
      subject.write(withGateway(subject, { bind: 'lan', auth: { mode: 'none' } }));
      return nothing;
    },
  },
  {
    reason: 'a certificate that is not there',
    code: 1,
    says: /gateway tls: cert\/key missing/,
    async prepare(subject) {
      const tls = { enabled: true, autoGenerate: false, certPath: '/nowhere/cert.pem', keyPath: '/nowhere/key.pem' };
      subject.write(withGateway(subject, { tls }));
      return nothing;
    },
  },
  {
    reason: 'a port that another has',
    code: 1,
    says: /port|EADDRINUSE/i,
    async prepare(subject) {
      subject.write(subject.configuration());
      const server = createServer().listen(subject.port, '127.0.0.1');
      await once(server, 'listening');
      return async () => {
        server.close();
        await once(server, 'close');
      };
    },
  },
];

/** Starts it and asserts that it ends as the row says. */
export async function assertRefused(subject: Subject, { prepare, code, says }: RefusedStart): Promise<void> {
  const undo = await prepare(subject);
  try {
    const gateway = subject.start();
    const end = await gateway.ended;
    assert.deepEqual(end, { code, signal: null }, gateway.output().slice(-1_000));
    assert.match(gateway.output(), says);
  } finally {
    await undo();
  }
}
