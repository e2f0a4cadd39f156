/**
 * Applies the managed configuration: what admins own wins at its paths, everything else stays the user's.
 *
 * On disk, in this order, so that a kill at any moment leaves an old or a new file and the next run converges:
 * attempt.json (only for a restart), openclaw.json, last-good.json, managed.json (on the disk, then in the state),
 * attempt.json gone.
 */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { type Digest, digestOfJson, parseDigest } from '@opencrane/kit/digest.ts';
import { isAbort, OpenCraneError, toOpenCraneError } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import { withoutSecrets } from '@opencrane/kit/secret-values.ts';
import { isLackOfTheMachine } from '@opencrane/kit/system-error.ts';
import type { Offer } from '@opencrane/proto/opencrane/v1/agent_pb.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { Applier, Outcome, ReportProgress } from '../appliers/applier.ts';
import { faultPoint } from '../fault-point.ts';
import { composeManaged } from './base-config.ts';
import type { Change, Pushed, PushPorts } from './change.ts';
import { type ManagedRecord, textOf } from './config-files.ts';
import { pushToRunning } from './config-push.ts';
import { restartInto } from './config-restart.ts';
import { isCutOff } from './cut-off.ts';
import { driftOf, project } from './drift.ts';
import { readOfferedDocument } from './offered-document.ts';
import { formatPath } from './paths.ts';
import { mergeThreeWays } from './three-way-merge.ts';
import { validateCandidate } from './validate.ts';

/** What the applier needs. */
export type ConfigApplierPorts = PushPorts & { readonly gatewayPort: number; readonly log: Logger };

/** What is in effect of the managed configuration. */
export type ConfigSeen = { readonly drift: readonly string[]; readonly effectiveDigest: Digest };

/** A change that is ready to be laid over the live file. */
type Candidate = Change & { readonly offered: JsonObject };

/** The applier of KIND_CONFIG, and the one hand that writes the configuration. */
export class ConfigApplier implements Applier {
  readonly kind = Kind.CONFIG;
  readonly #ports: ConfigApplierPorts;
  #turn: Promise<unknown> = Promise.resolve();
  #pushing = false;
  /** The managed document of the last attempt. */
  #tried: JsonObject = {};

  constructor(ports: ConfigApplierPorts) {
    this.#ports = ports;
  }

  apply(offer: Offer, report: ReportProgress, signal: AbortSignal): Promise<Outcome> {
    return this.#inTurn(() => this.#apply(offer, report, signal));
  }

