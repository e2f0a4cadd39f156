/** A slot: the keys of a vault, wrapped with one tenant key. JSON of one spelling, so that not a bit of it is without meaning. */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto';
import { z } from 'zod';
import type { ObjectName } from '../../bucket/bucket.ts';
import { objectAt } from '../../bucket/layout.ts';
import { objectDamaged, vaultNewerFormat } from '../errors.ts';
import type { Random } from './random.ts';
import { derive, type TenantKey } from './tenant-key.ts';
import type { VaultId, VaultKeys } from './vault-keys.ts';

const FORMAT = 1;
const INFO = 'opencrane/slot/1';
const TAG_BYTES = 16;
/** A key is used for one sealing only (it has a salt of its own), so the nonce may be fixed. */
const NONCE = Buffer.alloc(12);

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));

const slotSchema = z.strictObject({
  format: z.literal(FORMAT),
  vault: hex(32).transform((text) => text as VaultId), // the pattern is all that a vault id is
  salt: hex(64),
  sealed: z.string().regex(/^([0-9a-f]{2}){16,}$/),
});
type Slot = z.output<typeof slotSchema>;

const contentSchema = z.strictObject({
  dataKeys: z.record(z.string().regex(/^[1-9][0-9]{0,4}$/), hex(64)),
  namingKey: hex(64),
});

/** The object of a slot, for the bucket. */
export function sealSlot(keys: VaultKeys, tenantKey: TenantKey, random: Random): { name: ObjectName; bytes: Buffer } {
  const name = objectAt({ kind: 'slot', keyId: tenantKey.id });
  const salt = random(32);
  const unsealed = { format: FORMAT, vault: keys.vaultId, salt: salt.toString('hex') } as const;
  const content: z.input<typeof contentSchema> = {
    dataKeys: Object.fromEntries(
      [...keys.dataKeys].map(([generation, key]) => [generation, key.export().toString('hex')]),
    ),
    namingKey: keys.namingKey.export().toString('hex'),
  };
  const cipher = createCipheriv('aes-256-gcm', derive(tenantKey.secret, salt, INFO), NONCE);
  cipher.setAAD(additionalData(name, unsealed));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(content), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { name, bytes: Buffer.from(spell({ ...unsealed, sealed: sealed.toString('hex') })) };
}

/** The keys in a slot. */
export function openSlot(name: ObjectName, bytes: Uint8Array, tenantKey: TenantKey): VaultKeys {
  const slot = parseSlot(name, bytes);
  const content = contentSchema.parse(JSON.parse(unseal(name, slot, tenantKey)));
  const key = (digits: string) => createSecretKey(Buffer.from(digits, 'hex'));
  return {
    vaultId: slot.vault,
    dataKeys: new Map(
      Object.entries(content.dataKeys).map(([generation, digits]) => [Number(generation), key(digits)]),
    ),
    namingKey: key(content.namingKey),
  };
}

/** Which vault a slot says it is of, without any key. */
export function vaultOfSlot(name: ObjectName, bytes: Uint8Array): VaultId {
  return parseSlot(name, bytes).vault;
}

function parseSlot(name: ObjectName, bytes: Uint8Array): Slot {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw objectDamaged(name, 'it is not JSON', cause);
  }
  const newer = z.object({ format: z.int().gt(FORMAT) }).safeParse(json);
  if (newer.success) throw vaultNewerFormat(name, newer.data.format);
  const parsed = slotSchema.safeParse(json);
  if (!parsed.success || spell(parsed.data) !== text) throw objectDamaged(name, 'it is not a slot');
  return parsed.data;
}

function unseal(name: ObjectName, slot: Slot, tenantKey: TenantKey): string {
  const sealed = Buffer.from(slot.sealed, 'hex');
  const at = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(
    'aes-256-gcm',
    derive(tenantKey.secret, Buffer.from(slot.salt, 'hex'), INFO),
    NONCE,
    {
      authTagLength: TAG_BYTES,
    },
  );
  decipher.setAAD(additionalData(name, slot)).setAuthTag(sealed.subarray(at));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, at)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw objectDamaged(name, 'it is a slot of this tenant key, but does not open with it', cause);
  }
}

function spell({ format, vault, salt, sealed }: Slot): string {
  return JSON.stringify({ format, vault, salt, sealed });
}

function additionalData(name: ObjectName, { format, vault, salt }: Omit<Slot, 'sealed'>): Buffer {
  return Buffer.from([name, format, vault, salt].join('\n'));
}
