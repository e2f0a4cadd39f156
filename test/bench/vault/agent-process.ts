/** An agent's process, started with the flags and the environment that the local platform gives to agents. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { leanEnvironment, leanFlags } from '@opencrane/coordinator/local-platform/lean-process.ts';
import { cpuSeconds, type Measured, MemoryWatch } from './measured.ts';
import type { AgentAnswer, AgentOrder, AgentSetting } from './orders.ts';

const program = join(import.meta.dirname, 'agent.ts');

/** The process. */
export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<AgentAnswer>;
  readonly #began = performance.now();
  #isFresh = true;

  /** `flags`: more of them, such as those of a profiler. */
  constructor(setting: AgentSetting, compileCache: string, flags: readonly string[] = []) {
    this.#child = fork(program, [JSON.stringify(setting)], {
      execArgv: [...leanFlags, ...flags],
      env: { ...process.env, ...leanEnvironment, NODE_COMPILE_CACHE: compileCache },
    });
    this.#ended = once(this.#child, 'exit').then(([code]) => ({ failure: `its process ended with ${code}` }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Has something done, and measures it. The first order counts from the start of the process. */
  async measure(order: AgentOrder): Promise<Measured & AgentAnswer> {
    const began = this.#isFresh ? this.#began : performance.now();
    const cpuBefore = this.#isFresh ? 0 : cpuSeconds(this.pid);
    this.#isFresh = false;
    const watch = new MemoryWatch(this.pid);
    try {
      const answer = await this.tell(order);
      const seconds = (performance.now() - began) / 1000;
      return { ...answer, seconds, cpuSeconds: cpuSeconds(this.pid) - cpuBefore, peakBytes: watch.end() };
    } finally {
      watch.end();
    }
  }

  /** Has something done. */
  async tell(order: AgentOrder): Promise<AgentAnswer> {
    const answered = once(this.#child, 'message').then(([message]) => message as AgentAnswer); // of our own child
    this.#child.send(order);
    const answer = await Promise.race([answered, this.#ended]);
    if (answer.failure !== undefined) throw new Error(`${order.do}: ${answer.failure}`);
    return answer;
  }

  async end(): Promise<void> {
    await this.tell({ do: 'end' });
    this.#child.disconnect();
    await this.#ended;
  }
}
