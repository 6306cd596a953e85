// Log lines: one JSON object each, pretty on a terminal. No line carries a body or a secret: what is named like one is
// hidden wherever it stands near the top of a line.
import { createRequire } from 'node:module';
import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';
import type { Logger } from '../service/context.ts';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: string;
  /** `auto`: pretty when the standard output is a terminal. Default `auto`. */
  readonly format?: 'auto' | 'json' | 'pretty';
  /** Default: the standard output. */
  readonly destination?: DestinationStream;
}

export interface ServiceLogger extends Logger {
  readonly level: string;
  /** A logger whose lines carry these facts too: `{ service: 'order' }`. */
  child(facts: object): ServiceLogger;
  /**
   * A line whose exact text is documented: that text alone on a terminal, the `msg` of a JSON line elsewhere, where
   * the facts go with it.
   */
  line(facts: object, text: string): void;
  fatal(facts: object, message: string): void;
  /** Writes what is buffered; to be called before the process ends. */
  flush(): void;
}

const SECRETS = ['password', 'passwd', 'secret', 'token', 'authorization', 'api_key', 'apiKey', 'cookie', 'x-api-key'];
const paths = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]).map((path) =>
  path.replaceAll(/\.?x-api-key/g, '["x-api-key"]'),
);

export function createLogger(options: LogOptions = {}): ServiceLogger {
  const { level = 'info', format = 'auto' } = options;
  const output = options.destination ?? destination({ fd: 1, sync: true });
  const pretty = format === 'pretty' || (format === 'auto' && process.stdout.isTTY === true);
  const logger = pino(
    {
      level,
      base: undefined,
      messageKey: 'msg',
      errorKey: 'error',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
      redact: { paths, censor: '[hidden]' },
    },
    pretty ? prettyStream(output) : output,
  );
  return wrap(logger, pretty ? output : undefined);
}

/** @param terminal where plain lines go; absent: they are log lines. */
function wrap(logger: PinoLogger, terminal: DestinationStream | undefined): ServiceLogger {
  return {
    level: logger.level,
    debug: (facts, message) => logger.debug(facts, message),
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
    fatal: (facts, message) => logger.fatal(facts, message),
    child: (facts) => wrap(logger.child(facts), terminal),
    line: (facts, text) => (terminal === undefined ? logger.info(facts, text) : void terminal.write(`${text}\n`)),
    flush: () => logger.flush(),
  };
}

/** Loaded only on a terminal: it costs a tenth of a second. */
function prettyStream(output: DestinationStream): DestinationStream {
  const load = createRequire(import.meta.url);
  const { prettyFactory } = load('pino-pretty') as typeof import('pino-pretty');
  const prettify = prettyFactory({
    colorize: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    messageKey: 'msg',
    errorLikeObjectKeys: ['error'],
    singleLine: true,
  });
  return { write: (line) => void output.write(prettify(line)) };
}

/** An error with its code and the chain of its causes, at most five deep. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? { code: error.code } : {};
  const cause = error.cause === undefined || depth >= 4 ? {} : { cause: describeError(error.cause, depth + 1) };
  return { type: error.name, message: error.message, ...code, stack: error.stack, ...cause };
}
