/** The scope a command is about, as it is typed: `--org`, `--team T` or `--tenant T`. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { Scope, ScopeSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import { z } from 'zod';
import type { Option } from './command.ts';

/** A scope to send. */
export type ScopeInit = MessageInitShape<typeof ScopeSchema>;

/** The options that name a scope. */
export const scopeOptions: readonly Option[] = [
  { flags: '--org', summary: 'for the whole organisation' },
  { flags: '--team <team>', summary: 'for a team' },
  { flags: '--tenant <tenant>', summary: 'for one tenant' },
];

/** What they are once typed. */
export const scopeShape = {
  org: z.boolean().default(false),
  team: z.string().optional(),
  tenant: z.string().optional(),
};

type ScopeInput = {
  readonly org: boolean;
  readonly team?: string | undefined;
  readonly tenant?: string | undefined;
};

/** The one scope that was typed; none or several are an error. */
export function readScope({ org, team, tenant }: ScopeInput): ScopeInit {
  const typed: ScopeInit[] = [];
  if (org) typed.push({ scope: { case: 'organisation', value: true } });
  if (team !== undefined) typed.push({ scope: { case: 'team', value: team } });
  if (tenant !== undefined) typed.push({ scope: { case: 'tenant', value: tenant } });
  const [scope] = typed;
  if (scope !== undefined && typed.length === 1) return scope;
  const what = typed.length === 0 ? 'no scope is named' : 'more than one scope is named';
  throw new OpenCraneError('invalid_argument', 'scope_unclear', what, {
    field: 'scope',
    mend: 'say one of --org, --team TEAM, --tenant TENANT',
  });
}

/** A scope in words, such as `team/research`. */
export function scopeText(scope: Scope | ScopeInit | undefined): string {
  const which = scope?.scope;
  if (which?.case === 'team' || which?.case === 'tenant') return `${which.case}/${which.value}`;
  return which?.case === 'organisation' ? 'organisation' : '-';
}
