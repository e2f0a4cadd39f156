/**
 * Unpacks one bundle and ends: `node unpack-main.ts BUNDLE FOLDER`. A process of its own, because unpacking takes the
 * memory that the agent must not keep. Writes a JSON line per advance, and last how it went; ends with its parent.
 */
import { messageOf, OpenCraneError, systemCode } from '@opencrane/kit/errors.ts';
import { faultPoint } from '../fault-point.ts';
import type { UnpackLine } from './bundle-unpack.ts';
import { unpackLimits, unpackTree } from './unpack-tree.ts';

const [, , bundle = '', folder = ''] = process.argv;

// The parent holds the other end of standard input for as long as it lives.
process.stdin.on('close', () => process.exit(1)).resume();

function write(line: UnpackLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

try {
  await unpackTree(bundle, folder, unpackLimits, (doneBytes) => {
    faultPoint('unpack:part');
    write({ doneBytes });
  });
  write({ finished: true });
} catch (cause) {
  const reason = cause instanceof OpenCraneError ? cause.reason : '';
  write({ failed: { reason, systemCode: systemCode(cause), message: messageOf(cause) } });
}
process.stdin.destroy();
