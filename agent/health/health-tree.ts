/**
 * The tenant's health tree, as a pure function of what was observed.
 * Nothing here says more than an observation: what was not seen is `STARTING`, never `HEALTHY`.
 */
import { create } from '@bufbuild/protobuf';
import { type Component, ComponentSchema, ComponentState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { type VaultSeen, vaultStanding } from './vault-component.ts';

/** What was seen of the gateway's probes; absent while nothing answered. */
type ProbesSeen = {
  readonly live: boolean;
  readonly started: boolean;
  readonly ready: boolean;
  readonly version: string;
  /** What `/readyz` complains about. */
  readonly failing: readonly string[];
};

/** What was seen of OpenClaw's process through the launcher. */
export type ProcessSeen = {
  readonly state: 'idle' | 'running' | 'stopping' | 'restarting' | 'failed';
  readonly pid: number;
  /** The last words of a process that ended by itself. */
  readonly lastWords: string;
};

/** Everything that is observed. */
export type Observations = {
  readonly agentVersion: string;
  /** What the agent is doing or waits for; empty at rest. */
  readonly doing: string;
  readonly process?: ProcessSeen;
  readonly probes?: ProbesSeen;
  /** Managed paths whose effective value is not the managed one. */
  readonly drift: readonly string[];
  readonly disk?: { readonly freeBytes: number; readonly totalBytes: number };
  readonly drained: boolean;
  readonly vault: VaultSeen;
};

/** Below this much free disk an upgrade may not fit: a runtime unpacks to 650 MB beside the old one. */
const LOW_DISK_BYTES = 1024 ** 3;

/** Builds the tree. A component that is in the state it was in before keeps its since-when. */
export function healthTree(seen: Observations, previous: Component | undefined, now: number): Component {
  const openclaw = component('openclaw', openclawState(seen), openclawMessage(seen), {
    version: seen.probes?.version ?? '',
    parts: [processComponent(seen), gatewayComponent(seen), configComponent(seen)],
  });
  const { state, message } = vaultStanding(seen.vault);
  const parts = [openclaw, component('vault', state, message), diskComponent(seen)];
  const worst = parts.some(({ state }) => state === ComponentState.FAILED) ? ComponentState.FAILED : openclaw.state;
  const root = component('agent', worst === ComponentState.HEALTHY ? worstOf(parts) : worst, seen.doing, {
    version: seen.agentVersion,
    parts,
  });
  return withSince(root, previous, BigInt(now));
}

function openclawState({ process, probes, drained }: Observations): ComponentState {
  if (process === undefined) return ComponentState.STARTING;
  if (process.state === 'failed') return ComponentState.FAILED;
  if (process.state === 'idle') return drained ? ComponentState.STOPPED : ComponentState.STARTING;
  if (process.state === 'restarting') return ComponentState.DEGRADED;
  if (!probes?.started) return ComponentState.STARTING;
  return probes.ready ? ComponentState.HEALTHY : ComponentState.DEGRADED;
}

function openclawMessage({ process, probes }: Observations): string {
  if (process?.state === 'failed' || process?.state === 'restarting') return process.lastWords;
  if (probes?.started && !probes.ready) return `not ready: ${probes.failing.join(', ') || 'it does not say why'}`;
  return '';
}

function processComponent({ process, drained }: Observations): Component {
  if (process === undefined) return component('process', ComponentState.STARTING, 'the launcher does not answer yet');
  switch (process.state) {
    case 'running':
      return component('process', ComponentState.HEALTHY, '');
    case 'stopping':
      return component('process', ComponentState.STOPPED, 'draining');
    case 'idle':
      return component('process', drained ? ComponentState.STOPPED : ComponentState.STARTING, '');
    case 'restarting':
      return component('process', ComponentState.DEGRADED, process.lastWords);
    case 'failed':
      return component('process', ComponentState.FAILED, process.lastWords);
  }
}

function gatewayComponent({ probes }: Observations): Component {
  if (probes === undefined || !probes.live) return component('gateway', ComponentState.STARTING, 'no answer yet');
  if (!probes.started) return component('gateway', ComponentState.STARTING, 'alive, not started');
  if (!probes.ready) return component('gateway', ComponentState.DEGRADED, probes.failing.join(', '));
  return component('gateway', ComponentState.HEALTHY, '', { version: probes.version });
}

function configComponent({ drift }: Observations): Component {
  if (drift.length === 0) return component('config', ComponentState.HEALTHY, '');
  return component('config', ComponentState.DEGRADED, `changed behind our back: ${drift.join(', ')}`);
}

function diskComponent({ disk }: Observations): Component {
  if (disk === undefined) return component('disk', ComponentState.STARTING, 'not looked at yet');
  if (disk.freeBytes >= LOW_DISK_BYTES) return component('disk', ComponentState.HEALTHY, '');
  return component('disk', ComponentState.DEGRADED, 'less than 1 GiB free: an upgrade may not fit');
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
