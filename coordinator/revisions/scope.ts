/** Where desired state is written. */
import { create } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type Scope as ScopeMessage, ScopeSchema } from '@opencrane/proto/opencrane/v1/common_pb.ts';

/** The organisation, a team, or a tenant. */
export type Scope =
  | { readonly kind: 'organisation' }
  | { readonly kind: 'team'; readonly name: string }
  | { readonly kind: 'tenant'; readonly name: string };

/** The scope as people read it, in the audit log, pins and origins: `organisation`, `team/NAME`, `tenant/NAME`. */
export function scopeText(scope: Scope): string {
  return scope.kind === 'organisation' ? scope.kind : `${scope.kind}/${scope.name}`;
}

/** The scopes that concern a tenant, outermost first; the last one that says something wins. */
export function scopesOf(tenant: { readonly name: string; readonly team: string }): readonly Scope[] {
  const team: readonly Scope[] = tenant.team === '' ? [] : [{ kind: 'team', name: tenant.team }];
  return [{ kind: 'organisation' }, ...team, { kind: 'tenant', name: tenant.name }];
}

/** Reads a scope of a request. */
export function fromScopeMessage(message: ScopeMessage | undefined): Scope {
  const scope = message?.scope;
  switch (scope?.case) {
    case 'organisation':
      return { kind: 'organisation' };
    case 'team':
    case 'tenant':
      return { kind: scope.case, name: scope.value };
    default:
      throw new OpenCraneError('invalid_argument', 'scope_missing', 'the request names no scope', {
        field: 'scope',
        mend: 'set one of organisation, team and tenant',
      });
  }
}

/** Writes a scope into a response. */
export function toScopeMessage(scope: Scope): ScopeMessage {
  if (scope.kind === 'organisation') return create(ScopeSchema, { scope: { case: 'organisation', value: true } });
  return create(ScopeSchema, { scope: { case: scope.kind, value: scope.name } });
}
