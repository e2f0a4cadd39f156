import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { ReceiptSchema, ReceiptState } from '@opencrane/proto/opencrane/v1/common_pb.ts';
import fc from 'fast-check';
import { parseLog, ReceiptLog } from './receipt-log.ts';

const receipt = (receiptId: string, state: ReceiptState = ReceiptState.APPLIED) =>
  create(ReceiptSchema, { receiptId, state, message: 'what OpenClaw said:\n\ttwo lines' });

const ids = (log: ReceiptLog) => log.pending().map(({ receiptId }) => receiptId);

function withFolder(work: (file: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'receipts-'));
  try {
    work(join(folder, 'agent', 'receipts'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const step = fc.record({ keep: fc.boolean(), id: fc.constantFrom('a', 'b', 'c', 'with space', '-', '') });

test('after a kill at any byte of a write, everything before that write is there', () => {
  withFolder((file) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
        rmSync(file, { force: true });
        const log = ReceiptLog.open(file);
        const after: { readonly size: number; readonly ids: string[] }[] = [{ size: 0, ids: [] }];
        for (const { keep, id } of steps) {
          if (keep) log.keep(receipt(id));
          else log.stored(id);
          after.push({ size: statSync(file).size, ids: ids(log).sort() });
        }
        log.close();
        const cut = Math.floor(share * statSync(file).size);
        writeFileSync(file, readFileSync(file).subarray(0, cut));
        const reopened = ReceiptLog.open(file);
        const whole = after.filter(({ size }) => size <= cut).at(-1);
        assert.deepEqual(ids(reopened).sort(), whole?.ids);
        reopened.keep(receipt('next'));
        assert.ok(ids(reopened).includes('next'));
        reopened.close();
        const again = ReceiptLog.open(file);
        assert.deepEqual(ids(again).sort(), [...(whole?.ids ?? []), 'next'].sort());
        again.close();
      }),
      { numRuns: 60 }, // each run syncs to disk many times
    );
  });
});

test('whatever stands in the file, it is read without an error', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseLog(text)));
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('+ YQ ', '- YQ', '\n', 'CgA', ' ', '+')),
      (parts) => void parseLog(parts.join('')),
    ),
  );
});

test('a line that a full disk cut short loses only itself', () => {
  withFolder((file) => {
    const log = ReceiptLog.open(file);
    log.keep(receipt('a'));
    log.close();
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n+ Yg CgB`);
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n+ Yw ${Buffer.from([0x72, 1, 0x63]).toString('base64url')}\n`);
    const reopened = ReceiptLog.open(file);
    assert.deepEqual(ids(reopened), ['a', 'c']);
    reopened.close();
  });
});

test('the file stays small, and what is kept is bounded: announcements go first', () => {
  withFolder((file) => {
    const log = ReceiptLog.open(file);
    for (let count = 0; count < 150; count += 1) {
      log.keep(receipt(`gone-${count}`));
      log.stored(`gone-${count}`);
    }
    assert.ok(statSync(file).size < 12_000, `${statSync(file).size} bytes for nothing`);
    log.keep(receipt('announcement', ReceiptState.APPLYING));
    for (let count = 0; count < 200; count += 1) log.keep(receipt(`kept-${count}`));
    assert.equal(log.pending().length, 200);
    assert.ok(!ids(log).includes('announcement'));
    log.keep(receipt('one more'));
    assert.deepEqual([ids(log).at(0), ids(log).at(-1)], ['kept-1', 'one more']);
    log.close();
    const reopened = ReceiptLog.open(file);
    assert.equal(reopened.pending().length, 200);
    reopened.close();
  });
});

test('a disk without room for a tidy file keeps the old one: what is said is kept in memory, and nothing is lost', () => {
  withFolder((file) => {
    const log = ReceiptLog.open(file);
    log.keep(receipt('first'));
    mkdirSync(`${file}.draft`); // the file cannot be written anew
    const failures: unknown[] = [];
    for (let number = 0; number < 150; number += 1) {
      try {
        log.keep(receipt('one'));
        log.stored('one');
      } catch (cause) {
        failures.push(cause);
      }
    }
    assert.ok(failures.length > 0, 'the bound was reached');
    assert.deepEqual(
      ids(log).filter((id) => id !== 'one'),
      ['first'],
    );
    log.close();
    const reopened = ReceiptLog.open(file);
    reopened.keep(receipt('last'));
    assert.deepEqual(
      ids(reopened).filter((id) => id !== 'one'),
      ['first', 'last'],
    );
    reopened.close();
    rmdirSync(`${file}.draft`);
    const again = ReceiptLog.open(file);
    assert.deepEqual(
      ids(again).filter((id) => id !== 'one'),
      ['first', 'last'],
    );
    again.close();
  });
});
