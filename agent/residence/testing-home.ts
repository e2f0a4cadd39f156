/** A tenant at home in a folder, without OpenClaw, for tests of orders: the real residence, arbiter, exchanges and orders. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { systemClock as clock } from '@opencrane/kit/clock.ts';
import { createLogger } from '@opencrane/kit/logging.ts';
import { VaultCommandSchema, type VaultResult } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { Sight } from '../arbiter/conflicts.ts';
import { StartTurn } from '../arbiter/start-turn.ts';
import { StateArbiter } from '../arbiter/state-arbiter.ts';
import { parseObjectName } from '../bucket/layout.ts';
import { ConfigFiles } from '../config/config-files.ts';
import { Exchanges } from '../converge/exchanges.ts';
import { ServingRecordFile } from '../converge/serving-record.ts';
import { type Epoch, epochOf } from '../fence/lease-record.ts';
import { type TenantFolders, tenantFolders } from '../folders.ts';
import { KeptStates } from '../runtime/kept-states.ts';
import { UpgradeJournal } from '../runtime/upgrade-journal.ts';
import { DEFAULT_RETENTION } from '../vault/prune/retention.ts';
import { CheckpointCapture, MemoryBucket, temporaryFolder } from '../vault/testing.ts';
import { AgentRecords } from './agent-records.ts';
import { readLineage, writeLineage } from './lineage.ts';
import { Residence } from './residence.ts';
import { StateDoubt } from './state-doubt.ts';
import { vaultArchive } from './vault-archive.ts';
import { VaultOrders } from './vault-orders.ts';

const log = createLogger({ program: 'test', level: 'silent' });
const never = new AbortController().signal;

/** The disk, the bucket, and what happened to them; agents come and go. */
export class TestDisk {
  readonly bucket: MemoryBucket;
  readonly #folder = temporaryFolder();

  /** Another disk of the tenant has the same bucket. */
  constructor(bucket = new MemoryBucket()) {
    this.bucket = bucket;
  }

  get folders(): TenantFolders {
    return tenantFolders(this.at(''));
  }

  at(name: string): string {
    return join(this.#folder.path, name);
  }

  get state(): string {
    return this.at('state');
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.state, path)), { recursive: true });
    writeFileSync(join(this.state, path), content);
  }

  /** What a file of the state holds; undefined when it is not there. */
  read(path: string): string | undefined {
    const file = join(this.state, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  }

  remembered(): ReturnType<typeof readLineage> {
    return readLineage(this.at('lineage.json'));
  }

  remove(): void {
    this.#folder.remove();
  }
}

/** What an agent finds on its disk, and its lease. */
type Found = { readonly serving: ServingRecordFile; readonly journal: UpgradeJournal; readonly epoch: Epoch };

/** One agent on the disk. What it does stands still for ever once `die` was called, as code does when its process is killed. */
export class TestAgent {
  readonly arbiter: StateArbiter;
  readonly residence: Residence;
  readonly orders: VaultOrders;
  readonly doubt: StateDoubt;
  readonly serving: ServingRecordFile;
  readonly config: ConfigFiles;
  readonly kept: KeptStates;
  readonly journal: UpgradeJournal;
  /** What is seen besides doubt. */
  readonly seen = new Set<Sight>();
  /** What the state's `who` held at each start of OpenClaw. */
  readonly started: (string | undefined)[] = [];
  /** Steps as they were reached. */
  readonly steps: string[] = [];
  /** What orders said. */
  readonly said: string[] = [];
  /** Called at each step. */
  onStep: (step: string) => Promise<void> | void = () => {};
  readonly #disk: TestDisk;
  readonly #exchanges = new Exchanges();
  readonly #start: StartTurn;
  readonly #records: AgentRecords;
  readonly #epoch: Epoch;
  #isDead = false;
  readonly #buried = Promise.withResolvers<never>();

