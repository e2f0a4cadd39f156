/** LauncherService over the supervisor: translates, and decides nothing. */
import { create } from '@bufbuild/protobuf';
import type { ConnectRouter, ServiceImpl } from '@connectrpc/connect';
import { messageOf, OpenCraneError } from '@opencrane/kit/errors.ts';
import { toConnectError } from '@opencrane/kit/grpc/status.ts';
import type { Logger } from '@opencrane/kit/logging.ts';
import {
  LauncherService,
  type LauncherStatus,
  LauncherStatusSchema,
  StartRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
  type Hold as WireHold,
  LauncherState as WireState,
} from '@opencrane/proto/opencrane/v1/launcher_pb.ts';
import type { Hold } from './hold.ts';
import type { LauncherState } from './state.ts';
import type { LastExit, Supervised } from './supervised.ts';
import type { Supervisor } from './supervisor.ts';
import type { Updates } from './updates.ts';

const wireStates: Record<LauncherState['state'], WireState> = {
  idle: WireState.IDLE,
  starting: WireState.RESTARTING,
  running: WireState.RUNNING,
  asking: WireState.RESTARTING,
  mending: WireState.RESTARTING,
  waiting: WireState.RESTARTING,
  stopping: WireState.STOPPING,
  failed: WireState.FAILED,
};

/** Registers the service. */
export function launcherRoutes(supervisor: Supervisor, updates: Updates, log: Logger): (router: ConnectRouter) => void {
  const service: Partial<ServiceImpl<typeof LauncherService>> = {
    start: ({ runtimeDirectory, version, environment, arguments: args, hold }) =>
      answering('starting OpenClaw', async () => {
        log.info({ version, runtimeDirectory }, 'asked to start OpenClaw');
        const order = { runtimeDirectory, version, environment, arguments: args };
        return { pid: BigInt(await supervisor.start(order, hold && readHold(hold))) };
      }),
    stop: ({ budgetMillis, reason }) =>
      answering('stopping OpenClaw', async () => {
        log.info({ reason, budgetMillis: Number(budgetMillis) }, 'asked to stop OpenClaw');
        const exit = await supervisor.stop(Number(budgetMillis));
        return exit === undefined ? {} : { exit: wireExit(exit) };
      }),
    hold: ({ hold }) =>
      answering('holding OpenClaw', async () => {
        if (hold === undefined) throw holdMissing();
        await supervisor.hold(readHold(hold));
        return {};
      }),
    status: () => ({ status: wireStatus(supervisor.now), clockMillis: BigInt(Math.floor(supervisor.clockMillis)) }),
    watch: (_request, { signal }) => watch(supervisor, updates, signal),
    answerUpdate: ({ requestId, response }) =>
      answering('answering an update', () => {
        updates.answer(requestId, response ?? {});
        return {};
      }),
    async *update({ version }, { signal }) {
      log.info({ version: version || 'latest' }, 'the tenant asks for an update');
      try {
        yield* updates.ask(version, signal);
      } catch (cause) {
        log.warn({ why: messageOf(cause) }, 'the update was not done');
        throw toConnectError(cause, 'updating OpenClaw');
      }
    },
  };
  return (router) => router.service(LauncherService, service);
}

/** A status at once, then every change and every request of the shim; of statuses only the newest is kept for a slow reader. */
async function* watch(supervisor: Supervisor, updates: Updates, signal: AbortSignal): AsyncGenerator<WatchResponse> {
  let status: Supervised | undefined = supervisor.now;
  const requests: WatchResponse[] = [];
  let wake = () => {};
  const offs = [
    supervisor.onChange((now) => {
      status = now;
      wake();
    }),
    updates.onRequest((update) => {
      requests.push(create(WatchResponseSchema, { event: { case: 'update', value: update } }));
      wake();
    }),
  ];
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      if (status !== undefined) {
        const value = wireStatus(status);
        status = undefined;
        yield create(WatchResponseSchema, { event: { case: 'status', value } });
      }
      yield* requests.splice(0);
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      if (status === undefined && requests.length === 0 && !signal.aborted) await promise;
    }
  } finally {
    for (const off of offs) off();
  }
}

function wireStatus({ state, order, lastExit, starts, sinceAt, nextTryAt }: Supervised): LauncherStatus {
  return create(LauncherStatusSchema, {
    state: wireStates[state.state],
    pid: BigInt(state.state === 'running' || state.state === 'stopping' ? (state.pid ?? 0) : 0),
    ...(order && { started: create(StartRequestSchema, { ...order, arguments: [...order.arguments] }) }),
    ...(lastExit && { lastExit: wireExit(lastExit) }),
    starts: BigInt(starts),
    failures: state.state === 'idle' ? 0 : state.failures,
    sinceMillis: BigInt(sinceAt),
    nextTryMillis: BigInt(nextTryAt ?? 0),
  });
}

function readHold({ untilMillis, drainMillis, asOfMillis }: WireHold): Hold {
  return { until: Number(untilMillis), drainMillis: Number(drainMillis), asOf: Number(asOfMillis) };
}

function holdMissing(): OpenCraneError {
  return new OpenCraneError('invalid_argument', 'hold_missing', 'holding OpenClaw: the request says no hold', {
    field: 'hold',
    mend: 'say until when it may run',
  });
}

function wireExit({ code, signal, lastWords, restartRequested }: LastExit) {
  return { code, signal, output: lastWords, restartRequested };
}

async function answering<T>(doing: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw toConnectError(cause, doing);
  }
}
