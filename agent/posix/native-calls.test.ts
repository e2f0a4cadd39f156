import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryFolder } from '../vault/testing.ts';
import { loadNativeCalls } from './native-calls.ts';

const folder = temporaryFolder();
after(() => folder.remove());
const at = (name: string) => join(folder.path, name);

const loaded = await loadNativeCalls();
const calls = loaded.calls ?? assert.fail(`on ${process.platform} there must be such calls: ${loaded.why}`);

test('content of a file of 4 TiB is found without reading its holes', () => {
  const file = openSync(at('sparse'), 'w+');
  try {
    ftruncateSync(file, 2 ** 42);
    assert.equal(calls.nextContent(file, 0), undefined, 'nothing but a hole');
    writeSync(file, Buffer.alloc(4096, 'x'), 0, 4096, 2 ** 41);
    assert.equal(calls.nextContent(file, 0), 2 ** 41);
    assert.equal(calls.nextContent(file, 2 ** 41 + 10), 2 ** 41 + 10);
    assert.equal(calls.nextHole(file, 2 ** 41), 2 ** 41 + 4096);
    assert.equal(calls.nextContent(file, 2 ** 41 + 4096), undefined);
    assert.equal(calls.nextContent(file, 2 ** 43), undefined, 'past the end');
  } finally {
    closeSync(file);
  }
});

const times = [
  { reason: 'a time of this century', seconds: 1_795_514_400, nanoseconds: 123_456_789 },
  { reason: 'the last nanosecond of a second', seconds: 1_795_514_400, nanoseconds: 999_999_999 },
  { reason: 'before 1970', seconds: -315_619_200, nanoseconds: 1 },
];
for (const { reason, ...time } of times) {
  const expected = BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds);
  test(`${reason} is set to the nanosecond: of a file, a folder, a link, a name that is no UTF-8`, () => {
    const name = `${time.seconds}.${time.nanoseconds}`;
    mkdirSync(at(name));
    const file = openSync(at(`${name}/file`), 'w');
    const latin = Buffer.concat([Buffer.from(at(`${name}/`)), Buffer.from([0xe9])]);
    writeFileSync(latin, '');
    symlinkSync('file', at(`${name}/link`));
    calls.setTime(file, time);
    closeSync(file);
    for (const path of [at(`${name}/link`), latin, at(name)]) calls.setTimeAt(path, time);
    for (const path of [at(`${name}/link`), at(`${name}/file`), latin, at(name)])
      assert.equal(lstatSync(path, { bigint: true }).mtimeNs, expected, String(path));
    assert.equal(statSync(at(`${name}/file`), { bigint: true }).atimeNs, expected);
  });
}

test('errors are as those of node:fs', () => {
  assert.throws(() => calls.setTimeAt(at('none'), { seconds: 1, nanoseconds: 0 }), {
    code: 'ENOENT',
    errno: -2,
    syscall: 'utimensat',
  });
  assert.throws(() => calls.nextContent(-1, 0), { code: 'EBADF' });
});

const elsewhere = [
  {
    reason: 'the library is not installed',
    script:
      "import { registerHooks } from 'node:module'; registerHooks({ resolve(name, context, next) { if (name.includes('@koromix')) throw new Error('there is no ' + name); return next(name, context); } });",
  },
  { reason: 'the platform is another', script: "Object.defineProperty(process, 'platform', { value: 'sunos' });" },
];
for (const { reason, script } of elsewhere) {
  test(`where ${reason} it says so, and nothing ends`, () => {
    const url = new URL('native-calls.ts', import.meta.url).href;
    const program = `${script}\nconst { loadNativeCalls } = await import(${JSON.stringify(url)});\nconst { calls, why } = await loadNativeCalls();\nconsole.log(JSON.stringify([calls === undefined, why]));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
    const [isMissing, why] = JSON.parse(output) as [boolean, string]; // as the program prints
    assert.equal(isMissing, true, output);
    assert.ok(why.length > 10 && !why.includes('\n'), why);
  });
}
