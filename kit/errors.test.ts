import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { type ErrorCode, exitCodeOf, messageOf, OpenCraneError, toOpenCraneError } from './errors.ts';
import { fromConnectError, fromGrpcError, toConnectError, toGrpcStatus } from './grpc/status.ts';

const refused = new OpenCraneError('failed_precondition', 'runtime_pinned', 'the version is pinned', {
  field: 'version',
  mend: 'ask an admin',
});

test('an error survives Connect with code, reason, field and mend', () => {
  const back = fromConnectError(toConnectError(refused, 'x'));
  const { code, reason, message, field, mend } = back;
  assert.deepEqual({ code, reason, message, field, mend }, { ...pick(refused) });
});

test('an error survives gRPC with code, reason, field and mend', () => {
  const status = toGrpcStatus(refused, 'x');
  const back = fromGrpcError(Object.assign(new Error(`9 FAILED_PRECONDITION: ${status.details}`), status));
  assert.deepEqual(pick(back), pick(refused));
});

test('an answer of a proxy, without our details, keeps its code', () => {
  assert.equal(fromConnectError(new ConnectError('bad gateway', Code.Unavailable)).code, 'unavailable');
});

const exits: readonly { reason: string; code: ErrorCode; exit: number }[] = [
  { reason: 'wrong arguments are usage errors, as in every Unix tool', code: 'invalid_argument', exit: 2 },
  { reason: 'a script can tell “not there” from other failures', code: 'not_found', exit: 3 },
  { reason: 'a script can retry what is unavailable', code: 'unavailable', exit: 6 },
];
for (const { reason, code, exit } of exits) {
  test(reason, () => assert.equal(exitCodeOf(new OpenCraneError(code, 'r', 'm')), exit));
}

test('an unknown error says what was being done and keeps its cause', () => {
  const cause = new TypeError('x is not a function');
  const error = toOpenCraneError(cause, 'reading the config');
  assert.equal(error.message, 'reading the config: x is not a function');
  assert.equal(error.cause, cause);
});

function pick({ code, reason, message, field, mend }: OpenCraneError) {
  return { code, reason, message, field, mend };
}

test('a path of 5 KB in an error of the system is shortened, one that can be read is told whole', () => {
  const failing = (path: string) => {
    const error = Object.assign(new Error(`ENAMETOOLONG: name too long, lstat '${path}'`), { path });
    return messageOf(error);
  };
  assert.equal(failing('/srv/a'), "ENAMETOOLONG: name too long, lstat '/srv/a'");
  const long = failing(`/srv/${'d'.repeat(5_000)}/end`);
  assert.match(long, /^ENAMETOOLONG: name too long, lstat '\/srv\/d+…d+\/end'$/);
  assert.ok(long.length < 300, `${long.length} characters`);
});
