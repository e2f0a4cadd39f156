/** What of a tenant its snapshots do not have, and why. */
import { create } from '@bufbuild/protobuf';
import { shortText } from '@opencrane/kit/short-text.ts';
import { type NotStored, NotStoredSchema } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import { readManifest } from '../format/manifest.ts';
import type { ManifestRef } from '../format/object-ids.ts';
import { leftOutRules } from '../snapshot/left-out.ts';
import type { Unread } from '../snapshot/unread.ts';
import { unlessUnreadable } from '../unreadable.ts';
import type { Vault } from '../vault.ts';

/** Paths that are told, and the characters of each. */
const [MOST, PATH_LENGTH] = [1_000, 1_024];

/** The rules, and what could not be read: as an agent saw it last, or where there is none, as the newest snapshot has noted. */
export async function notStored(
  vault: Vault,
  newest: ManifestRef | undefined,
  seen: readonly Unread[] | undefined,
  signal: AbortSignal,
): Promise<NotStored[]> {
  const unread = seen ?? (await notesOf(vault, newest, signal));
  return [
    ...unread.slice(0, MOST).map(({ path, why }) =>
      create(NotStoredSchema, {
        kind: path.startsWith('/') ? 'outside' : 'unread',
        path: shortText(path, PATH_LENGTH),
        why: shortText(why, PATH_LENGTH),
      }),
    ),
    ...leftOutRules.map(({ paths, why }) => create(NotStoredSchema, { kind: 'left_out', path: paths, why })),
  ];
}

/** Each manifest notes all that could not be read then. Of one that cannot be read itself nothing is known. */
async function notesOf(vault: Vault, newest: ManifestRef | undefined, signal: AbortSignal): Promise<Unread[]> {
  const notes: Unread[] = [];
  const manifest = newest && (await readManifest(vault, newest, signal).catch(unlessUnreadable));
  if (!manifest) return notes;
  try {
    for await (const rows of manifest.rows())
      for (const row of rows) if (row[0] === '?') notes.push({ path: row[1], why: row[2] });
  } catch (cause) {
    unlessUnreadable(cause);
  }
  return notes;
}
