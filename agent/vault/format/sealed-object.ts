/**
 * Sealed objects: a header in clear, then frames, each sealed by itself so that it can be read by itself.
 *
 *   offset 0   "OCV1"
 *          4   kind: 1 head, 2 manifest, 3 pack
 *          5   generation of the data key, 2 bytes, big-endian
 *          7   vault id, 16 bytes
 *         23   salt, 16 random bytes
 *         39   frames: ciphertext and a tag of 16 bytes (AES-256-GCM)
 *
 * Key: HKDF-SHA-256 of the data key with the salt, so no two objects share one. Nonce: number of the frame in the object,
 * 12 bytes, big-endian. Additional data: the header and the object's name, so that none passes for another.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { ObjectName } from '../../bucket/bucket.ts';
import { dataKeyUnknown, objectDamaged, objectOfAnotherVault, objectShort, vaultNewerFormat } from '../errors.ts';
import type { Random } from '../keys/random.ts';
import { derive } from '../keys/tenant-key.ts';
import { newestGeneration, type VaultKeys } from '../keys/vault-keys.ts';

/** Length of the header. */
export const HEADER_BYTES = 39;
/** By how much a sealed frame is longer than what was sealed. */
const TAG_BYTES = 16;

const MAGIC = 'OCV1';
const kinds = { head: 1, manifest: 2, pack: 3 } as const;

/** What a sealed object is. */
export type ObjectKind = keyof typeof kinds;

/** Seals the frames of one new object. */
export class ObjectSealer {
  readonly header: Buffer;
  readonly #key: KeyObject;
  readonly #additional: Buffer;

  constructor(keys: VaultKeys, kind: ObjectKind, name: ObjectName, random: Random) {
    const generation = newestGeneration(keys);
    const salt = random(16);
    this.header = Buffer.alloc(HEADER_BYTES);
    this.header.write(MAGIC, 0, 'latin1');
    this.header.writeUInt8(kinds[kind], 4);
    this.header.writeUInt16BE(generation, 5);
    this.header.write(keys.vaultId, 7, 'hex');
    salt.copy(this.header, 23);
    this.#key = objectKey(keys, kind, generation, salt, name);
    this.#additional = Buffer.concat([this.header, Buffer.from(name)]);
  }

  /** The sealed frame, in pieces. Each number may be used once. */
  seal(frame: number, plain: Uint8Array): Buffer[] {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce(frame));
    cipher.setAAD(this.#additional);
    const sealed = cipher.update(plain);
    cipher.final(); // gives no bytes: GCM is a stream cipher
    return [sealed, cipher.getAuthTag()];
  }
}

/** Opens the frames of one object. */
export class ObjectOpener {
  readonly #name: ObjectName;
  readonly #key: KeyObject;
  readonly #additional: Buffer;

  /** Throws when the header is not that of an object of this kind and vault. `start` is at least the header. */
  constructor(keys: VaultKeys, kind: ObjectKind, name: ObjectName, start: Uint8Array) {
    const header = Buffer.from(start.subarray(0, HEADER_BYTES));
    const { generation, salt } = readHeader(keys, kind, name, header);
    this.#name = name;
    this.#key = objectKey(keys, kind, generation, salt, name);
    this.#additional = Buffer.concat([header, Buffer.from(name)]);
  }

  /** What was sealed as this frame. */
  open(frame: number, sealed: Uint8Array): Buffer {
    const at = sealed.length - TAG_BYTES;
    if (at < 0) throw objectShort(this.#name, sealed.length, TAG_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce(frame), { authTagLength: TAG_BYTES });
    decipher.setAAD(this.#additional).setAuthTag(sealed.subarray(at));
    try {
      const plain = decipher.update(sealed.subarray(0, at));
      decipher.final();
      return plain;
    } catch (cause) {
      throw objectDamaged(this.#name, `frame ${frame} is not what was written under this name`, cause);
    }
  }
}

function readHeader(keys: VaultKeys, kind: ObjectKind, name: ObjectName, header: Buffer) {
  if (header.length < HEADER_BYTES) throw objectShort(name, header.length, HEADER_BYTES);
  const magic = header.toString('latin1', 0, 4);
  if (/^OCV[2-9]$/.test(magic)) throw vaultNewerFormat(name, magic);
  if (magic !== MAGIC) throw objectDamaged(name, 'it does not begin as an object of a vault');
  const vaultId = header.toString('hex', 7, 23);
  if (vaultId !== keys.vaultId) throw objectOfAnotherVault(name, vaultId, keys.vaultId);
  if (header.readUInt8(4) !== kinds[kind]) throw objectDamaged(name, `it is no ${kind}`);
  return { generation: header.readUInt16BE(5), salt: header.subarray(23, HEADER_BYTES) };
}

function objectKey(keys: VaultKeys, kind: ObjectKind, generation: number, salt: Uint8Array, name: ObjectName) {
  const dataKey = keys.dataKeys.get(generation);
  if (!dataKey) throw dataKeyUnknown(name, generation);
  return createSecretKey(derive(dataKey, salt, `opencrane/${kind}/1`));
}

function nonce(frame: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(frame, 8);
  return bytes;
}
