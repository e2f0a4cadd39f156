/** What the process that holds pins (pin-main.mjs) is asked and answers. */
import { z } from 'zod';

/** A request; `pin` is the asker's number for a transaction. */
export type PinRequest =
  | {
      readonly do: 'take';
      readonly number: number;
      readonly pin: number;
      readonly path: string;
      readonly writable: boolean;
    }
  | { readonly do: 'check' | 'release'; readonly number: number; readonly pin: number };

/** The answer to the request of that number. */
export const pinReply = z.object({
  number: z.number(),
  ok: z.boolean(),
  /** The journal mode of a database that was pinned. */
  journal: z.string().optional(),
  /** SQLite's result code and words, when it refused. */
  code: z.number().optional(),
  message: z.string().optional(),
});

/** An answer. */
export type PinReply = z.infer<typeof pinReply>;
