/** What is wrong with the programs of each tenant, as one line a tenant. */

/** Told a tenant's line when it changed, and the launcher's part of it; an empty one says that nothing is wrong any more. */
export type TroubleListener = (tenant: string, line: string, ofLauncher: string) => void;

/** Collects what each program says of itself. */
export class Troubles {
  readonly #words = new Map<string, Map<string, string>>();
  #listener: TroubleListener = () => {};

  /** There is one listener: whoever keeps what is observed of tenants. */
  listen(listener: TroubleListener): void {
    this.#listener = listener;
  }

  /** Takes the words of a program of a tenant. */
  take(tenant: string, program: 'agent' | 'launcher', words: string): void {
    const known = this.#words.get(tenant) ?? new Map<string, string>();
    if ((known.get(program) ?? '') === words) return;
    this.#words.set(tenant, known.set(program, words));
    this.#listener(tenant, [...known.values()].filter((each) => each !== '').join('; '), known.get('launcher') ?? '');
  }

  /** Forgets a tenant that is gone. */
  forget(tenant: string): void {
    this.#words.delete(tenant);
  }
}
