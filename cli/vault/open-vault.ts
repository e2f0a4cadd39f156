/** From the way that was typed to the vault. */
import type { Context } from '../command.ts';
import { offlineVault } from './offline-vault.ts';
import { onlineVault } from './online-vault.ts';
import type { Vault } from './vault.ts';
import type { Way } from './way.ts';

/** The vault. Nothing is asked of it yet; through an agent, a coordinator must be there. */
export async function openVault(context: Context, way: Way): Promise<Vault> {
  return way.kind === 'tenant' ? onlineVault(context, await context.connect(), way.tenant) : offlineVault(context, way);
}
