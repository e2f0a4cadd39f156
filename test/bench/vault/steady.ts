import type { Figures } from './figures.ts';
export async function steady(_f: string, _o: unknown, _g: Figures): Promise<void> {}
