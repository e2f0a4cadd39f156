/** The configuration of a running gateway: what it serves with, what the file says, and how the one becomes the other. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import JSON5 from 'json5';
import type { Build } from '../build.ts';
import { judge, keepLastGood, readConfig, type Snapshot, stamped, textOf, writeConfig } from '../config/config-file.ts';
import { redact, respell, withDefaults } from '../config/document.ts';
import { applyPatch, changedPaths } from '../config/merge-patch.ts';
import type { Issue } from '../config/rules.ts';
import { reloadKindOf } from '../config/schema.ts';
import { isEqual, isObject, type JsonObject } from '../json.ts';
import type { Place } from '../place.ts';
import { invalid } from './refusal.ts';

/** Editors write several times in a row. OpenClaw waits 300 ms by default. */
const SETTLE_MILLIS = 100;

/** What it needs of the gateway. */
export type LiveConfigPorts = {
  readonly place: Place;
  readonly build: Build;
  readonly log: (scope: string, words: string) => void;
  /** A change takes a new process. */
  readonly restart: (reason: string) => void;
};

/** The configuration of one gateway. */
export class LiveConfig {
  readonly #ports: LiveConfigPorts;
  #applied: Snapshot;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #skipped = '';

  constructor(ports: LiveConfigPorts, started: Snapshot) {
    this.#ports = ports;
    this.#applied = started;
  }

  /** What is in effect, secrets included. */
  get config(): JsonObject {
    return withDefaults(this.#applied.resolved);
  }

  /** Takes changes of the file from now on. */
  watch(): void {
    const { config } = this.#ports.place;
    this.#watcher = watch(dirname(config), (_event, name) => {
      if (name !== null && name !== basename(config)) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#takeFile(), SETTLE_MILLIS);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  /** The answer of `config.get`. */
  get(): object {
    const { place } = this.#ports;
    const file = readConfig(place);
    const { isValid } = file;
    const parsed = isValid ? redact(file.parsed ?? {}) : null;
    return {
      path: place.config,
      exists: file.raw !== undefined,
      raw: parsed === null ? null : textOf(parsed),
      parsed,
      resolved: redact(file.resolved),
      config: isValid ? redact(withDefaults(file.resolved)) : {},
      valid: isValid,
      hash: file.hash,
      issues: file.issues,
      warnings: [],
      legacyIssues: [],
      configRevisionHash: file.revisionHash,
      appliedConfigHash: this.#applied.revisionHash,
    };
  }

  /** `config.patch`: merges into the file and serves with it, or says what is wrong. */
  patch(raw: string, baseHash: unknown, replacePaths: readonly string[]): object {
    const { place, build } = this.#ports;
    const file = readConfig(place);
    if (baseHash !== undefined && baseHash !== file.hash) {
      throw invalid('config changed since last load; re-run config.get and retry');
    }
    if (!file.isValid || file.parsed === undefined)
      throw notValid(file.issues, '; fix (openclaw doctor) before patching');
    const { document, wouldRemove } = applyPatch(file.parsed, parsePatch(raw), replacePaths);
    if (wouldRemove.length > 0) {
      throw invalid(
        `config.patch would remove entries from array path(s): ${wouldRemove.join(', ')}. Pass replacePaths with the exact path(s) when this is intentional, or use config.apply for full-config replacement.`,
      );
    }
    const wanted = respell(document);
    const { issues } = judge(textOf(wanted));
    if (issues.length > 0) throw notValid(issues, '');
    const paths = changedPaths(file.parsed, wanted);
    if (paths.length === 0) {
      return { ok: true, noop: true, changedPaths: [], path: place.config, config: redact(wanted) };
    }
    if (baseHash === undefined) {
      throw invalid(`config base hash required for ${paths.join(', ')}; re-run config.get and retry with baseHash`);
    }
    const requiresRestart = paths.some((path) => reloadKindOf(path) === 'restart');
    writeConfig(place, stamped(wanted, build.version));
    this.#takeFile();
    const stats = { mode: 'config.patch', root: place.config, requiresRestart };
    return {
      ok: true,
      path: place.config,
      hash: readConfig(place).hash,
      config: redact(wanted),
      changedPaths: paths,
      sentinel: {
        persisted: true,
        payload: { kind: 'config-patch', status: 'ok', ts: Date.now(), message: null, stats },
      },
    };
  }

  #takeFile(): void {
    const { log, place, restart } = this.#ports;
    const file = readConfig(place);
    if (!file.isValid) {
      if (this.#skipped !== file.hash) log('reload', `config reload skipped (invalid config): ${wordsOf(file.issues)}`);
      this.#skipped = file.hash;
      return;
    }
    if (isEqual(file.resolved, this.#applied.resolved)) return;
    const paths = changedPaths(this.#applied.resolved, file.resolved);
    log('reload', `config change detected; evaluating reload (${paths.join(', ')})`);
    const restarting = paths.filter((path) => reloadKindOf(path) === 'restart');
    if (restarting.length > 0) {
      // Not at once: whoever asked for it is answered first.
      setTimeout(() => restart(`config reload: ${restarting.join(', ')}`), SETTLE_MILLIS);
      return;
    }
    this.#applied = file;
    keepLastGood(place, file);
    log('reload', `config hot reload applied (${paths.join(', ')})`);
  }
}

/** Issues as OpenClaw lists them in a sentence. */
export function wordsOf(issues: readonly Issue[]): string {
  return issues.map(({ path, message }) => `${path === '' ? '<root>' : path}: ${message}`).join('; ');
}

function notValid(issues: readonly Issue[], more: string) {
  return invalid(`invalid config: ${wordsOf(issues)}${more}`, { issues });
}

function parsePatch(raw: string): JsonObject {
  let patch: unknown;
  try {
    patch = JSON5.parse(raw);
  } catch (cause) {
    throw invalid(String(cause));
  }
  if (!isObject(patch)) throw invalid('config.patch raw must be an object');
  return patch;
}
