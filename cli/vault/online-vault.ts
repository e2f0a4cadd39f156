/** A tenant's vault through the coordinator and the tenant's agent. */
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import type { FilesExported } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { Context } from '../command.ts';
import type { Clients } from '../connection/clients.ts';
import type { Heard } from '../progress/steps.ts';
import { showProgress } from './show-progress.ts';
import type { Vault } from './vault.ts';

/** The operation under which an agent tells how far an order to its vault is. */
const OPERATION = 'vault';

/** The vault of a tenant. */
export function onlineVault(context: Context, clients: Clients, tenant: string): Vault {
  const { output, interrupts } = context;
  const { signal } = interrupts;
  const { vault } = clients;
  const shown = <T>(work: () => Promise<T>) =>
    showProgress(context, tenant, (heard) => whileFollowing(clients, tenant, heard, work));
  const changing = async <T>(work: () => Promise<T>) => {
    try {
      return await shown(work);
    } catch (thrown) {
      if (signal.aborted) output.note(`the agent of ${tenant} goes on with it: opencrane tenant watch ${tenant}`);
      throw thrown;
    }
  };
  return {
    list: async (list) => given((await vault.listSnapshots({ tenant, list }, { signal })).list),
    take: (take) => changing(async () => given((await vault.takeSnapshot({ tenant, take }, { signal })).taken)),
    restore: (restore) =>
      changing(async () => given((await vault.restoreVault({ tenant, restore }, { signal })).restored)),
    verify: (verify) => shown(async () => given((await vault.verifyVault({ tenant, verify }, { signal })).verified)),
    prune: (prune) => changing(async () => given((await vault.pruneVault({ tenant, prune }, { signal })).pruned)),
    compare: (compare) =>
      shown(async () => given((await vault.diffSnapshots({ tenant, compare }, { signal })).difference)),
    export: (files, put) =>
      shown(async () => {
        let exported: FilesExported | undefined;
        for await (const { part } of vault.exportSnapshot({ tenant, export: files }, { signal })) {
          if (part.case === 'data') await put(part.value);
          else if (part.case === 'exported') exported = part.value;
        }
        return given(exported);
      }),
  };
}

/** Hears of the tenant's progress until the work is done. What goes wrong with that is no reason for the work to fail. */
async function whileFollowing<T>(
  clients: Clients,
  tenant: string,
  heard: (progress: Heard) => void,
  work: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const following = follow(clients, tenant, heard, over.signal).catch(() => {});
  try {
    return await work();
  } finally {
    over.abort();
    await following;
  }
}

async function follow(clients: Clients, name: string, heard: (progress: Heard) => void, signal: AbortSignal) {
  for await (const { tenant } of clients.tenants.watchTenants({ name }, { signal })) {
    const progress = tenant?.status?.progress;
    if (progress?.operation === OPERATION) heard(progress);
  }
}

function given<T>(answer: T | undefined): T {
  if (answer !== undefined) return answer;
  throw new OpenCraneError('internal', 'answer_empty', 'the coordinator answered, and said nothing', {
    mend: 'bring the CLI and the coordinator to one version',
  });
}
