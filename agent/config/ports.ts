/** What the configuration needs from the rest of the agent. */
import type { GatewayConfig, GatewayConfigPatch } from '../openclaw/gateway-client.ts';

/** What a change of a key takes, as OpenClaw plans it; `unknown` for a key that its schema does not have. */
export type ReloadKind = 'none' | 'hot' | 'restart' | 'unknown';

/** An open connection to a running OpenClaw; GatewayClient is one. */
export interface ConfigGateway {
  configGet(): Promise<GatewayConfig>;
  /** Arrays that the patch replaces or takes away must be named in `replacePaths`. */
  configPatch(patch: object, baseHash: string, replacePaths: readonly string[]): Promise<GatewayConfigPatch>;
  configReloadKind(path: string): Promise<ReloadKind>;
  close(): Promise<void>;
}

/** The tenant's OpenClaw as the configuration steers it. */
export interface ConfiguredOpenClaw {
  /** Whether a process runs, ready or not. */
  running(): Promise<boolean>;
  /** Whether it was ever started for this tenant; `restart` needs that. */
  wasStarted(): Promise<boolean>;
  /** Whether nothing runs and nothing will, unless the agent starts it. Throws when the launcher is away. */
  isDown(): Promise<boolean>;
  /** Connects; throws `unavailable` while nothing listens or the gateway starts. */
  connect(signal: AbortSignal): Promise<ConfigGateway>;
  /**
   * Drains and stops what runs, awaits `whileStopped`, starts it again and resolves when it is ready.
   * Throws with OpenClaw's own last words when it does not become ready, and AbortError on the signal.
   */
  restart(
    reason: string,
    whileStopped: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<{ readonly downtimeMillis: number }>;
}
