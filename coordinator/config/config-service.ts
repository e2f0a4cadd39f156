/** The configuration's layers over Connect. */
import type { JsonObject as StructObject } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { JsonObject } from '@opencrane/kit/canonical-json.ts';
import { digestOfJson } from '@opencrane/kit/digest.ts';
import { Kind } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import type { ConfigService } from '@opencrane/proto/opencrane/v1/config_pb.ts';
import { actorOf } from '../admin/caller.ts';
import type { ReceiptStore } from '../receipts/receipt-store.ts';
import type { Revision } from '../revisions/revision-store.ts';
import { fromScopeMessage, type Scope, scopesOf, scopeText, toScopeMessage } from '../revisions/scope.ts';
import { checkDocument } from './document.ts';
import { readEdit } from './edit.ts';
import { LayerWriter, type LayerWriterParts, type Written } from './layer-writer.ts';
import { originsOf } from './managed-paths.ts';
import { mergedConfig } from './merged-config.ts';
import type { SecretMask } from './secret-mask.ts';

/** What the service works on. */
export type ConfigServiceParts = LayerWriterParts & { readonly receipts: ReceiptStore };

/** Serves the configuration. */
export function configService(parts: ConfigServiceParts): ServiceImpl<typeof ConfigService> {
  const writer = new LayerWriter(parts);
  const messages = new Messages(parts.secrets);
  return {
    async getConfig(request) {
      const scope = fromScopeMessage(request.scope);
      const { document, revision, layers } = await mergedConfig(parts.revisions, await scopesThatConcern(parts, scope));
      const own = layers.find((layer) => scopeText(layer.scope) === scopeText(scope));
      const origins = originsOf(
        document,
        layers.map((layer) => ({ layer: scopeText(layer.scope), document: layer.payload })),
      );
      return {
        layer: messages.layer(scope, own),
        merged: messages.document(document),
        mergedRevision: BigInt(revision),
        mergedDigest: digestOfJson(document),
        origins: Object.fromEntries(origins),
      };
    },

    async updateConfig(request, context) {
      const edit = readEdit(request.set, request.unset);
      return messages.written(await writer.write(fromScopeMessage(request.scope), request, actorOf(context), edit));
    },

    async replaceConfig(request, context) {
      const document: JsonObject = request.document ?? {};
      checkDocument(document, 'document');
      const edit = { apply: () => document, summary: 'replaced the whole layer', action: 'config.replace' } as const;
      return messages.written(await writer.write(fromScopeMessage(request.scope), request, actorOf(context), edit));
    },

    async listConfigHistory(request) {
      const scope = fromScopeMessage(request.scope);
      const limit = request.limit || 50;
      const revisions = await parts.revisions.list(await scopesThatConcern(parts, scope), 'config', limit);
      const receipts = scope.kind === 'tenant' ? await parts.receipts.list(scope.name, Kind.CONFIG, limit) : [];
      return { revisions: revisions.map((revision) => messages.revision(revision)), receipts };
    },
  };
}

async function scopesThatConcern({ tenants }: ConfigServiceParts, scope: Scope): Promise<readonly Scope[]> {
  if (scope.kind === 'tenant') return scopesOf(await tenants.get(scope.name));
  return scope.kind === 'team' ? [{ kind: 'organisation' }, scope] : [scope];
}

/** What goes out, with marks in the place of secrets. */
class Messages {
  readonly #secrets: SecretMask;

  constructor(secrets: SecretMask) {
    this.#secrets = secrets;
  }

  written({ scope, layer, changed, unchecked }: Written) {
    return { layer: this.layer(scope, layer), changed, unchecked: [...unchecked] };
  }

  layer(scope: Scope, layer: Revision | undefined) {
    return layer ? this.revision(layer) : { scope: toScopeMessage(scope), document: {} };
  }

  revision({ number, scope, digest, payload, actor, reason, createdAt }: Revision) {
    return {
      revision: BigInt(number),
      scope: toScopeMessage(scope),
      digest,
      document: this.document(payload),
      actor,
      reason,
      createdAtMillis: BigInt(createdAt),
    };
  }

  document(document: JsonObject): StructObject {
    return this.#secrets.mask(document) as StructObject; // ours are readonly, protobuf's are not; it only reads them
  }
}
