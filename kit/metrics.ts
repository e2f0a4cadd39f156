/** Prometheus metrics of one program; every program has a registry of its own, so that tests can run several in a process. */
import { Registry } from 'prom-client';

export { Counter, Gauge, type Registry } from 'prom-client';

/** Makes an empty registry whose metrics all carry the program's name. */
export function createRegistry(program: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ program });
  return registry;
}
