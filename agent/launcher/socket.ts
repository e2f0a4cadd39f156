/** Where the launcher's socket is. */
import { socketPath } from '@opencrane/kit/socket-path.ts';
import type { TenantFolders } from '../folders.ts';

/** The launcher's socket of a tenant. */
export function launcherSocket(folders: TenantFolders): string {
  return socketPath(folders.run, 'launcher.sock');
}
