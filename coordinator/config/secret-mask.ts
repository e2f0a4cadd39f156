/**
 * Secrets of layers as they are shown: each as a mark that says whether two are the same and nothing else. A mark that
 * comes back in an edited document stands for the secret that it was made of, so that a layer can be edited by somebody
 * who may not see its secrets.
 */
import { createHmac } from 'node:crypto';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { mapSecrets, secretsOf } from '@opencrane/kit/secret-values.ts';
import { formatPath } from './path.ts';

const MARK = /^__OPENCRANE_SECRET_[0-9a-f]{12}__$/;

/** Makes and reads marks. They are keyed, so that nobody can try out short secrets on one; with the same key the marks of another process are known. */
export class SecretMask {
  readonly #key: string;

  /** The key is a secret of the coordinator's that outlasts its process: an editor may be open while it restarts. */
  constructor(key: string) {
    this.#key = key;
  }

  /** The document as it may be shown. */
  mask(document: JsonObject): JsonObject {
    return mapSecrets(document, ({ value }) => this.#markOf(value));
  }

  /** An edited document with the secrets of the layer that it was made from. Throws `invalid_argument` for a mark that is none of its. */
  unmask(edited: JsonObject, layer: JsonObject): JsonObject {
    const known = new Map(secretsOf(layer).map(({ value, written }) => [this.#markOf(value), written]));
    return mapSecrets(edited, ({ path, value, written }) => {
      if (!MARK.test(value)) return written;
      const secret = known.get(value);
      if (secret !== undefined) return secret;
      throw new OpenCraneError(
        'invalid_argument',
        'secret_unknown',
        `${formatPath(path)} is a mark in the place of a secret that this layer does not hold`,
        { field: formatPath(path), mend: 'read the layer again and keep its marks, or write the secret itself' },
      );
    });
  }

  #markOf(value: string): string {
    return `__OPENCRANE_SECRET_${createHmac('sha256', this.#key).update(value).digest('hex').slice(0, 12)}__`;
  }
}

/** Refuses secrets that a change would add: a layer is kept in clear. Those that it has stay editable. */
export function refusePlainSecrets(before: JsonObject, after: JsonObject): void {
  const kept = new Set(secretsOf(before).map(({ path, value }) => JSON.stringify([path, value])));
  const added = secretsOf(after).find(({ path, value }) => !kept.has(JSON.stringify([path, value])));
  if (added === undefined) return;
  const path = formatPath(added.path);
  throw new OpenCraneError(
    'failed_precondition',
    'secret_in_clear',
    `${path} is a secret, and would be kept in clear in the coordinator's database and its history; nothing was changed`,
    {
      field: path,
      mend: 'let it refer to a secret that the tenant keeps, as in {"source": "file", "provider": "…", "id": "…"}; to keep it in clear all the same add --plain-secrets',
    },
  );
}
