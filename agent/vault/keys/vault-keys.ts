/**
 * The keys inside a vault. Objects are sealed with keys derived from a data key; a rotation adds a data key, so that what was
 * written before stays as it is. The naming key names chunks, and lives as long as the vault.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { Random } from './random.ts';

/** Tells vaults apart: 32 hex digits, drawn when a vault is made. */
export type VaultId = string & { readonly __brand: 'VaultId' };

/** The keys of one vault. */
export type VaultKeys = {
  readonly vaultId: VaultId;
  /** By generation, from 1. */
  readonly dataKeys: ReadonlyMap<number, KeyObject>;
  readonly namingKey: KeyObject;
};

/** Length of a chunk's name in bytes: of 2^32 chunks, two have one name by chance with 2^-65. */
export const NAME_BYTES = 16;

/** Keys for a new vault. */
export function newVaultKeys(random: Random): VaultKeys {
  return {
    // 16 random bytes in hex are what a vault id is
    vaultId: random(16).toString('hex') as VaultId,
    dataKeys: new Map([[1, createSecretKey(random(32))]]),
    namingKey: createSecretKey(random(32)),
  };
}

/** The same keys and one more data key, with which everything is sealed from now on. */
export function withNewDataKey(keys: VaultKeys, random: Random): VaultKeys {
  const added = [newestGeneration(keys) + 1, createSecretKey(random(32))] as const;
  return { ...keys, dataKeys: new Map([...keys.dataKeys, added]) };
}

/** The generation that new objects are sealed with. */
export function newestGeneration(keys: VaultKeys): number {
  return Math.max(...keys.dataKeys.keys());
}

/** The name of a chunk: the first `NAME_BYTES` bytes count. Equal content has equal names within a vault, and only there. */
export function chunkName(keys: VaultKeys, content: Uint8Array): Buffer {
  return createHmac('sha256', keys.namingKey).update(content).digest();
}
