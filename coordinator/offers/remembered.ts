/** Answers that were worked out once, up to a number of them. Those who ask while one is being worked out wait for it. */
export class Remembered<T> {
  readonly #answers = new Map<string, Promise<T>>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** The answer, worked out now if it is not known. One that fails is not remembered. */
  get(key: string, workOut: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = workOut();
    this.#remember(key, answer);
    answer.catch(() => {
      if (this.#answers.get(key) === answer) this.#answers.delete(key);
    });
    return answer;
  }

  /** Remembers an answer that is known otherwise; it takes the place of one that is being worked out. */
  set(key: string, answer: T): void {
    this.#remember(key, Promise.resolve(answer));
  }

  /** Forgets an answer, also one that is being worked out: it may be out of date before it is there. */
  forget(key: string): void {
    this.#answers.delete(key);
  }

  /** Forgets all. */
  forgetAll(): void {
    this.#answers.clear();
  }

  #remember(key: string, answer: Promise<T>): void {
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    if (this.#answers.size <= this.#most) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }
}
