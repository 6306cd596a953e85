// Lists every operation of /openapi.json and shows each on demand. All text is set as text, never as markup.
import { element, showOperation } from './operation.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function operationsOf(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ method, path, ...item[method] })),
  );
}

function card(operation, document) {
  const details = element('details', { className: 'operation', id: operation.operationId });
  const summary = element('summary', {}, [
    element('span', { className: `method ${operation.method}`, textContent: operation.method.toUpperCase() }),
    element('span', { className: 'path', textContent: operation.path }),
    element('span', { className: 'quiet', textContent: operation.summary ?? '' }),
  ]);
  details.append(summary);
  // Drawn when it is opened first: a page of fifty forms would be slow for nothing.
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) details.append(showOperation(operation, document));
  });
  return details;
}

function link({ method, path, operationId }) {
  const anchor = element('a', { href: `#${operationId}` }, [
    element('span', { className: `method ${method}`, textContent: method.toUpperCase() }),
    element('span', { className: 'path', textContent: path }),
  ]);
  return element('li', {}, [anchor]);
}

function draw(document, text) {
  const wanted = text.trim().toLowerCase();
  const operations = operationsOf(document).filter(({ path, operationId, summary = '' }) =>
    `${path} ${operationId} ${summary}`.toLowerCase().includes(wanted),
  );
  const index = [];
  const sections = [];
  for (const tag of document.tags) {
    const tagged = operations.filter((operation) => operation.tags.includes(tag.name));
    if (tagged.length === 0) continue;
    index.push(element('h2', { textContent: tag.name }), element('ul', {}, tagged.map(link)));
    sections.push(
      element('h2', { textContent: tag.name }),
      element('p', { className: 'quiet', textContent: tag.description }),
      ...tagged.map((operation) => card(operation, document)),
    );
  }
  if (sections.length === 0) sections.push(element('p', { className: 'note', textContent: 'Nothing has that name.' }));
  globalThis.document.getElementById('index').replaceChildren(...index);
  globalThis.document.getElementById('operations').replaceChildren(...sections);
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView();
}

async function start() {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`/openapi.json answered ${answer.status}`);
  const described = await answer.json();
  document.title = `${described.info.title} API`;
  document.getElementById('title').textContent = `${described.info.title} API ${described.info.version}`;
  document.getElementById('about').textContent = described.info.description;
  const filter = document.getElementById('filter');
  filter.addEventListener('input', () => draw(described, filter.value));
  addEventListener('hashchange', openTarget);
  draw(described, '');
  openTarget();
}

start().catch((error) => {
  const text = `The description could not be loaded: ${error.message}. Reload the page to try again.`;
  document.getElementById('operations').replaceChildren(element('p', { className: 'note', textContent: text }));
});
