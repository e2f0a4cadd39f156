/** Why the kernel does not tell of changes in a folder, for those who then look from time to time. */
import { messageOf, systemCode } from './errors.ts';

/** In one line, with the setting to raise; `cause` is what `watch` of node:fs threw. */
export function whyUnwatched(cause: unknown): string {
  switch (systemCode(cause)) {
    case 'EMFILE':
    case 'ENFILE':
      return 'all inotify instances or open files are in use (raise fs.inotify.max_user_instances)';
    case 'ENOSPC': // not the disk: https://man7.org/linux/man-pages/man2/inotify_add_watch.2.html
    case 'ENOMEM':
      return 'all inotify watches are in use (raise fs.inotify.max_user_watches)';
    default:
      return messageOf(cause);
  }
}
