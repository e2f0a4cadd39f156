/**
 * Checks a change of a layer before it is written, by every version of OpenClaw that would have to read the result.
 *
 *   tenants of the scope ─▶ distinct (merged document, version) ─▶ judged ─▶ what the change brings ─▶ refused, or noted as not checked
 *
 * Tenants that share their layers and their version share one judgement. OpenClaw takes about a second for each, so of
 * a change for many tenants with layers of their own only the first MOST_CHECKED are judged here; the answer says so,
 * and the agents, which judge again before anything is applied, are the last to say no.
 */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { contradictions, defaultConfig, neededConfig } from '@opencrane/kit/needed-config.ts';
import { withoutSecrets } from '@opencrane/kit/secret-values.ts';
import type { RevisionStore } from '../revisions/revision-store.ts';
import { type Scope, scopesOf, scopeText } from '../revisions/scope.ts';
import type { TenantRecord } from '../tenants/tenant-store.ts';
import { mergeLayers } from './layers.ts';
import { formatPath } from './path.ts';
import type { ConfigJudge, Issue, Judgement, ServedVersions } from './ports.ts';
import { issuesBrought } from './worse.ts';

/** What checking takes. */
export type ConfigCheckParts = {
  readonly judge: ConfigJudge;
  readonly versions: ServedVersions;
  readonly revisions: RevisionStore;
  readonly tenants: { all(): Promise<readonly TenantRecord[]> };
};

/** A layer as it would become. */
export type LayerChange = { readonly scope: Scope; readonly after: JsonObject };

/** What nobody could say, in words for whoever made the change. */
export type Unchecked = readonly string[];

/** What becomes of what nobody here can judge. */
const LATER = 'the agents check it before they apply it';

/** Most documents judged for one change: at two at a time half a minute. */
const MOST_CHECKED = 64;
/** Judged at a time. Each is a process that takes a core for a second and some 200 MB. */
const AT_ONCE = 2;
/** No tenant's port: which one a tenant has is its platform's to say, so whatever a layer says is refused. */
const NO_PORT = -1;
/** OpenClaw's own, for a document that must hold one to be judged. */
const ANY_PORT = 18_789;

/** One merged document for one version, before and after, and whose it is. */
type Case = {
  readonly version: string;
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly tenants: string[];
};

/** The checks of a coordinator. */
export class ConfigCheck {
  readonly #parts: ConfigCheckParts;

  constructor(parts: ConfigCheckParts) {
    this.#parts = parts;
  }

  /** Throws `invalid_argument` with OpenClaw's own words and path when the change makes a configuration worse; resolves with what was not checked. */
  async check(change: LayerChange): Promise<Unchecked> {
    const unchecked = new Set<string>();
    const cases = await this.#cases(change, unchecked);
    const judged = cases.slice(0, MOST_CHECKED);
    if (judged.length < cases.length) {
      const rest = `${cases.length - judged.length} of ${cases.length}`;
      unchecked.add(`${rest} configurations of tenants were not checked: too many differ; their agents check them`);
    }
    const waiting = [...judged];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        for (const note of await this.#checkOne(next)) unchecked.add(note);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return [...unchecked].toSorted();
  }

  async #checkOne({ version, before, after, tenants }: Case): Promise<Unchecked> {
    const judgement = await this.#judge(after, version);
    if (judgement.state === 'unknown') return [`not checked against OpenClaw ${version}: ${judgement.why}; ${LATER}`];
    if (judgement.issues.length === 0) return [];
    const earlier = await this.#judge(before, version);
    const issues = earlier.state === 'judged' ? earlier.issues : [];
    const brought = issuesBrought({ document: before, issues }, { document: after, issues: judgement.issues });
    const [first] = brought;
    if (first !== undefined) {
      const message = withoutSecrets(first.message, after);
      throw refused({ ...first, message }, brought.length, version, tenants);
    }
    return [];
  }

