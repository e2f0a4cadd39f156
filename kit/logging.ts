/** Structured logs on standard output, with secrets taken out. */
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Names of fields whose values never reach a log, at the top and one or two levels down. */
const secretFields = ['token', 'authorization', 'password', 'secret', 'apiKey', 'key', 'OPENCLAW_GATEWAY_TOKEN'];

/** What a program says about its logger. */
export type LoggingOptions = {
  /** Name of the program, on every line. */
  readonly program: string;
  /** `trace`, `debug`, `info`, `warn`, `error` or `silent`. */
  readonly level: string;
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream;
};

/** Makes the logger of a program. Synchronous on purpose: a crash must not lose the lines that explain it. */
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
  return pino(options, destination ?? pino.destination({ fd: 1, sync: true }));
}
