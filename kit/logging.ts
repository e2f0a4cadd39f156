/** Structured logs on standard output, with secrets taken out. */
import { type DestinationStream, type Logger, pino } from 'pino';
import { LogOutput } from './log-output.ts';

export type { Logger } from 'pino';

/** Names of fields whose values never reach a log, at the top and one or two levels down. */
const secretFields = ['token', 'authorization', 'password', 'secret', 'apiKey', 'key', 'OPENCLAW_GATEWAY_TOKEN'];

const STANDARD_OUTPUT = 1;

/** What a program says about its logger. */
export type LoggingOptions = {
  /** Name of the program, on every line. */
  readonly program: string;
  /** `trace`, `debug`, `info`, `warn`, `error` or `silent`. */
  readonly level: string;
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream;
};

/**
 * Makes the logger of a program. Synchronous on purpose: a crash must not lose the lines that explain it. Logging never throws
 * and never ends the process (log-output.ts).
 */
export function createLogger({ program, level, destination }: LoggingOptions): Logger {
  const options = {
    name: program,
    level,
    redact: {
      paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]',
    },
    base: { program },
  };
  const output = new LogOutput(STANDARD_OUTPUT, (lost) => log.warn(lost, 'log lines were lost'));
  const log = pino(options, destination ?? output);
  return log;
}
