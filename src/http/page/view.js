// One fit: its progress as it happens, its pictures, and what it found.

import { copy, curl, make, number, reason, spoken } from './text.js';

const ENDS = ['succeeded', 'failed', 'cancelled'];
const LIVE = { loss: 'Loss', fit: 'Fit', surface: 'Error surface' };
const AFTER = { residuals: 'Residuals', path: 'Coefficients over the iterations', correlation: 'Correlation of the estimates' };
const PAUSE = 400;
const AGAIN = 1000;

export function view(id, { body, theme, changed, again, pin }) {
  let fit = null, source = null, closed = false, since = null;
  const title = make('h2', { tabindex: -1 }, 'Fit');
  const status = make('span', { class: 'status', role: 'status' });
  const note = make('p', { class: 'soft', hidden: true });
  const bar = make('progress', { 'aria-label': 'Iterations', max: 1, value: 0 });
  const line = make('p', { class: 'soft', 'aria-live': 'off' });
  const said = make('span', { role: 'status' });
  const stop = make('button', { type: 'button', onclick: () => fetch(`fits/${id}/cancel`, { method: 'POST' }) }, 'Stop');
  const beside = make('button', { type: 'button', 'aria-pressed': 'false', onclick: () => {
    const pressed = beside.getAttribute('aria-pressed') === 'false';
    beside.setAttribute('aria-pressed', pressed);
    pin(pressed);
  } }, 'Keep beside the next');
  const actions = make('p', { class: 'actions' }, stop, beside,
    body && make('button', { type: 'button', onclick: () => copy(curl(body), said, 'Copied.') }, 'Copy its curl'), said);
  const [found, details] = [make('div'), make('div')];
  const pictures = make('div', { class: 'pictures' });
  const element = make('article', { 'aria-label': `Fit ${short(id)}` }, title, make('p', {}, status), note, bar, line, actions, found, pictures, details);
  const frames = Object.entries({ ...LIVE, ...AFTER }).map(([kind, name]) => picture(id, kind, name, theme, () => fit));
  pictures.append(...frames.map(frame => frame.element));

  function progress({ iteration, max_iterations, loss, elapsed_seconds, validation_loss }) {
    bar.max = max_iterations;
    bar.value = iteration;
    const parts = [`iteration ${iteration} of ${max_iterations}`, `loss ${number(loss)}`];
    if (validation_loss !== undefined) parts.push(`validation ${number(validation_loss)}`);
    line.textContent = [...parts, `${elapsed_seconds.toFixed(2)} s`].join(', ');
    frames.filter(frame => frame.kind in LIVE).forEach(frame => frame.draw());
  }

  function show(next) {
    fit = next;
    const ended = ENDS.includes(fit.status);
    title.textContent = `${spoken(fit.spec.model.kind)}, ${spoken(fit.spec.optimizer.kind)}`;
    status.textContent = spoken(fit.status);
    status.className = `status ${fit.status}`;
    stop.hidden = bar.hidden = ended;
    if (fit.progress) progress(fit.progress);
    if (ended) {
      end();
      found.replaceChildren(...told(fit, again));
      details.replaceChildren(...known(fit));
      frames.forEach(frame => frame.draw());
    }
    changed();
  }

  async function load() {
    const answer = await fetch(`fits/${id}`).catch(() => null);
    if (closed) return;
    if (!answer || answer.status >= 500) return later();
    if (!answer.ok) {
      status.textContent = 'There is no such fit any more.';
      stop.hidden = beside.hidden = bar.hidden = true;
      return;
    }
    show(await answer.json());
    if (!ENDS.includes(fit.status)) follow();
  }

  function later() {
    note.textContent = 'The service does not answer; trying again.';
    note.hidden = false;
    since ??= setTimeout(() => { since = null; load(); }, AGAIN);
  }

  // The browser connects again by itself, and names the last event that it has seen; where it gives up, we do not.
  function follow() {
    source?.close();
    source = new EventSource(`fits/${id}/events`);
    source.onopen = () => { note.hidden = true; };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) return later();
      note.textContent = 'The connection is lost; connecting again.';
      note.hidden = false;
    };
    const on = (name, act) => source.addEventListener(name, event => act(JSON.parse(event.data)));
    on('progress', data => { if (fit) { fit.progress = data; progress(data); } });
    for (const name of ['queued', 'started']) on(name, data => {
      status.textContent = spoken(data.status);
      status.className = 'status';
      changed();
    });
    for (const name of ENDS) on(name, show);
  }

  function end() {
    source?.close();
    note.hidden = true;
  }

  load();
  return { id, element, focus: () => title.focus(), recolour: () => frames.forEach(frame => frame.draw()),
    close() { closed = true; clearTimeout(since); end(); element.remove(); frames.forEach(frame => frame.close()); } };
}

