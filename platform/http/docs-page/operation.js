// One operation: what it takes and answers, with examples, and a form that sends it.

/** Makes an element with properties and children. */
export function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function resolve(part, described) {
  if (!part?.$ref) return part;
  return part.$ref
    .slice(2)
    .split('/')
    .reduce((at, key) => at[key], described);
}

/** A schema in a few words: `integer ≥ 1`, `array of User`. */
function typeText(schema, described) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if (schema.anyOf) return schema.anyOf.map((option) => typeText(option, described)).join(' or ');
  if (schema.enum) return schema.enum.join(' | ');
  if (schema.type === 'array') return `array of ${typeText(schema.items, described)}`;
  const limits = [];
  if (schema.maxLength) limits.push(`${schema.minLength ?? 0} to ${schema.maxLength} characters`);
  else if (schema.minLength) limits.push(`${schema.minLength} characters or more`);
  if (schema.minimum > -(2 ** 31)) limits.push(`≥ ${schema.minimum}`);
  if (schema.maximum < 2 ** 31 - 1) limits.push(`≤ ${schema.maximum}`);
  const name = schema.format && schema.type === 'string' ? schema.format : (schema.type ?? 'value');
  return limits.length === 0 ? name : `${name}, ${limits.join(', ')}`;
}

/** Text in which `this` is code. */
function prose(text) {
  return (text ?? '').split('`').map((part, at) => (at % 2 === 1 ? element('code', { textContent: part }) : part));
}

function fieldTable(schema, described, mark) {
  const resolved = resolve(schema, described);
  const target = resolved.type === 'array' ? resolve(resolved.items, described) : resolved;
  const required = new Set(target.required ?? []);
  const rows = Object.entries(target.properties ?? {}).map(([name, field]) =>
    element('tr', {}, [
      element('td', {}, [element('code', { textContent: name })]),
      element('td', {}, [
        element('span', { textContent: typeText(field, described) }),
        element('div', { className: 'quiet' }, prose(field.description)),
      ]),
      element('td', { className: mark, textContent: required.has(name) ? mark : '' }),
    ]),
  );
  return rows.length === 0 ? [] : [element('table', {}, [element('tbody', {}, rows)])];
}

function json(value) {
  return JSON.stringify(value, null, 2);
}

function answers(operation, described) {
  return Object.entries(operation.responses).flatMap(([status, reference]) => {
    const response = resolve(reference, described);
    const content = Object.values(response.content ?? {})[0];
    const head = element('p', {}, [
      element('span', { className: `status ${status < '400' ? 'good' : 'bad'}`, textContent: status }),
      ' ',
      ...prose(response.description),
    ]);
    if (status >= '400' || !content) return [head];
    const example = content.example === undefined ? [] : [element('pre', { textContent: json(content.example) })];
    return [head, ...example, ...fieldTable(content.schema, described, 'always')];
  });
}

function input(parameter) {
  const field = element('input', {
    name: parameter.name,
    value: parameter.in === 'path' ? (parameter.example ?? '') : '',
  });
  field.placeholder = parameter.example ?? parameter.schema?.type ?? '';
  field.dataset.place = parameter.in;
  const label = element('label', { textContent: `${parameter.name} (${parameter.in}) ` }, []);
  if (parameter.required) label.append(element('span', { className: 'required', textContent: 'required' }));
  if (parameter.description) label.append(element('div', {}, prose(parameter.description)));
  label.append(field);
  return label;
}

function requestOf(operation, form) {
  let path = operation.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const field of form.querySelectorAll('input')) {
    if (field.dataset.place === 'path') path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (field.value !== '' && field.dataset.place === 'query') query.append(field.name, field.value);
    else if (field.value !== '') headers[field.name] = field.value;
  }
  const apiKey = document.getElementById('api-key').value;
  if (apiKey !== '') headers['X-API-Key'] = apiKey;
  const body = form.querySelector('textarea')?.value;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const search = query.size > 0 ? `?${query}` : '';
  return { url: path + search, options: { method: operation.method.toUpperCase(), headers, body } };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curlOf({ url, options }) {
  const parts = ['curl -i'];
  if (options.method !== 'GET') parts.push(`-X ${options.method}`);
  parts.push(quoted(location.origin + url));
  for (const [name, value] of Object.entries(options.headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (options.body !== undefined) parts.push(`-d ${quoted(options.body)}`);
  return parts.join(' ');
}

async function send(request, output) {
  output.replaceChildren(element('p', { className: 'quiet', textContent: 'Sending…' }));
  const startedAt = performance.now();
  try {
    const answer = await fetch(request.url, request.options);
    const text = await answer.text();
    const took = Math.round(performance.now() - startedAt);
    const status = element('span', { className: `status ${answer.ok ? 'good' : 'bad'}` });
    status.textContent = `${answer.status} ${answer.statusText}`;
    const shown = ['content-type', 'etag', 'link', 'location', 'idempotent-replayed', 'retry-after', 'x-request-id'];
    const headers = shown
      .filter((name) => answer.headers.has(name))
      .map((name) => `${name}: ${answer.headers.get(name)}`);
    const isJson = answer.headers.get('content-type')?.includes('json');
    output.replaceChildren(
      element('p', {}, [status, ` in ${took} ms`]),
      element('pre', { textContent: headers.join('\n') }),
      ...(text === '' ? [] : [element('pre', { textContent: isJson ? json(JSON.parse(text)) : text })]),
    );
  } catch (error) {
    output.replaceChildren(element('p', { className: 'status bad', textContent: `No answer: ${error.message}` }));
  }
}

function tryForm(operation) {
  const form = element('form');
  form.append(...(operation.parameters ?? []).map(input));
  const content = operation.requestBody?.content['application/json'];
  if (content) {
    const example = json(content.example ?? {});
    const rows = Math.min(24, example.split('\n').length + 1);
    const body = element('textarea', { value: example, rows, spellcheck: false });
    form.append(element('label', { textContent: 'Body' }, [body]));
  }
  const output = element('div');
  const curl = element('button', { type: 'button', className: 'plain', textContent: 'Show as curl' });
  curl.addEventListener('click', () => {
    output.replaceChildren(element('pre', { textContent: curlOf(requestOf(operation, form)) }));
  });
  form.append(element('button', { textContent: 'Send' }), curl, output);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send(requestOf(operation, form), output);
  });
  return form;
}

/** @returns the details of an operation. */
export function showOperation(operation, described) {
  const schema = operation.requestBody?.content['application/json'].schema;
  const takes = schema ? [element('h3', { textContent: 'Body' }), ...fieldTable(schema, described, 'required')] : [];
  const left = element('div', {}, [
    ...takes,
    element('h3', { textContent: 'Answers' }),
    ...answers(operation, described),
  ]);
  const right = element('div', {}, [element('h3', { textContent: 'Try it' }), tryForm(operation)]);
  const text = element('p', {}, prose(operation.description ?? operation.summary));
  return element('div', {}, [text, element('div', { className: 'columns' }, [left, right])]);
}
