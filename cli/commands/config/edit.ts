/** `opencrane config edit`. */
import type { JsonObject } from '@bufbuild/protobuf';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';
import { differences } from '../../config/document.ts';
import { editDocument, parseEdited } from '../../config/editor.ts';
import { callError } from '../../connection/call-error.ts';
import { waitOptions, waitShape } from '../../receipts/wait-and-report.ts';
import { command } from '../command.ts';
import { readScope, scopeOptions, scopeShape, scopeText } from '../scope.ts';
import { reportWritten } from './report-written.ts';

/** The command. */
export const configEdit = command({
  noun: 'config',
  verb: 'edit',
  summary: "edit a scope's own layer as JSON in your editor",
  arguments: [],
  options: [...scopeOptions, { flags: '--reason <text>', summary: 'why; kept in the history' }, ...waitOptions],
  examples: [
    { command: 'opencrane config edit --org', shows: "opens the organisation's layer in $EDITOR" },
    {
      command: 'EDITOR="code --wait" opencrane config edit --tenant jente',
      shows: 'in an editor with words of its own',
    },
  ],
  input: z.object({ reason: z.string().default(''), ...scopeShape, ...waitShape }),
  async run(context, { reason, wait, timeout, ...typed }) {
    const scope = readScope(typed);
    const clients = await context.connect();
    const { layer } = await clients.config.getConfig({ scope });
    const before: JsonObject = layer?.document ?? {};
    const edited = await editDocument(before, scopeText(scope), context.environment);
    const document = parseEdited(edited);
    if (differences(before, document).length === 0) {
      await edited.discard();
      context.output.line('nothing was changed');
      context.output.document({ changed: false });
      return 0;
    }
    const expectedRevision = layer?.revision ?? 0n;
    const written = await clients.config
      .replaceConfig({ scope, document, reason, expectedRevision })
      .catch((thrown: unknown) => {
        throw withFile(callError(thrown), edited.file);
      });
    await edited.discard();
    return reportWritten(context, clients, { ...written, scope }, { wait, timeout });
  },
});

/** What was typed is not lost because it was refused. */
function withFile({ code, reason, message, field, mend, cause }: OpenCraneError, file: string): OpenCraneError {
  return new OpenCraneError(code, reason, message, {
    field,
    mend: `${mend}${mend && '; '}your text is kept in ${file}`,
    cause,
  });
}