  private constructor(disk: TestDisk, { serving, journal, epoch }: Found) {
    this.#disk = disk;
    this.#epoch = epoch;
    this.serving = serving;
    this.journal = journal;
    const { folders } = disk;
    const archive = vaultArchive({ residence: () => this.residence, onStep: (step) => this.#step(step), clock });
    this.config = new ConfigFiles(folders);
    this.kept = new KeptStates({ folder: folders.kept, copy: folders.keptCopy, tmp: folders.tmp, archive });
    this.#records = new AgentRecords({ serving, config: this.config, kept: this.kept, journal, log });
    const onStep = (step: string) => this.#step(step);
    this.doubt = new StateDoubt((restoring) => this.#remember(restoring));
    this.arbiter = new StateArbiter({
      seen: () => [...this.seen, ...(this.doubt.is ? (['doubt'] as const) : [])],
      clock,
    });
    this.#start = new StartTurn(this.arbiter, 10_000);
    const keyFile = disk.at('key');
    writeFileSync(keyFile, '5a'.repeat(32));
    const fence = {
      whenHeld: async () => epoch,
      doubtBucket: () => {},
      assertHeld: () => {
        if (this.#isDead) throw new Error('it is dead');
      },
      release: async () => {},
      outage: undefined,
      whyNotYet: '',
      onChange: () => () => {},
    };
    this.residence = new Residence({
      tenant: 'jente',
      ...{ bucket: disk.bucket, keyFile, fence, onStep, clock, randomBytes, log, arbiter: this.arbiter },
      capture: new CheckpointCapture(),
      records: this.#records,
      folders: { state: disk.state, lineage: disk.at('lineage.json'), seenLog: disk.at('seen.jsonl') },
      lockOpenClawOut: () => ({ release() {} }),
      openclawVersion: () => '2026.9.6',
      pruneTrouble: () => '',
      onChange() {},
      report: Object.assign(() => {}, { finish() {} }),
      random: () => 0.5,
    });
    this.orders = new VaultOrders({
      ...{ residence: this.residence, fence, arbiter: this.arbiter, doubt: this.doubt, onStep, clock },
      retention: DEFAULT_RETENTION,
      pinned: async () => new Set((await this.kept.list()).map(({ stored }) => parseObjectName(stored))),
      folders: { state: disk.state, data: disk.at(''), tmp: disk.at('') },
      exchange: (work, signal) => this.#exchange(work, signal),
      sendArchive: async (_, pieces) => {
        for await (const _piece of pieces) await this.#step('export:piece');
      },
      report: () => Object.assign((_: string, message: string) => void this.said.push(message), { finish() {} }),
      newId: randomUUID,
    });
  }

  /** An agent on a disk that another one may have left; `epoch` is that of its lease. */
  static async on(disk: TestDisk, epoch = 1): Promise<TestAgent> {
    mkdirSync(disk.folders.agent, { recursive: true });
    mkdirSync(disk.folders.config, { recursive: true });
    const serving = await ServingRecordFile.open(disk.folders);
    const journal = await UpgradeJournal.open(disk.folders.journal);
    return new TestAgent(disk, { serving, journal, epoch: epochOf(epoch) });
  }

  /** The agent starts; resolves when OpenClaw runs. */
  async boot(): Promise<void> {
    this.residence.start();
    await this.residence.atHome();
    await this.start();
  }

  /** Starts OpenClaw, or what stands for it, as supervise/openclaw.ts does. */
  async start(): Promise<void> {
    try {
      await this.#start.take();
      this.residence.assertStateThere();
      mkdirSync(this.#disk.state, { recursive: true }); // as laying out the configuration does
      await this.#records.copyIntoState();
      await this.#step('start');
      this.started.push(this.#disk.read('who'));
    } finally {
      this.#start.end();
    }
  }

  order(command: NonNullable<MessageInitShape<typeof VaultCommandSchema>['command']>): Promise<VaultResult> {
    return this.orders.carryOut('order', create(VaultCommandSchema, { command }));
  }

  /** Brings a snapshot back in place. */
  restore(sequence: number, path = ''): Promise<VaultResult> {
    const snapshot = { choice: { case: 'sequence', value: BigInt(sequence) } } as const;
    return this.order({ case: 'restore', value: { snapshot, path } });
  }

  /** Takes a snapshot on request; its number. */
  async take(): Promise<number> {
    const { result } = await this.order({ case: 'take', value: {} });
    assert.ok(result.case === 'taken');
    return Number(result.value.snapshot?.sequence);
  }

  /** Ends as a process does that is told to. */
  async stop(): Promise<void> {
    this.orders.stop();
    await this.residence.stop(never);
  }

  /** Everything of this agent stands still from the step on that it is at. */
  die(): void {
    this.#isDead = true;
  }

  /** Ends what a dead agent left in this process. Its disk is gone before, so that none of it has an effect. */
  async bury(): Promise<void> {
    this.#buried.promise.catch(() => {});
    this.#buried.reject(new Error('it is dead'));
    await this.stop();
  }

  async #step(step: string): Promise<void> {
    if (this.#isDead) await this.#buried.promise;
    this.steps.push(step);
    await this.onStep(step);
    if (this.#isDead) await this.#buried.promise;
  }

  /** One after the other, with a start after each, as the converger does. */
  async #exchange(work: () => Promise<void>, signal: AbortSignal): Promise<{ downtimeMillis: number }> {
    const done = this.#exchanges.order(work, signal);
    void this.#exchanges.doFirst(async (first) => {
      await first();
      await this.start();
      return { downtimeMillis: 0 };
    });
    return done;
  }

  async #remember(restoring: boolean): Promise<void> {
    const { vault } = await this.residence.atHome();
    await writeLineage(this.#disk.at('lineage.json'), { vault: vault.keys.vaultId, epoch: this.#epoch, restoring });
  }
}