// Tells a fit from the one beside it.
const short = id => id.slice(-4);

// Whether a fit has a picture, as far as the fit tells.
function has(kind, { spec, result, status }) {
  const ended = ENDS.includes(status);
  if (ended && !result) return false;
  if (kind === 'loss') return true;
  if (kind === 'correlation') return Boolean(result?.correlation);
  if (kind === 'path' || !ended) return Boolean(spec.history?.coefficients);
  if (kind === 'surface') return result.parameters.length > 1 && result.parameters.length <= 256;
  return result.classes === undefined || result.classes.length <= 2;
}

// A picture that is drawn again and again, but never more often than it arrives. A fit may end at once, so the first one
// waits a little.
function picture(id, kind, name, theme, fit) {
  const image = make('img', { alt: '' });
  const links = ['svg', 'png'].map(ending => make('a', { download: `${kind}.${ending}` }, ending.toUpperCase()));
  const over = make('span');
  const element = make('figure', { hidden: true }, image, make('figcaption', {}, name, over, ...links));
  let busy = false, due = false, gone = false, pair = null, since = null;
  const query = () => new URLSearchParams({ theme: theme(), width: 640, height: 420, ...(pair ? { x: pair[0], y: pair[1] } : {}) });

  function choose() {
    const names = (fit()?.result?.parameters ?? []).map(one => one.name);
    if (kind !== 'surface' || over.firstChild || names.length < 3) return;
    pair = names.slice(0, 2);
    over.append(...['across', 'up'].map((way, at) => make('label', {}, `${way} `, make('select', { onchange: event => {
      pair[at] = event.target.value;
      draw();
    } }, ...names.map((one, place) => make('option', { value: one, selected: place === at }, one))))));
  }

  function later() {
    clearTimeout(since);
    since = setTimeout(draw, AGAIN);
  }

  async function draw() {
    if (!fit() || gone) return;
    if (busy) { due = true; return; }
    busy = true;
    if (!ENDS.includes(fit().status)) await new Promise(done => setTimeout(done, PAUSE));
    due = false;
    if (gone) return;
    if (!has(kind, fit())) {
      busy = false;
      return hide();
    }
    choose();
    try {
      const address = `fits/${id}/plot/${kind}`;
      const answer = await fetch(`${address}.svg?${query()}`);
      if (answer.ok) {
        const text = await answer.text();
        const description = new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('desc')?.textContent;
        const before = image.src;
        image.src = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
        image.alt = description ?? name;
        if (before) URL.revokeObjectURL(before);
        links.forEach((link, at) => { link.href = `${address}.${['svg', 'png'][at]}?${query()}`; });
        element.hidden = false;
      } else if (answer.status === 404) {
        gone = true;
        hide();
      } else if (answer.status >= 500) later();
    } catch {
      // The service is away, and a fit that has ended has no event that draws again.
      later();
    }
    busy = false;
    if (due) draw();
  }

  function hide() {
    element.hidden = true;
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute('src');
  }

  return { kind, element, draw, close() {
    gone = true;
    hide();
  } };
}

function told(fit, again) {
  if (fit.error) return [refused(fit.error, again)];
  if (!fit.result) return [make('p', {}, reason('cancelled'))];
  const { result } = fit;
  return [
    make('p', {}, `${reason(result.stop_reason)} ${result.iterations} iterations, loss ${number(result.loss)}.`),
    result.formula && make('p', {}, 'Formula: ', make('code', {}, result.formula)),
    ...result.warnings.map(warning => make('p', { class: 'failed' }, `${warning.detail}.`)),
    coefficients(fit),
  ].filter(Boolean);
}

