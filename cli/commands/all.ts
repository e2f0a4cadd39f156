/** Every command, in the order of the help. */
import type { Command } from './command.ts';
import { start } from './start.ts';
import { tenantCreate } from './tenant/create.ts';
import { tenantDelete } from './tenant/delete.ts';
import { tenantList } from './tenant/list.ts';
import { tenantLogs } from './tenant/logs.ts';
import { tenantOpen } from './tenant/open.ts';
import { tenantRestart } from './tenant/restart.ts';
import { tenantShell } from './tenant/shell.ts';
import { tenantShow } from './tenant/show.ts';
import { tenantWatch } from './tenant/watch.ts';

/** The commands. */
export const commands: readonly Command[] = [
  start,
  tenantCreate,
  tenantList,
  tenantShow,
  tenantWatch,
  tenantRestart,
  tenantDelete,
  tenantLogs,
  tenantOpen,
  tenantShell,
];
