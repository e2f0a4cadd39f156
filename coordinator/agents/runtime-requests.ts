/** Tenants' `openclaw update`s that are being decided on. Outlives the streams: a build may take longer than one. */
import { messageOf } from '@opencrane/kit/errors.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import type { AgentObserver } from './ports.ts';

type Answer = Awaited<ReturnType<AgentObserver['runtimeRequest']>>;

/** The open requests, at most one per tenant. */
export class RuntimeRequests {
  readonly #observer: AgentObserver;
  readonly #log: Logger;
  readonly #open = new Map<string, { readonly requestId: string; readonly answer: Promise<Answer> }>();

  constructor(observer: AgentObserver, log: Logger) {
    this.#observer = observer;
    this.#log = log;
  }

  /** Decides, or joins the decision on the same request, which an agent sends again after a reconnect. Never rejects. */
  async decide(tenant: string, requestId: string, version: string): Promise<Answer> {
    const open = this.#open.get(tenant);
    if (open?.requestId === requestId) return open.answer;
    if (open !== undefined) return refusal(version, 'another update of this tenant is being decided on; wait for it');
    const answer = this.#ask(tenant, version);
    this.#open.set(tenant, { requestId, answer });
    return answer.finally(() => this.#open.delete(tenant));
  }

  async #ask(tenant: string, version: string): Promise<Answer> {
    try {
      return await this.#observer.runtimeRequest(tenant, version);
    } catch (cause) {
      this.#log.error({ err: cause, tenant, version }, 'deciding on an update failed');
      return refusal(version, messageOf(cause));
    }
  }
}

function refusal(version: string, message: string): Answer {
  return { accepted: false, version, message, unchanged: false };
}