  async #judge(merged: JsonObject, version: string): Promise<Judgement> {
    const reserved = contradictions(merged, neededConfig(NO_PORT)).map((path) => ({
      path: path.join('.'),
      message: `${formatPath(path)} is set by OpenCrane itself`,
    }));
    const whole = mergeLayers([defaultConfig, merged, neededConfig(ANY_PORT)]);
    const judgement = await this.#parts.judge.judge(whole, version);
    if (judgement.state === 'judged') return { ...judgement, issues: [...reserved, ...judgement.issues] };
    return reserved.length > 0 ? { state: 'judged', issues: reserved } : judgement;
  }

  /** The distinct documents with the versions that must read them. */
  async #cases(change: LayerChange, unchecked: Set<string>): Promise<readonly Case[]> {
    const { tenants, versions, revisions } = this.#parts;
    const there = (await tenants.all()).filter((tenant) => !tenant.deleting && concerns(change.scope, tenant));
    const concerned = there.length === 0 ? [firstOf(change.scope)] : there;
    const versionsOf = await versions.versionsOf(concerned);
    const written = new Set((await revisions.heads('config')).map(({ scope }) => scopeText(scope)));
    const documents = new Map<string, Promise<{ readonly before: JsonObject; readonly after: JsonObject }>>();
    const cases = new Map<string, Case>();
    for (const [at, tenant] of concerned.entries()) {
      const scopes = scopesOf(tenant).filter(
        (scope) => written.has(scopeText(scope)) || scopeText(scope) === scopeText(change.scope),
      );
      const key = scopes.map(scopeText).join(' ');
      if (versionsOf[at]?.length === 0) unchecked.add(notKnown(tenant.name));
      const merged = documents.get(key) ?? this.#merged(scopes, change);
      documents.set(key, merged);
      const { before, after } = await merged;
      for (const version of new Set(versionsOf[at])) {
        const name = `${digestOfJson(before)} ${digestOfJson(after)} ${version}`;
        const known = cases.get(name);
        if (known === undefined) cases.set(name, { version, before, after, tenants: [tenant.name] });
        else known.tenants.push(tenant.name);
      }
    }
    return [...cases.values()];
  }

  async #merged(scopes: readonly Scope[], { scope, after }: LayerChange) {
    const layers = await this.#parts.revisions.latestOf(scopes, 'config');
    const payloads = (replaced: JsonObject | undefined) =>
      scopes.map((each) => {
        const isChanged = scopeText(each) === scopeText(scope);
        if (isChanged && replaced !== undefined) return replaced;
        return layers.find((layer) => scopeText(layer.scope) === scopeText(each))?.payload ?? {};
      });
    return { before: mergeLayers(payloads(undefined)), after: mergeLayers(payloads(after)) };
  }
}

/** Who comes first to a scope that has no tenant yet: without a name, since nobody may be called so. */
function firstOf(scope: Scope): { readonly name: string; readonly team: string } {
  return { name: '', team: scope.kind === 'team' ? scope.name : '' };
}

function notKnown(tenant: string): string {
  return tenant === ''
    ? `not checked: it concerns no tenant yet, and no version is pinned for those to come; ${LATER}`
    : `not checked for ${tenant}: which OpenClaw it will serve with is not known yet; ${LATER}`;
}

function concerns(scope: Scope, tenant: TenantRecord): boolean {
  if (scope.kind === 'organisation') return true;
  return scope.kind === 'team' ? tenant.team === scope.name : tenant.name === scope.name;
}

function refused(issue: Issue, count: number, version: string, tenants: readonly string[]): OpenCraneError {
  const where = issue.path === '' || issue.message.includes(issue.path) ? '' : `${issue.path}: `;
  const more = count > 1 ? ` (and ${count - 1} more)` : '';
  const [one] = tenants;
  const whose = tenants.length > 1 ? `${one} and ${tenants.length - 1} more` : one || 'the first tenant to come';
  return new OpenCraneError(
    'invalid_argument',
    'config_refused',
    `OpenClaw ${version}, which ${whose} should serve with it, refuses it: ${where}${issue.message}${more}; nothing was changed`,
    { field: issue.path, mend: 'correct it; to leave the judgement to the agents, add --skip-check' },
  );
}
