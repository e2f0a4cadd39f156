/** Serves Connect on the launcher's unix socket, which nobody but this user may open. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Part } from '@opencrane/kit/lifecycle.ts';
import type { TenantFolders } from '../folders.ts';
import { launcherSocket } from './socket.ts';

/** A server on the socket. Whoever starts it holds the launcher's lock, so a socket that is there is a dead one's. */
export function socketServer(folders: TenantFolders, routes: (router: ConnectRouter) => void): Part {
  const path = launcherSocket(folders);
  const server = createServer(connectNodeAdapter({ routes }));
  return {
    name: 'socket',
    start() {
      rmSync(path, { force: true });
      return new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, () => {
          chmodSync(path, 0o600);
          resolve();
        });
      });
    },
    stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections(); // watchers stay connected for ever; Node removes the socket itself
      return closed;
    },
  };
}
