/** What snapshots do not have, for people. */
import type { NotStored } from '@opencrane/proto/opencrane/v1/vault_pb.ts';
import type { Output } from '../output/output.ts';

/** Names what ought to be stored and is not, then, dimmed, what is left out by rule. */
export function reportNotStored(output: Output, notStored: readonly NotStored[]): void {
  const ofKind = (wanted: string) => notStored.filter(({ kind }) => kind === wanted);
  lines(output, 'not protected, because it lies outside of the state:', ofKind('outside'), 'yellow');
  lines(
    output,
    'not stored, because it cannot be read (what an earlier snapshot has of it is kept):',
    ofKind('unread'),
    'yellow',
  );
  lines(output, 'left out of every snapshot:', ofKind('left_out'), 'dim');
}

function lines(output: Output, title: string, of: readonly NotStored[], style: 'yellow' | 'dim'): void {
  if (of.length === 0) return;
  output.line(output.style(style, title));
  for (const { path, why } of of) output.line(output.style(style, `  ${path}: ${why}`));
}
