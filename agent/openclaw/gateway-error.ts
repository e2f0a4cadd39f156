/** What OpenClaw's gateway refuses a request with, as our error: its own message, and the path it is about. */
import { type ErrorCode, OpenCraneError } from '@opencrane/kit/errors.ts';
import { z } from 'zod';

const issue = z.object({
  path: z.union([z.string(), z.array(z.union([z.string(), z.number()]))]),
  message: z.string(),
});

/** The error of a response frame. Only what we read; OpenClaw may add to it. */
export const gatewayErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  details: z
    .object({
      code: z.string().optional().catch(undefined),
      reason: z.string().optional().catch(undefined),
      issues: z.array(issue).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  retryAfterMs: z.number().optional().catch(undefined),
});

/** The error of a response frame. */
export type GatewayError = z.infer<typeof gatewayErrorSchema>;

const codes: Record<string, ErrorCode> = {
  INVALID_REQUEST: 'invalid_argument',
  UNAVAILABLE: 'unavailable',
  FORBIDDEN: 'permission_denied',
  NOT_FOUND: 'not_found',
  NOT_PAIRED: 'permission_denied',
};

/** OpenClaw's refusal of `method`. Its reason is `openclaw_` and OpenClaw's own code in lower case. */
export function toGatewayRefusal(method: string, error: GatewayError): OpenCraneError {
  const own = error.details?.code ?? error.details?.reason ?? error.code;
  const code = own.startsWith('AUTH_') ? 'unauthenticated' : (codes[error.code] ?? 'internal');
  const path = error.details?.issues?.[0]?.path ?? '';
  return new OpenCraneError(code, `openclaw_${own.toLowerCase().replaceAll('-', '_')}`, `${method}: ${error.message}`, {
    field: typeof path === 'string' ? path : path.join('.'),
  });
}
