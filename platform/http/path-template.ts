// The path of a `google.api.http` rule: literals, variables and a custom verb (`/v1/users/{id}:archive`). Wildcards and
// variables that span segments are refused when a process starts: nothing of ours needs them.

export interface PathTemplate {
  /** As OpenAPI writes it: `/v1/users/{id}:archive`. */
  readonly path: string;
  /** Field paths of the variables, in order: `id`, `user.id`. */
  readonly variables: readonly string[];
  /** As the router writes it; the variables are called `v0`, `v1`, … */
  readonly routerUrl: string;
  /** Equal for templates that match the same paths. */
  readonly shape: string;
  /** Matches the raw path of a request. */
  readonly pattern: RegExp;
}

const SEGMENT = /^(?:\{([A-Za-z_][\w.]*)(?:=\*)?\}|([A-Za-z0-9._~!$&'()+,;=@%-]+))$/;
const VERB = /:([A-Za-z][A-Za-z0-9_-]*)$/;

/** @throws when the template is malformed, or has a form that is not supported. */
export function parsePathTemplate(template: string): PathTemplate {
  const verb = VERB.exec(template)?.[1];
  const plain = verb === undefined ? template : template.slice(0, -verb.length - 1);
  if (!plain.startsWith('/')) throw new Error(`the path ${template} must start with a slash`);
  const variables: string[] = [];
  const segments = plain.slice(1).split('/');
  const parts = segments.map((segment) => {
    const [, variable, literal] = SEGMENT.exec(segment) ?? [];
    if (variable === undefined && literal === undefined) {
      throw new Error(`the path ${template} has an unsupported segment '${segment}': use literals and {variable}`);
    }
    if (variable !== undefined && variables.includes(variable)) {
      throw new Error(`the path ${template} binds ${variable} twice`);
    }
    return { literal, index: variable === undefined ? -1 : variables.push(variable) - 1 };
  });
  const shown = segments.map((segment) => segment.replace('=*}', '}')).join('/');
  const ending = verb === undefined ? '' : `:${verb}`;
  return {
    path: `/${shown}${ending}`,
    variables,
    routerUrl: `/${routerPath(parts, verb)}`,
    shape: `/${parts.map((part) => part.literal ?? '{}').join('/')}${ending}`,
    pattern: new RegExp(
      `^/${parts.map((part) => (part.literal ? escapeLiteral(part.literal) : '[^/]+')).join('/')}${ending}$`,
    ),
  };
}

interface Part {
  readonly literal: string | undefined;
  readonly index: number;
}

function routerPath(parts: readonly Part[], verb: string | undefined): string {
  return parts
    .map(({ literal, index }, at) => {
      const isLast = at === parts.length - 1;
      const text = literal ?? (isLast && verb !== undefined ? `:v${index}(^[^:]+)` : `:v${index}`);
      return isLast && verb !== undefined ? `${text}::${verb}` : text;
    })
    .join('/');
}

function escapeLiteral(literal: string): string {
  return literal.replaceAll(/[$()+.*]/g, '\\$&');
}
