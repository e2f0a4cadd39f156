/** Opens an address in the person's browser. */
import { spawn } from 'node:child_process';
import { personsOwn } from '@opencrane/kit/environment.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a browser was asked to open it; false where there is no desktop to open one on. */
export function openBrowser(url: string, environment: Environment): Promise<boolean> {
  const program = opener(process.platform, environment);
  if (program === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(program, [url], { detached: true, stdio: 'ignore', env: personsOwn(environment) });
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
    child.once('error', () => resolve(false));
  });
}

function opener(platform: string, environment: Environment): string | undefined {
  if (platform === 'darwin') return 'open';
  return environment['DISPLAY'] || environment['WAYLAND_DISPLAY'] ? 'xdg-open' : undefined;
}
