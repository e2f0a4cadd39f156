/**
 * Brings a change to a running OpenClaw: by its own `config.patch` where every changed key is hot (it validates,
 * compares its hash, writes and applies), by one drained restart where one is not. Then it is read back; the file is put
 * back whenever the new one is not seen in effect.
 */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { isAbort, messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { faultPoint } from '../fault-point.ts';
import type { GatewayConfig, GatewayConfigPatch } from '../openclaw/gateway-client.ts';
import { type Change, inEffect, type Pushed, type PushPorts, validated } from './change.ts';
import { type ConfigFiles, textOf } from './config-files.ts';
import { restartInto } from './config-restart.ts';
import { assertOnItsWay, isCutOff } from './cut-off.ts';
import type { Respelled } from './drift.ts';
import { leavesOf, type Path, valueAt } from './paths.ts';
import type { ConfigGateway } from './ports.ts';
import { changedPaths, mergePatchBetween, mergeThreeWays, replacedArrays } from './three-way-merge.ts';

/** The live file moves on while we look; each try starts from a fresh look. */
const MOST_TRIES = 5;
const CONNECT_EVERY_MILLIS = 200;
const MOST_QUESTIONS = 200;
/** `gateway.controlUi.basePath`: what takes a restart is told by its first keys. */
const SECTION_DEPTH = 3;

/** Pushes a change; throws `invalid_argument` with OpenClaw's message and path when it refuses it. */
export async function pushToRunning(ports: PushPorts, change: Change, signal: AbortSignal): Promise<Pushed> {
  for (let attempt = 1; ; attempt += 1) {
    const gateway = await connectWhenReady(ports, signal);
    try {
      return await pushOnce(ports, gateway, change, signal);
    } catch (cause) {
      if (!isFleeting(cause) || attempt === MOST_TRIES) throw cause;
    } finally {
      await gateway.close();
    }
  }
}

/** Connects; waits for an OpenClaw that is on its way up. */
async function connectWhenReady({ openclaw, clock, timeouts }: PushPorts, signal: AbortSignal): Promise<ConfigGateway> {
  const deadline = clock.monotonic() + timeouts.restartMillis;
  for (;;) {
    try {
      return await openclaw.connect(signal);
    } catch (cause) {
      if (isAbort(cause) || clock.monotonic() >= deadline) throw cause;
      await assertOnItsWay(openclaw);
      await clock.sleep(CONNECT_EVERY_MILLIS, signal);
    }
  }
}

async function pushOnce(
  ports: PushPorts,
  gateway: ConfigGateway,
  change: Change,
  signal: AbortSignal,
): Promise<Pushed> {
  const { files } = ports;
  // The hash first: should the file change between the two looks, OpenClaw refuses the patch.
  const config = await gateway.configGet();
  const file = await files.readLive();
  const previousText = file.state === 'absent' ? null : file.text;
  if (file.state !== 'read' || !config.valid) {
    if (previousText !== null) await files.keepAside(previousText, 'unusable');
    const wanted = mergeThreeWays(change.previous, change.document, change.lastGood);
    return rewrite(ports, change, { wanted, previousText }, signal);
  }
  const wanted = mergeThreeWays(change.previous, change.document, file.document);
  const paths = changedPaths(file.document, wanted);
  if (paths.length === 0) {
    const downtimeMillis = await inEffect(ports, change, ports.timeouts.restartMillis, signal);
    return { effect: 'none', downtimeMillis, respelled: change.respelled };
  }
  if (await needsRestart(gateway, paths)) return restartInto(ports, change, signal);
  return patchLive(ports, gateway, config, change, { base: file.document, wanted, previousText }, signal);
}

/** The file before and after. */
type Edit = { readonly wanted: JsonObject; readonly previousText: string | null };

async function patchLive(
  ports: PushPorts,
  gateway: ConfigGateway,
  config: GatewayConfig,
  change: Change,
  edit: Edit & { readonly base: JsonObject },
  signal: AbortSignal,
): Promise<Pushed> {
  const { files, timeouts } = ports;
  const patch = mergePatchBetween(edit.base, edit.wanted);
  const effective = config.config as JsonObject; // JSON from the wire; its defaults may hold arrays that the file does not
  const replaced = [...replacedArrays(edit.base, patch), ...replacedArrays(effective, patch)].map(dotted);
  faultPoint('config:patch');
  let answer: GatewayConfigPatch;
  try {
    answer = await gateway.configPatch(patch, config.hash, replaced);
  } catch (cause) {
    if (isPatchUnfit(cause)) return rewrite(ports, change, edit, signal);
    if (!isFleeting(cause)) await putBack(files, edit);
    throw refusal(cause);
  }
  faultPoint('config:patched');
  const restarts = answer.sentinel?.payload?.stats?.requiresRestart ?? false;
  const respelled = await respellings(files, gateway, change, answer.hash).catch(() => change.respelled);
  try {
    const timeoutMillis = restarts ? timeouts.restartMillis : timeouts.hotMillis;
    const downtimeMillis = await inEffect(ports, { ...change, respelled }, timeoutMillis, signal);
    return { effect: restarts ? 'restart' : 'hot', downtimeMillis, respelled };
  } catch (cause) {
    if (!isAbort(cause) && !isCutOff(cause)) await putBack(files, edit);
    throw cause;
  }
}

/** For what `config.patch` cannot do: a file that includes others, one that is broken. OpenClaw watches the file. */
async function rewrite(
  ports: PushPorts,
  change: Change,
  { wanted, previousText }: Edit,
  signal: AbortSignal,
): Promise<Pushed> {
  await validated(ports, wanted, signal);
  await ports.files.writeLive(textOf(wanted));
  faultPoint('config:written');
  try {
    const downtimeMillis = await inEffect(ports, change, ports.timeouts.restartMillis, signal);
    return { effect: downtimeMillis > 0 ? 'restart' : 'hot', downtimeMillis, respelled: change.respelled };
  } catch (cause) {
    if (!isAbort(cause) && !isCutOff(cause)) await ports.files.restoreLive(previousText);
    throw cause;
  }
}

/** Asks about every leaf; of a change of thousands, about the sections that hold them. */
async function needsRestart(gateway: ConfigGateway, paths: readonly Path[]): Promise<boolean> {
  const asked = paths.length > MOST_QUESTIONS ? paths.map((path) => path.slice(0, SECTION_DEPTH)) : paths;
  const kinds = await Promise.all([...new Set(asked.map(dotted))].map((path) => gateway.configReloadKind(path)));
  return kinds.includes('restart');
}

/** The managed values that OpenClaw wrote down its own way, when the file is certainly still the one it wrote. */
async function respellings(
  files: ConfigFiles,
  gateway: ConfigGateway,
  { document, respelled }: Change,
  writtenHash: string | undefined,
): Promise<readonly Respelled[]> {
  const file = await files.readLive();
  const { hash }: GatewayConfig = await gateway.configGet();
  if (file.state !== 'read' || hash !== writtenHash) return respelled;
  const live = file.document;
  return leavesOf(document).flatMap(({ path, value }) => {
    const now = valueAt(live, path);
    return typeof now === 'string' && now !== value ? [{ path, value: now }] : [];
  });
}

/** Undoes a patch that was written and not taken; one that was refused never reached the file. */
async function putBack(files: ConfigFiles, { previousText, wanted }: Edit): Promise<void> {
  const file = await files.readLive();
  if (file.state !== 'read') return;
  const stamps = changedPaths(wanted, file.document).every(([section]) => section === 'meta'); // OpenClaw's own notes
  if (stamps) await files.restoreLive(previousText);
}

/** How OpenClaw writes paths, whatever is in the keys. */
function dotted(path: Path): string {
  return path.join('.');
}

/** Whether another try may go well: the file moved on, or the connection was lost. */
function isFleeting(cause: unknown): boolean {
  if (cause instanceof OpenCraneError && cause.reason === 'gateway_disconnected') return true;
  return /config changed since last load|config base hash|re-run config\.get and retry/.test(messageOf(cause));
}

function isPatchUnfit(cause: unknown): boolean {
  return /CONFIG_INCLUDE_OWNERSHIP|would remove entries|before patching|rate limit|ID-merge|duplicate ID/i.test(
    messageOf(cause),
  );
}

function refusal(cause: unknown): unknown {
  const words = /^config\.patch: invalid config: (?<words>[\s\S]*)$/.exec(messageOf(cause))?.groups?.['words'];
  if (words === undefined || !(cause instanceof OpenCraneError)) return cause;
  return new OpenCraneError('invalid_argument', 'config_invalid', words, { field: cause.field, cause });
}
