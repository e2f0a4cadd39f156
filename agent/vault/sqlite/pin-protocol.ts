/** What the process that holds pins (pin-main.ts) is asked and answers. */
import { z } from 'zod';

/** A request; `pin` is the asker's number for a transaction. */
export const pinRequest = z.discriminatedUnion('do', [
  z.object({ do: z.literal('take'), number: z.number(), pin: z.number(), path: z.string(), writable: z.boolean() }),
  z.object({ do: z.literal('check'), number: z.number(), pin: z.number() }),
  z.object({ do: z.literal('release'), number: z.number(), pin: z.number() }),
]);

/** A request. */
export type PinRequest = z.infer<typeof pinRequest>;

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