function known(fit) {
  const { result } = fit;
  if (!result) return [];
  return [
    prediction(fit),
    numbers('Metrics', result.metrics),
    result.validation && numbers('On the rows held out', { rows: result.validation.rows, loss: result.validation.loss, best_iteration: result.validation.best_iteration, ...result.validation.metrics }),
    make('p', { class: 'actions' }, make('button', { type: 'button', onclick: () => save(fit.id) }, 'Download the history (CSV)'),
      make('a', { href: fit.links.self }, 'The fit as JSON')),
  ].filter(Boolean);
}

function refused(error, again) {
  const box = make('div', { class: 'failed' }, make('p', {}, `${error.detail}.`));
  if (error.max_stable_learning_rate !== undefined) {
    box.append(make('p', {}, `Stable is a learning rate up to ${number(error.max_stable_learning_rate)}.`));
  }
  if (error.suggestion) {
    const rate = error.suggestion.optimizer?.learning_rate;
    const what = typeof rate === 'number' ? `Fit with the learning rate ${number(rate)}` : 'Fit as suggested';
    box.append(make('button', { type: 'button', class: 'main', onclick: () => again(error.suggestion) }, what));
  }
  return box;
}

function table(caption, name, heads, rows) {
  const cells = (tag, scope, values) => values.map((value, at) => make(at ? tag : 'th', at && tag === 'td' ? {} : { scope: at ? 'col' : scope }, value));
  return make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': name }, make('table', {}, make('caption', {}, caption),
    make('thead', {}, make('tr', {}, ...cells('th', 'col', heads))),
    make('tbody', {}, ...rows.map(row => make('tr', {}, ...cells('td', 'row', row))))));
}

function coefficients(fit) {
  const { parameters } = fit.result;
  const known = parameters.some(one => one.standard_error !== undefined);
  const level = `${number(100 * fit.spec.confidence)} %`;
  const ends = one => one.profile_interval ?? (one.confidence_interval && { lower: one.confidence_interval[0], upper: one.confidence_interval[1] });
  return table('Coefficients', `Coefficients of fit ${short(fit.id)}`, ['name', 'value', ...(known ? ['error', `${level} from`, 'to', 'p'] : ['start'])],
    parameters.map(one => [one.name, number(one.value) + (one.fixed ? ' (fixed)' : ''), ...(known
      ? [number(one.standard_error), number(ends(one)?.lower), number(ends(one)?.upper), number(one.p_value)] : [number(one.start)])]));
}

function numbers(caption, values) {
  const shown = Object.entries(values).filter(([, value]) => typeof value === 'number');
  return make('div', {}, make('h3', {}, caption), make('dl', {}, ...shown.flatMap(([name, value]) => [make('dt', {}, spoken(name)), make('dd', {}, number(value))])));
}

function prediction(fit) {
  const { model, weights } = fit.spec;
  const others = fit.dataset.columns.filter(name => name !== model.target && name !== weights?.column);
  const features = model.features ?? (model.feature ? [model.feature] : others);
  const inputs = features.map(name => make('input', { 'aria-label': name, placeholder: name, required: true }));
  const output = make('output', { role: 'status' });
  const ask = async event => {
    event.preventDefault();
    const levels = name => fit.result.levels?.[name];
    const data = Object.fromEntries(inputs.map((input, at) => [features[at], [levels(features[at]) ? input.value : Number(input.value)]]));
    if (features.length === 0) data.row = [0];
    const answer = await fetch(`fits/${fit.id}/predict`, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ data, interval: fit.spec.confidence }) });
    const got = await answer.json();
    if (!answer.ok) { output.textContent = got.errors?.[0]?.detail ?? got.detail; return; }
    const value = got.predictions[0];
    const band = got.prediction ?? got.confidence;
    const chance = got.probabilities && number(Math.max(...got.probabilities[0]));
    output.textContent = `${typeof value === 'number' && !chance ? number(value) : value}${chance ? ` with probability ${chance}` : ''}`
      + (band && !chance ? `, between ${number(band.lower[0])} and ${number(band.upper[0])}` : '');
  };
  return make('form', { onsubmit: ask, 'aria-label': `Predict with fit ${short(fit.id)}` }, make('h3', {}, `Predict ${model.target}`),
    make('p', { class: 'actions' }, ...inputs, make('button', {}, 'Predict'), output));
}

async function save(id) {
  const answer = await fetch(`fits/${id}/history`, { headers: { accept: 'text/csv' } });
  const address = URL.createObjectURL(await answer.blob());
  make('a', { href: address, download: 'history.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
