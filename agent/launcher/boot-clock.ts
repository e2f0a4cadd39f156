/**
 * A monotonic clock that goes on while the machine sleeps, as leases need it: a laptop that wakes up after an hour has
 * lost what it held for half a minute. All processes of a machine read the same one.
 */
import { uptime } from 'node:os';
import { type Clock, systemClock } from '@opencrane/kit/clock.ts';

/**
 * Milliseconds since the machine booted, in steps of 10 (1,000 on macOS). Linux: /proc/uptime, the boot-time clock;
 * `performance.now()` is CLOCK_MONOTONIC, which stands still with the machine. Sleeps stand still, too: look often.
 */
export const bootClock: Clock = { ...systemClock, monotonic: () => uptime() * 1000 };