  /**
   * Before OpenClaw is started: lays the last applied configuration over the file, so that drift and a restored state
   * don't survive a boot. Where that cannot be done, as when the version to start refuses a key, OpenClaw starts with
   * the file as it is, and drift shows: a tenant that boots is worth more than a file in order.
   */
  async renderForBoot(signal: AbortSignal): Promise<void> {
    if (this.#pushing) return; // our own restart: the file is what is being tried
    await this.#inTurn(async () => {
      const outcome = await this.#attempt(() => this.#render(signal), signal).catch((cause: unknown) =>
        this.#withoutRoom(cause),
      );
      if (outcome.state === 'failed') this.#ports.log.warn({ outcome }, 'the managed configuration does not fit');
    });
  }

  /** Lays the last applied configuration over the file of a running OpenClaw again; an Outcome as of an offer. */
  impose(signal: AbortSignal): Promise<Outcome> {
    return this.#inTurn(async () => {
      const record = await this.#ports.files.readManaged();
      if (record === undefined) return { state: 'applied', effect: 'none', downtimeMillis: 0 };
      return this.#attempt(async () => {
        const change = await this.#change(record.digest, record.offered);
        return this.#push(() => pushToRunning(this.#ports, change, signal), change);
      }, signal);
    });
  }

  /** What is in effect by the live file; undefined before the first configuration, in a push, and while the file cannot be read. */
  async seen(): Promise<ConfigSeen | undefined> {
    const { files } = this.#ports;
    if (this.#pushing) return undefined; // the file is ahead of the record, which is no drift
    const [record, file] = [await files.readManaged(), await files.readLive()];
    if (this.#pushing || record === undefined || file.state !== 'read') return undefined;
    return {
      drift: driftOf(record.document, file.document, record.respelled).map(formatPath),
      effectiveDigest: digestOfJson(project(record.offered, file.document, record.respelled)),
    };
  }

  async #apply(offer: Offer, report: ReportProgress, signal: AbortSignal): Promise<Outcome> {
    return this.#attempt(async () => {
      const change = await this.#change(parseDigest(offer.digest), readOfferedDocument(offer));
      const { openclaw } = this.#ports;
      const running = await openclaw.running();
      if (!running) await this.#recover();
      report('config', running ? 'bringing the configuration to OpenClaw' : 'writing the configuration');
      faultPoint('config:begin');
      if (running) return this.#push(() => pushToRunning(this.#ports, change, signal), change);
      // It may be what keeps OpenClaw from starting, so there must be a way back; before the first start there is none.
      if (await openclaw.wasStarted()) return this.#push(() => restartInto(this.#ports, change, signal), change);
      return this.#renderStopped(change, signal);
    }, signal);
  }

  async #render(signal: AbortSignal): Promise<Outcome> {
    const { files } = this.#ports;
    await files.sweep();
    await this.#recover();
    // A tenant for whom nobody wrote a layer still needs what OpenCrane itself manages.
    const { digest, offered } = (await files.readManaged()) ?? { digest: digestOfJson({}), offered: {} };
    return this.#renderStopped(await this.#change(digest, offered), signal);
  }

  /**
   * A failure is an outcome. The agent's end is thrown, what cut it off, and what only the machine lacks, such as room on the
   * disk: none of them says anything about the configuration.
   */
  async #attempt(work: () => Promise<Outcome>, signal: AbortSignal): Promise<Outcome> {
    try {
      return await work();
    } catch (cause) {
      if (isAbort(cause) || signal.aborted || isCutOff(cause)) throw cause;
      const error = toOpenCraneError(cause, 'applying the configuration');
      if (isLackOfTheMachine(cause)) throw error;
      if (error.code === 'internal') {
        const words = withoutSecrets(error.stack ?? error.message, this.#tried);
        this.#ports.log.error({ reason: error.reason, words }, 'applying the configuration failed');
      }
      // OpenClaw may quote what it was given, and receipts, events and logs are for everybody.
      const message = withoutSecrets(error.message, this.#tried);
      return { state: 'failed', reason: error.reason, message, path: error.field };
    }
  }

  /** A tenant that has a configuration starts with it when the disk has no room for a better one. */
  async #withoutRoom(cause: unknown): Promise<Outcome> {
    if (!isLackOfTheMachine(cause) || (await this.#ports.files.readLive()).state !== 'read') throw cause;
    const { reason, message } = toOpenCraneError(cause, 'laying the configuration over the file');
    return { state: 'failed', reason, message, path: '' };
  }

  async #change(digest: string, offered: JsonObject): Promise<Candidate> {
    const composed = composeManaged(offered, this.#ports.gatewayPort);
    if ('conflict' in composed) throw reserved(formatPath(composed.conflict));
    this.#tried = composed.document;
    const baseline = await this.#ports.files.readBaseline();
    return {
      digest,
      offered,
      document: composed.document,
      previous: baseline?.document ?? {},
      respelled: baseline?.respelled ?? [],
      lastGood: (await this.#ports.files.readLastGood()) ?? {},
    };
  }

  async #push(work: () => Promise<Pushed>, change: Candidate): Promise<Outcome> {
    this.#pushing = true;
    try {
      const pushed = await work();
      await this.#record(change, pushed.respelled);
      return { state: 'applied', effect: pushed.effect, downtimeMillis: Math.round(pushed.downtimeMillis) };
    } finally {
      this.#pushing = false;
    }
  }

  async #renderStopped(change: Candidate, signal: AbortSignal): Promise<Outcome> {
    const { files, command } = this.#ports;
    const file = await files.readLive();
    const bases = file.state === 'read' ? [file.document, change.lastGood] : [change.lastGood];
    let refusal: Outcome | undefined;
    for (const base of bases) {
      const wanted = mergeThreeWays(change.previous, change.document, base);
      if (file.state === 'read' && textOf(wanted) === textOf(file.document)) return this.#rendered(change);
      const verdict = await validateCandidate(command, files, wanted, signal);
      if (!verdict.valid) {
        const message = withoutSecrets(verdict.message, wanted);
        refusal ??= { state: 'failed', reason: 'config_invalid', message, path: verdict.path };
        continue;
      }
      // What is not merged from the live file keeps it aside for its author.
      if (file.state !== 'absent' && (file.state !== 'read' || base !== file.document)) {
        await files.keepAside(file.text, 'unusable');
      }
      faultPoint('config:render');
      await files.writeLive(textOf(wanted));
      faultPoint('config:written');
      return this.#rendered(change);
    }
    return refusal ?? { state: 'failed', reason: 'config_invalid', message: 'no configuration was tried', path: '' };
  }

  async #rendered(change: Candidate): Promise<Outcome> {
    await this.#record(change, change.respelled);
    return { state: 'applied', effect: 'start', downtimeMillis: 0 };
  }

  async #record({ digest, offered, document }: Candidate, respelled: ManagedRecord['respelled']): Promise<void> {
    const { files } = this.#ports;
    const file = await files.readLive();
    if (file.state === 'read') await files.writeLastGood(file.document);
    faultPoint('config:last-good');
    await files.writeManaged({ digest, offered, document, respelled });
    faultPoint('config:recorded');
    await files.removeAttempt();
  }

  /** An agent was killed in a restart: unless it had come to its end, the file from before it comes back. */
  async #recover(): Promise<void> {
    const { files, log } = this.#ports;
    const attempt = await files.readAttempt();
    if (attempt === undefined) return;
    const cutOff = (await files.readBaseline())?.digest !== attempt.digest;
    if (cutOff) {
      log.info(
        { digest: attempt.digest },
        'a configuration was cut off while OpenClaw restarted; back to the one before',
      );
      await files.restoreLive(attempt.previous);
    }
    await files.removeAttempt();
  }

  /** One at a time: offers, boots and repairs write the same file. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

function reserved(path: string): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'config_path_reserved', `${path} is set by OpenCrane itself`, {
    field: path,
    mend: `unset ${path}`,
  });
}
