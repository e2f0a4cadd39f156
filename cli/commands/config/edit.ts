/** `opencrane config edit`. */
import { z } from 'zod';
import { command } from '../../command.ts';
import { editDocument, refusedEdit } from '../../config/editor.ts';
import { expectation } from '../../config/expected-revision.ts';
import { plainSecretsOption, plainSecretsShape } from '../../config/plain-secrets.ts';
import { skipCheckOption, skipCheckShape } from '../../config/skip-check.ts';
import { reportWritten } from '../../config/written.ts';
import { callError } from '../../connection/call-error.ts';
import { waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { readScope, scopeOptions, scopeShape } from '../../scope.ts';

/** The command. */
export const configEdit = command({
  noun: 'config',
  verb: 'edit',
  summary: "edit a scope's whole layer as JSON in $EDITOR; refused when someone else wrote it meanwhile",
  arguments: [],
  options: [
    ...scopeOptions,
    { flags: '--reason <text>', summary: 'why; kept in the history' },
    skipCheckOption,
    plainSecretsOption,
    ...waitOptions,
  ],
  examples: [
    { command: 'opencrane config edit --tenant jente', shows: "jente's own layer, in your editor" },
    { command: 'EDITOR="code --wait" opencrane config edit --org', shows: 'in an editor of your choice' },
  ],
  input: z.object({
    ...scopeShape,
    ...waitShape,
    ...skipCheckShape,
    ...plainSecretsShape,
    reason: z.string().default(''),
  }),
  async run(context, { reason, skipCheck, plainSecrets, ...input }) {
    const scope = readScope(input);
    const clients = await context.connect();
    const { layer } = await clients.config.getConfig({ scope });
    context.interrupts.onAgain(() => {}); // the terminal is the editor's
    const { document, file, discard } = await editDocument(layer?.document ?? {}, context.environment);
    const written = await clients.config
      .replaceConfig({ scope, document, reason, skipCheck, plainSecrets, ...expectation(layer?.revision ?? 0n) })
      .catch((thrown: unknown) => {
        throw refusedEdit(callError(thrown), file);
      });
    await discard();
    return reportWritten(context, clients, scope, written, input);
  },
});
