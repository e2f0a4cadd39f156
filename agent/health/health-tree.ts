/**
 * The tenant's health tree, as a pure function of what was observed.
 * Nothing here says more than an observation: what was not seen is `STARTING`, never `HEALTHY`.
 */
import { create } from '@bufbuild/protobuf';
import { type Component, ComponentSchema, ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { isFull } from '../disk-room.ts';
import {
  gatewayStanding,
  type OpenClawSeen,
  openclawStanding,
  processStanding,
  type Standing,
} from './openclaw-standing.ts';
import { type VaultSeen, vaultStanding } from './vault-component.ts';

/** Everything that is observed. */
export type Observations = Omit<OpenClawSeen, 'now'> & {
  readonly agentVersion: string;
  /** What the agent is doing or waits for; empty at rest. */
  readonly doing: string;
  /** Why what the agent is doing fails again and again; empty when it does not. */
  readonly trouble: string;
  /** Managed paths whose effective value is not the managed one. */
  readonly drift: readonly string[];
  /** Why changes of the configuration are only found by looking from time to time; empty when they are heard of. */
  readonly configUnwatched?: string;
  readonly disk?: { readonly freeBytes: number; readonly totalBytes: number };
  readonly vault: VaultSeen;
};

/** Below this much free disk an upgrade may not fit: a runtime unpacks to 650 MB beside the old one. */
const LOW_DISK_BYTES = 1024 ** 3;

/** Builds the tree. A component that is in the state it was in before keeps its since-when. */
export function healthTree(seen: Observations, previous: Component | undefined, now: number): Component {
  const of = { ...seen, now };
  const version = of.probes?.version ?? '';
  const whole = withTrouble(openclawStanding(of), seen.trouble);
  const openclaw = standing('openclaw', whole, {
    version,
    parts: [
      standing('process', processStanding(of)),
      standing('gateway', gatewayStanding(of), { version: whole.state === ComponentState.HEALTHY ? version : '' }),
      configComponent(seen),
    ],
  });
  const vault = standing('vault', vaultStanding(seen.vault));
  const disk = diskComponent(seen);
  const parts = isDiskFull(seen) ? [openclaw, disk, vault] : [openclaw, vault, disk]; // of several complaints the first is shown
  const worst = parts.some(({ state }) => state === ComponentState.FAILED) ? ComponentState.FAILED : openclaw.state;
  const state = worst === ComponentState.HEALTHY ? worstOf(parts) : worst;
  const root = component('agent', state, seen.trouble || seen.doing, { version: seen.agentVersion, parts });
  return withSince(root, previous, BigInt(now));
}

/** What fails again and again is not on its way up. */
function withTrouble(openclaw: Standing, trouble: string): Standing {
  if (trouble === '' || openclaw.state !== ComponentState.STARTING) return openclaw;
  return { state: ComponentState.DEGRADED, message: trouble };
}

function configComponent({ drift, configUnwatched = '' }: Observations): Component {
  const looking = configUnwatched && `drift is found by looking every few seconds: ${configUnwatched}`;
  if (drift.length === 0) return component('config', ComponentState.HEALTHY, looking);
  return component('config', ComponentState.DEGRADED, `changed behind our back: ${drift.join(', ')}`);
}

function diskComponent(seen: Observations): Component {
  const { disk } = seen;
  if (disk === undefined) return component('disk', ComponentState.STARTING, 'not looked at yet');
  if (disk.freeBytes >= LOW_DISK_BYTES) return component('disk', ComponentState.HEALTHY, '');
  const words = isDiskFull(seen)
    ? 'the disk is full: what is new is kept only once there is room again'
    : 'less than 1 GiB free: an upgrade may not fit';
  return component('disk', ComponentState.DEGRADED, words);
}

function isDiskFull({ disk }: Observations): boolean {
  return disk !== undefined && isFull(disk.freeBytes);
}

function worstOf(parts: readonly Component[]): ComponentState {
  const degraded = parts.some(
    ({ state, parts: inner }) => state === ComponentState.DEGRADED || worstOf(inner) === ComponentState.DEGRADED,
  );
  return degraded ? ComponentState.DEGRADED : ComponentState.HEALTHY;
}

function component(
  name: string,
  state: ComponentState,
  message: string,
  more: { readonly version?: string; readonly parts?: Component[] } = {},
): Component {
  return create(ComponentSchema, { name, state, message, version: more.version ?? '', parts: more.parts ?? [] });
}

function standing(
  name: string,
  { state, message }: Standing,
  more: { readonly version?: string; readonly parts?: Component[] } = {},
): Component {
  return component(name, state, message, more);
}

function withSince(now: Component, before: Component | undefined, at: bigint): Component {
  const sinceMillis = before?.state === now.state ? before.sinceMillis : at;
  const parts = now.parts.map((part) =>
    withSince(
      part,
      before?.parts.find(({ name }) => name === part.name),
      at,
    ),
  );
  return { ...now, sinceMillis, parts };
}
