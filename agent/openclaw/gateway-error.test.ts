import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayErrorSchema, toGatewayRefusal } from './gateway-error.ts';

/** Errors as OpenClaw 2026.9.6 sends them. */
const cases = [
  {
    reason: 'a value that OpenClaw does not take: its words and its path',
    error: {
      code: 'INVALID_REQUEST',
      message: 'invalid config: logging.level: Invalid input',
      details: { issues: [{ path: 'logging.level', message: 'Invalid input', allowedValues: ['info'] }] },
    },
    is: { code: 'invalid_argument', reason: 'openclaw_invalid_request', field: 'logging.level' },
  },
  {
    reason: 'a wrong token is about who asks, whatever the outer code',
    error: { code: 'INVALID_REQUEST', message: 'unauthorized', details: { code: 'AUTH_TOKEN_MISMATCH' } },
    is: { code: 'unauthenticated', reason: 'openclaw_auth_token_mismatch', field: '' },
  },
  {
    reason: 'a gateway that starts is there later',
    error: { code: 'UNAVAILABLE', message: 'starting', details: { reason: 'startup-sidecars' }, retryAfterMs: 100 },
    is: { code: 'unavailable', reason: 'openclaw_startup_sidecars', field: '' },
  },
  {
    reason: 'details of a shape we do not know are no reason to lose the message',
    error: { code: 'UNAVAILABLE', message: 'draining', details: { issues: 'many', code: 7 } },
    is: { code: 'unavailable', reason: 'openclaw_unavailable', field: '' },
  },
  {
    reason: 'a code we do not know is nobody the caller could mend',
    error: { code: 'NEW_IN_2027', message: 'what now', details: null },
    is: { code: 'internal', reason: 'openclaw_new_in_2027', field: '' },
  },
] as const;

for (const { reason, error, is } of cases) {
  test(reason, () => {
    const refusal = toGatewayRefusal('config.patch', gatewayErrorSchema.parse(error));
    const { code, field } = refusal;
    assert.deepEqual({ code, reason: refusal.reason, field }, is);
    assert.equal(refusal.message, `config.patch: ${error.message}`);
  });
}
