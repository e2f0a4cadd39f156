/**
 * Which calls of ours go through a proxy that the environment names (`https_proxy` and its kin, as on any corporate laptop).
 *
 * - To this machine, over a socket or loopback: none, whatever the environment says.
 * - From an agent to the coordinator: none, unless gRPC's own `grpc_proxy` is set.
 * - To a bucket at Google, and npm's download of OpenClaw: as the environment says.
 * - From the command line to another machine's coordinator: with `NODE_USE_ENV_PROXY=1`, as any program on Node.
 */
import { setGlobalProxyFromEnv } from 'node:http';

type Environment = Readonly<Record<string, string | undefined>>;

/** This machine, and the server that tells a cloud's machine who it is: no proxy can reach either. */
const directHosts = 'localhost,127.0.0.1,[::1],::1,169.254.169.254,metadata.google.internal';

/** What Node's HTTP agents take for `proxyEnv`: the environment's proxies, small letters before large ones as curl has it, never for this machine. */
export function proxiesOf(environment: Environment): {
  readonly http_proxy: string | undefined;
  readonly https_proxy: string | undefined;
  readonly no_proxy: string;
} {
  const either = (name: string) => environment[name] || environment[name.toUpperCase()] || undefined;
  const exempt = either('no_proxy');
  return {
    http_proxy: either('http_proxy'),
    https_proxy: either('https_proxy'),
    no_proxy: exempt === undefined ? directHosts : `${exempt},${directHosts}`,
  };
}

/** To be called first in a program that asks something of this machine over HTTP: with `NODE_USE_ENV_PROXY` Node would ask a proxy for it. */
export function callThisMachineDirectly(environment: Environment = process.env): void {
  if (usesEnvironment(environment)) setGlobalProxyFromEnv(proxiesOf(environment));
}

/** Whether Node's own fetch, WebSocket and HTTP go by the environment. By themselves they do not. */
function usesEnvironment(environment: Environment): boolean {
  const flag = '--use-env-proxy';
  return (
    environment['NODE_USE_ENV_PROXY'] === '1' ||
    process.execArgv.includes(flag) ||
    (environment['NODE_OPTIONS'] ?? '').includes(flag)
  );
}

/** Whether gRPC is told to reach this `host:port` through a proxy. */
export function isGrpcProxied(address: string, environment: Environment = process.env): boolean {
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const isThisMachine = host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
  return !isThisMachine && Boolean(environment['grpc_proxy']);
}
