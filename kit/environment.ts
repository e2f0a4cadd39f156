/**
 * What programs are started with: lists of variables that are let in, never of what is left out. A secret that nobody thought of,
 * such as a database's password or a cloud's key, then stays where it was.
 */

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that say which calls go through a proxy. Programs differ in whether they read the small or the large ones, so both. */
const proxyVariables = [
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'NODE_USE_ENV_PROXY',
] as const;

/** What any program may need to know of the machine and the person: language, time zone, who, and whom to trust on the network. */
export const surroundings = [
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'USER',
  'LOGNAME',
  'SHELL',
  'TERM',
  'COLORTERM',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  ...proxyVariables,
] as const;

/** The variables of these names that are set. */
export function pick(environment: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/**
 * The environment of a program that is the person's own, such as an editor or a shell: theirs, without what is for OpenCrane's
 * programs, which holds the admin token and the database's password. Which home folder they work in is no secret.
 */
export function personsOwn(environment: Environment): Record<string, string> {
  const theirs = Object.keys(environment).filter((name) => name === 'OPENCRANE_HOME' || !name.startsWith('OPENCRANE_'));
  return pick(environment, theirs);
}
