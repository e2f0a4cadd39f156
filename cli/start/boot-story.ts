/** Tells what becomes of the tenants from the start on, until the program ends. */
import { toJson } from '@bufbuild/protobuf';
import type { Clock } from '@opencrane/kit/clock.ts';
import { enumName } from '@opencrane/kit/enum-name.ts';
import { Phase, PhaseSchema, type Tenant, TenantSchema } from '@opencrane/proto/opencrane/v1/tenant_pb.ts';
import type { Clients } from '../connection/clients.ts';
import type { Output } from '../output/output.ts';
import { ProgressView } from '../progress/progress-view.ts';
import type { Heard } from '../progress/steps.ts';
import type { TenantListener } from '../tenants/follow-tenants.ts';
import { isReady, reservation } from '../tenants/readiness.ts';
import { welcome } from './welcome.ts';

/** Phases that a person should know of, unless a step that shows is about to mend them; the others show as steps. */
const noteworthy = new Set<Phase>([Phase.DEGRADED, Phase.DISCONNECTED, Phase.DELETING]);

/** Operations of an agent that end when its tenant is ready. */
const untilReady: ReadonlySet<string> = new Set(['residence', 'boot']);

/** A listener that shows what it is told. */
export class BootStory implements TenantListener {
  readonly #clients: Clients;
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #view: ProgressView;
  readonly #began: number;
  readonly #welcomed = new Set<string>();
  /** Tenants that are ready now. */
  readonly #ready = new Set<string>();

  constructor(clients: Clients, output: Output, clock: Clock, began: number) {
    this.#clients = clients;
    this.#output = output;
    this.#clock = clock;
    this.#began = began;
    this.#view = new ProgressView(output, clock);
  }

  progress(tenant: string, heard: Heard): void {
    if (untilReady.has(heard.operation) && this.#ready.has(tenant)) return; // late news of what was welcomed already
    this.#view.heard(tenant, heard);
    // Moving in may end while a bundle is built for the tenant: that goes on.
    if (heard.finished && heard.operation !== 'residence') this.#view.settle(tenant);
  }

  async changed(tenant: Tenant, before: Tenant | undefined): Promise<void> {
    this.#output.jsonLine({ tenant: toJson(TenantSchema, tenant) });
    const { name, status } = tenant;
    const wasReady = this.#ready.has(name);
    if (isReady(tenant)) {
      this.#ready.add(name);
      this.#view.settle(name);
      if (!wasReady || status?.phase === Phase.READY) return this.#welcome(tenant);
    } else this.#ready.delete(name);
    if (before && status && noteworthy.has(status.phase) && !this.#view.isRunning(name)) {
      const phase = enumName(PhaseSchema, status.phase).toLowerCase();
      this.#view.line(this.#output.style('yellow', `${name} is ${phase}: ${status.message}`));
    }
  }

  deleted(name: string): void {
    this.#output.jsonLine({ deleted: name });
    this.#view.settle(name);
    this.#view.line(`${name} is deleted`);
  }

  /** Leaves what is shown as it is. */
  close(): void {
    this.#view.close();
  }

  /** The whole welcome the first time, a line when it is ready again. */
  async #welcome(tenant: Tenant): Promise<void> {
    if (this.#welcomed.has(tenant.name)) {
      const word = reservation(tenant);
      this.#view.line(
        `${tenant.name} is ready: OpenClaw ${tenant.status?.openclawVersion ?? ''}${word && `; ${word}`}`,
      );
      return;
    }
    this.#welcomed.add(tenant.name);
    const access = await this.#clients.tenants.getTenantAccess({ name: tenant.name });
    this.#output.jsonLine({ ready: tenant.name, url: access.url, token: access.token });
    const took = this.#clock.monotonic() - this.#began;
    for (const line of welcome(tenant, access, took, this.#output)) this.#view.line(line);
  }
}
