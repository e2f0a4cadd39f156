/** The process that holds pins (pin-main.mjs), as its parent sees it. It starts when it is asked and ends with `close`. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OpenCraneError } from '@opencrane/kit/errors.ts';
import { type PinReply, type PinRequest, pinReply } from './pin-protocol.ts';

type Unnumbered<Request> = Request extends unknown ? Omit<Request, 'number'> : never;

const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1'];

/** Asks the process; starts it when there is none. */
export class PinProcess {
  #child: ChildProcess | undefined;
  #asked = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<PinReply>>();

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Rejects with `pin_lost` when the process ends before it answers: then none of its pins is held any more. */
  ask(request: Unnumbered<PinRequest>): Promise<PinReply> {
    this.#asked += 1;
    const number = this.#asked;
    const waiting = Promise.withResolvers<PinReply>();
    this.#waiting.set(number, waiting);
    const child = this.#child ?? this.#start();
    child.channel?.ref(); // who waits for an answer is not done; the process alone keeps nobody running
    child.send({ ...request, number }, (failure) => failure && this.#ended(child));
    return waiting.promise;
  }

  /** Ends the process; every pin is let go when this resolves. */
  async close(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.ref();
    this.#ended(child);
    await gone;
  }

  #start(): ChildProcess {
    const main = fileURLToPath(new URL('./pin-main.mjs', import.meta.url));
    // Without our environment, which it does not need, and without our flags, which may be a test runner's.
    const child = fork(main, { execArgv: flags, env: {} });
    child.unref();
    child.channel?.unref();
    child.on('message', (message) => {
      const reply = pinReply.parse(message);
      this.#waiting.get(reply.number)?.resolve(reply);
      this.#waiting.delete(reply.number);
      if (this.#waiting.size === 0) child.channel?.unref();
    });
    child.on('error', () => this.#ended(child));
    child.on('exit', () => this.#ended(child));
    this.#child = child;
    return child;
  }

  #ended(child: ChildProcess): void {
    if (this.#child !== child) return; // another one runs already
    this.#child = undefined;
    if (child.connected) child.disconnect(); // it lets go and ends
    for (const waiting of this.#waiting.values()) waiting.reject(pinLost());
    this.#waiting.clear();
  }
}

/** The error of who read under a pin that is gone. */
export function pinLost(): OpenCraneError {
  return new OpenCraneError('unavailable', 'pin_lost', 'the process that holds databases still has let go of them', {
    mend: 'nothing to do: the next snapshot takes them again',
  });
}
