/** A step as a line of text. */
import type { Output } from '../output/output.ts';
import { formatBytes, formatMillis } from '../output/units.ts';
import type { Step } from './steps.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** Widest of the step names we know, so that what follows them lines up. */
const NAME_WIDTH = 10;

/** Such as `✔ download    61.2 MB      3.4 s  downloading OpenClaw 2026.9.6`. `running` is how long the step has run since it was heard of. */
export function stepLine(step: Step, output: Output, running = 0): string {
  const millis = step.last - step.began + (step.state === 'running' ? running : 0);
  const cells = [
    (step.name || step.operation).padEnd(NAME_WIDTH),
    bytesOf(step).padStart(20),
    formatMillis(millis).padStart(11),
  ];
  const message = step.state === 'failed' ? output.style('red', step.error) : output.style('dim', step.message);
  return `${mark(step, output, millis)} ${cells.join('')}  ${message}`.trimEnd();
}

function bytesOf({ doneBytes, totalBytes, state }: Step): string {
  if (doneBytes === 0 && totalBytes === 0) return '';
  return state === 'running' && totalBytes > 0
    ? `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
    : formatBytes(doneBytes);
}

function mark({ state }: Step, output: Output, millis: number): string {
  if (state === 'done') return output.style('green', '✔');
  if (state === 'failed') return output.style('red', '✘');
  if (!output.interactive) return '…';
  return output.style('cyan', frames[Math.floor(millis / 100) % frames.length] ?? '…');
}
