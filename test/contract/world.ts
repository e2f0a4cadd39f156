/** What the behaviours of a running gateway share: one gateway, one client that has signed in, one model. */
import type { ModelStandIn } from '../fixtures/model-stand-in/model-stand-in.ts';
import type { RawGateway } from './raw-gateway.ts';
import type { RunningGateway, Subject } from './subject.ts';

/** The world of one suite. */
export type World = {
  readonly subject: Subject;
  readonly model: ModelStandIn;
  gateway: RunningGateway;
  client: RawGateway;
};

/** Something that OpenClaw does and OpenCrane, or a test of it, depends on. */
export type Behaviour = { readonly reason: string; readonly holds: (world: World) => Promise<void> };

/** What `config.get` says, as far as it is looked at. */
export type ConfigSeen = {
  readonly hash: string;
  readonly configRevisionHash: string | null;
  readonly appliedConfigHash: string | null;
  readonly raw: string | null;
  readonly parsed: Record<string, unknown> | null;
  readonly resolved: Record<string, unknown>;
  readonly config: Record<string, unknown>;
  readonly valid: boolean;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
};

/** Asks for the configuration. */
export async function configOf({ client }: Pick<World, 'client'>): Promise<ConfigSeen> {
  return (await client.get('config.get', {})) as ConfigSeen; // what is asserted of it shows whether it is
}

/** The parameters of a patch that is based on what the file says now. */
export async function patchOf(world: World, patch: object, replacePaths: readonly string[] = []): Promise<object> {
  const { hash } = await configOf(world);
  return { raw: JSON.stringify(patch), baseHash: hash, replacePaths };
}

/** The value at a dotted path of a document. */
export function valueAt(document: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key], document);
}
