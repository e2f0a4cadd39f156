/** Secrets that are made once and then only read. */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readFileIfExists, syncFolder } from '@opencrane/kit/atomic-file.ts';
import { OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';

/**
 * Reads the secret in a file, or makes it when, and only when, the file does not exist. Any other failure to read is an
 * error: a key is never replaced because it could not be read.
 */
export async function readOrCreateSecret(path: string, make: () => Promise<string> | string): Promise<string> {
  const existing = await readFileIfExists(path);
  if (existing !== undefined) return checked(path, existing.trim());
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const secret = await make();
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${secret}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(dirname(path));
    return secret;
  } catch (cause) {
    // Another process made it between our look and our write.
    if (systemCode(cause) === 'EEXIST') return readOrCreateSecret(path, make);
    throw cause;
  }
}

function checked(path: string, secret: string): string {
  if (secret !== '') return secret;
  throw new OpenCraneError('data_loss', 'secret_empty', `reading ${path}: the file is empty`, {
    field: path,
    mend: 'bring it back from a backup; remove it only if a new secret may take its place',
  });
}
