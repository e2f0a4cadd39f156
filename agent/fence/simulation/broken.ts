/** A promise of the fence that did not hold. */
export class Broken extends Error {}
