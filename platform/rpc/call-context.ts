// What a handler sees of its call: the service's context, with a signal of the call's own.
import type { CommandRunner } from '../commands/index.ts';
import type { CallContext, Context } from '../service/context.ts';

export interface HandlerContext extends CallContext {
  abort(reason: unknown): void;
}

/** @returns what makes the context of each call. It is cheap: the signal is made when a handler asks for it. */
export function handlerContexts(context: Context, commands: CommandRunner | undefined): () => HandlerContext {
  class BoundContext {
    #controller: AbortController | undefined;
    #aborted: { reason: unknown } | undefined;

    get signal(): AbortSignal {
      if (this.#controller === undefined) {
        this.#controller = new AbortController();
        if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
      }
      return this.#controller.signal;
    }

    abort(reason: unknown): void {
      this.#aborted ??= { reason };
      this.#controller?.abort(reason);
    }

    get runMany(): CommandRunner['runMany'] {
      if (commands === undefined) throw new Error('This service has no database, so it runs no commands.');
      return commands.runMany;
    }
  }
  // Everything else is the service's own.
  Object.setPrototypeOf(BoundContext.prototype, context);
  return () => new BoundContext() as unknown as HandlerContext;
}
