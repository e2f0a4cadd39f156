/** What the configuration needs from the runtimes. */
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';

/** Something that a version of OpenClaw says against a configuration. */
export type Issue = {
  /** As OpenClaw writes it: keys and places in lists with dots between them; empty for the document as a whole. */
  readonly path: string;
  readonly message: string;
};

/** What one version says of a document. */
export type Judgement =
  | { readonly state: 'judged'; readonly issues: readonly Issue[] }
  /** Nobody here can say: it is not built, or not unpacked, or did not answer. */
  | { readonly state: 'unknown'; readonly why: string };

/** Has a version of OpenClaw judge documents. */
export interface ConfigJudge {
  /** Judges a whole configuration, as OpenClaw would read it. Never throws for what the version does. */
  judge(document: JsonObject, version: string): Promise<Judgement>;
}

/** Answers which versions of OpenClaw must be able to read a tenant's configuration. */
export interface ServedVersions {
  /** By tenant: the version it should run, and the one it runs where that is another; none for a tenant that has none yet. */
  versionsOf(
    tenants: readonly { readonly name: string; readonly team: string }[],
  ): Promise<readonly (readonly string[])[]>;
}
