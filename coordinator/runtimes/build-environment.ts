/**
 * The environment of programs that build bundles. They are others' code: of the coordinator's own environment, which may
 * name its database and hold tokens, they get what is on this list, and home, temporary files and cache are their own.
 */
import { delimiter, dirname, join } from 'node:path';

/** Where programs that build have their folders. */
export type BuildFolders = { readonly home: string; readonly tmp: string };

/** How the registry is reached, in either case: proxies, and certificates of whoever stands in between. */
const NETWORK = /^(https?_proxy|all_proxy|no_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i;

/** The same as npm's own settings. Everything else that `npm start` sets for its scripts is configuration of that run. */
const NPM_SETTINGS = /^npm_config_(registry|proxy|https_proxy|noproxy|cafile|strict_ssl)$/i;

/** For a program that needs no network: where programs are, this Node's first, and folders of its own. */
export function buildEnvironment(outer: NodeJS.ProcessEnv, { home, tmp }: BuildFolders): Record<string, string> {
  const path = [dirname(process.execPath), outer['PATH'] ?? ''].join(delimiter);
  return { PATH: path, HOME: home, TMPDIR: tmp };
}

/** For npm: besides that, how the registry is reached, and the user's own file of settings, which may hold its password. */
export function npmEnvironment(
  outer: NodeJS.ProcessEnv,
  folders: BuildFolders & { readonly cache: string },
): Record<string, string> {
  const letIn = Object.entries(outer).filter(([name]) => NETWORK.test(name) || NPM_SETTINGS.test(name));
  const userConfig = outer['npm_config_userconfig'] ?? (outer['HOME'] && join(outer['HOME'], '.npmrc'));
  return {
    ...Object.fromEntries(letIn.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    ...buildEnvironment(outer, folders),
    ...(userConfig && { npm_config_userconfig: userConfig }),
    npm_config_cache: folders.cache,
    npm_config_update_notifier: 'false',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
  };
}
