/** Every command, in the order of the help. */

import type { Command } from '../command.ts';
import { auditList } from './audit/list.ts';
import { configDiff } from './config/diff.ts';
import { configEdit } from './config/edit.ts';
import { configGet } from './config/get.ts';
import { configHistory } from './config/history.ts';
import { configSet } from './config/set.ts';
import { configUnset } from './config/unset.ts';
import { events } from './events.ts';
import { runtimeBuild } from './runtime/build.ts';
import { runtimeHistory } from './runtime/history.ts';
import { runtimeList } from './runtime/list.ts';
import { runtimePin } from './runtime/pin.ts';
import { runtimeUnpin } from './runtime/unpin.ts';
import { start } from './start.ts';
import { status } from './status.ts';
import { tenantCreate } from './tenant/create.ts';
import { tenantDelete } from './tenant/delete.ts';
import { tenantList } from './tenant/list.ts';
import { tenantLogs } from './tenant/logs.ts';
import { tenantOpen } from './tenant/open.ts';
import { tenantRestart } from './tenant/restart.ts';
import { tenantShell } from './tenant/shell.ts';
import { tenantShow } from './tenant/show.ts';
import { tenantWatch } from './tenant/watch.ts';
import { vaultDelete } from './vault/delete.ts';
import { vaultDiff } from './vault/diff.ts';
import { vaultExport } from './vault/export.ts';
import { vaultList } from './vault/list.ts';
import { vaultPrune } from './vault/prune.ts';
import { vaultRecover } from './vault/recover.ts';
import { vaultRestore } from './vault/restore.ts';
import { vaultRotateKey } from './vault/rotate-key.ts';
import { vaultSnapshot } from './vault/snapshot.ts';
import { vaultVerify } from './vault/verify.ts';

/** The commands. */
export const commands: readonly Command[] = [
  start,
  status,
  events,
  tenantCreate,
  tenantList,
  tenantShow,
  tenantWatch,
  tenantRestart,
  tenantDelete,
  tenantLogs,
  tenantOpen,
  tenantShell,
  configGet,
  configSet,
  configUnset,
  configEdit,
  configDiff,
  configHistory,
  runtimeList,
  runtimeBuild,
  runtimePin,
  runtimeUnpin,
  runtimeHistory,
  vaultList,
  vaultSnapshot,
  vaultRestore,
  vaultVerify,
  vaultPrune,
  vaultExport,
  vaultDiff,
  vaultRecover,
  vaultRotateKey,
  vaultDelete,
  auditList,
];
