/**
 * Shows the steps of what takes long, of one tenant or of several: drawn again in a terminal, as lines in a pipe (a
 * step's begin, its end, and every few seconds between).
 */
import type { Clock } from '@opencrane/kit/clock.ts';
import type { LiveArea } from '../output/live-area.ts';
import type { Output } from '../output/output.ts';
import { stepLine } from './step-line.ts';
import { allDone, type Heard, hear, isNews, type Step } from './steps.ts';

/** How often a terminal is drawn again. */
const FRAME_MILLIS = 120;

/** How often a long step says in a pipe that it goes on. */
const LINE_MILLIS = 5_000;

/** `heardAt` is when the last step's time was news: what is shown of a step that runs goes on from there. */
type Shown = { readonly steps: readonly Step[]; readonly heardAt: number; readonly printedAt: number };

/** The view. `close` must be called: a terminal's drawing keeps a timer. */
export class ProgressView {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #shown = new Map<string, Shown>();
  readonly #area: LiveArea | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output, clock: Clock) {
    this.#output = output;
    this.#clock = clock;
    this.#area = output.interactive ? output.live() : undefined;
  }

  /** Takes in what is heard about a tenant; an empty name for what is about none. */
  heard(tenant: string, heard: Heard): void {
    const before = this.#shown.get(tenant);
    const steps = hear(before?.steps ?? [], heard);
    if (steps === before?.steps) return;
    const now = this.#clock.monotonic();
    const heardAt = before === undefined || isNews(steps, before.steps) ? now : before.heardAt;
    const shown = { steps, heardAt, printedAt: before?.printedAt ?? now };
    this.#shown.set(tenant, this.#area ? shown : this.#print(tenant, before?.steps ?? [], shown));
    if (this.#area) this.#animate();
  }

  /** Whether a step of the tenant is under way. */
  isRunning(tenant: string): boolean {
    return this.#shown.get(tenant)?.steps.at(-1)?.state === 'running';
  }

  /** A tenant's steps are over: they stay as they are, and what is heard next begins anew. */
  settle(tenant: string): void {
    const shown = this.#shown.get(tenant);
    if (shown === undefined) return;
    const steps = allDone(shown.steps, this.#clock.monotonic() - shown.heardAt);
    this.#shown.delete(tenant);
    if (!this.#area) {
      this.#print(tenant, shown.steps, { ...shown, steps });
      return;
    }
    this.#area.end(false);
    for (const step of steps) this.#output.line(this.#line(tenant, step));
    this.#draw();
  }

  /** A line that stays, above what is drawn. */
  line(text: string): void {
    this.#area?.end(false);
    this.#output.line(text);
    this.#draw();
  }

  /** Leaves what is drawn, and ends. */
  close(): void {
    clearInterval(this.#timer);
    for (const tenant of [...this.#shown.keys()]) this.#leave(tenant);
    this.#shown.clear();
  }

  #leave(tenant: string): void {
    const shown = this.#shown.get(tenant);
    this.#shown.delete(tenant);
    if (!this.#area || shown === undefined) return;
    this.#area.end(false);
    for (const step of shown.steps) this.#output.line(this.#line(tenant, step));
    this.#draw();
  }

  #animate(): void {
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MILLIS);
  }

  #draw(): void {
    const now = this.#clock.monotonic();
    this.#area?.draw(
      [...this.#shown].flatMap(([tenant, { steps, heardAt }]) =>
        steps.map((step) => this.#line(tenant, step, now - heardAt)),
      ),
    );
  }

  #print(tenant: string, before: readonly Step[], shown: Shown): Shown {
    const now = this.#clock.monotonic();
    let printedAt = shown.printedAt;
    for (const [index, step] of shown.steps.entries()) {
      const news = step.state !== before[index]?.state || (step.state === 'running' && now - printedAt >= LINE_MILLIS);
      if (!news) continue;
      this.#output.line(this.#line(tenant, step, now - shown.heardAt));
      printedAt = now;
    }
    return { ...shown, printedAt };
  }

  #line(tenant: string, step: Step, running = 0): string {
    const line = stepLine(step, this.#output, running);
    return tenant === '' ? line : `${this.#output.style('bold', tenant)} ${line}`;
  }
}
