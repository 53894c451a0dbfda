// The page: examples, the form, up to two fits side by side, recent fits, the link that restores a setup.

import { merged, setup } from './setup.js';
import { copy, curl, make, spoken } from './text.js';
import { view } from './view.js';

const $ = id => document.getElementById(id);
const EXAMPLES = { line: 'A line', cubic: 'A cubic', decay: 'A noisy exponential', classes: 'Two classes', diverging: 'A rate too large' };
const SIDE_BY_SIDE = 2;
const LISTED = 8;

const dark = matchMedia('(prefers-color-scheme: dark)');
const theme = () => $('theme').value || (dark.matches ? 'dark' : 'light');
const views = [];
let form, pinned = new Set();

function recolour() {
  const chosen = $('theme').value;
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  views.forEach(one => one.recolour());
}

function open(id, body) {
  for (const one of views.filter(one => one.id === id)) close(one);
  while (views.length >= SIDE_BY_SIDE || views.some(one => !pinned.has(one))) {
    close(views.find(one => !pinned.has(one)) ?? views[0]);
  }
  const one = view(id, { body, theme, changed: list, again: patch => post(merged(body ?? form.get(), patch), true),
    pin: pressed => pressed ? pinned.add(one) : pinned.delete(one) });
  views.push(one);
  $('fits').querySelector('.hint')?.remove();
  $('fits').append(one.element);
  $('fits').classList.toggle('two', views.length > 1);
  one.focus();
}

function close(one) {
  one.close();
  pinned.delete(one);
  views.splice(views.indexOf(one), 1);
  $('fits').classList.toggle('two', views.length > 1);
}

function fault(...lines) {
  $('faults').replaceChildren(lines.length ? make('ul', {}, ...lines.map(line => make('li', {}, line))) : '');
}

async function post(body, shown) {
  fault();
  if (shown) form.set(body);
  const answer = await fetch('fits', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }).catch(() => null);
  if (!answer) return fault('The service does not answer.');
  const got = await answer.json();
  if (answer.ok) return open(got.id, body);
  fault(...(got.errors?.map(one => `${one.pointer ? `${one.pointer}: ` : ''}${one.detail}`) ?? [got.detail]));
}

// The example that was chosen last, and is on its way.
let coming = Promise.resolve();

async function take(name) {
  const answer = await fetch(`page/${name}.json`).catch(() => null);
  if (!answer?.ok) return fault('The service does not answer.');
  form.set(await answer.json());
  fault();
}

// What is asked, or nothing where a fault is shown instead. Who asks right after choosing an example means the example.
async function asked() {
  await coming;
  fault();
  try {
    return form.get();
  } catch (wrong) {
    fault(String(wrong.message ?? wrong));
    return null;
  }
}

let listing = null;
async function list() {
  clearTimeout(listing);
  const answer = await fetch(`fits?limit=${LISTED}`).catch(() => null);
  clearTimeout(listing);
  const fits = answer?.ok ? (await answer.json()).data : null;
  if (fits) {
    const focused = document.activeElement?.dataset.fit;
    $('recent').querySelector('ol').replaceChildren(...fits.map(fit => make('li', {},
      make('span', { class: 'what' }, `${spoken(fit.spec.model.kind)}, ${spoken(fit.spec.optimizer.kind)}, ${fit.dataset.rows} rows, ${new Date(fit.created_at).toLocaleTimeString()}`),
      make('span', { class: `status ${fit.status}` }, spoken(fit.status)),
      make('button', { type: 'button', 'data-fit': fit.id, 'aria-label': `Open the fit of ${fit.created_at}`, onclick: () => open(fit.id) }, 'Open'))));
    if (focused) $('recent').querySelector(`[data-fit="${focused}"]`)?.focus();
  }
  const live = !fits || fits.some(fit => ['queued', 'running'].includes(fit.status));
  listing = setTimeout(list, live && !document.hidden ? 1000 : 10000);
}

const piped = async (bytes, through) => new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(through)).arrayBuffer());

async function packed(body) {
  const bytes = await piped(new TextEncoder().encode(JSON.stringify(body)), new CompressionStream('deflate-raw'));
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

async function unpacked(text) {
  const letters = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = await piped(Uint8Array.from(letters, letter => letter.charCodeAt(0)), new DecompressionStream('deflate-raw'));
  return JSON.parse(new TextDecoder().decode(bytes));
}

async function restore() {
  const link = location.hash.match(/^#s=(.+)$/);
  if (!link) return;
  try {
    form.set(await unpacked(link[1]));
  } catch {
    fault('The link holds no setup that can be read.');
  }
}

async function start() {
  const answer = await fetch('catalogue').catch(() => null);
  if (!answer?.ok) {
    fault('The service does not answer; trying again.');
    return setTimeout(start, 1000);
  }
  fault();
  form = setup(await answer.json());
  $('examples').append(...Object.entries(EXAMPLES).map(([name, title]) => make('button', { type: 'button', onclick: () => {
    coming = coming.then(() => take(name)).catch(wrong => fault(String(wrong)));
  } }, title)));
  $('setup').addEventListener('submit', async event => {
    event.preventDefault();
    const body = await asked();
    if (body) post(body);
  });
  $('curl').addEventListener('click', async () => { const body = await asked(); if (body) copy(curl(body), $('said'), 'Copied.'); });
  $('share').addEventListener('click', async () => {
    const body = await asked();
    if (!body) return;
    history.replaceState(null, '', `#s=${await packed(body)}`);
    copy(location.href, $('said'), 'Copied.');
  });
  $('theme').addEventListener('change', recolour);
  dark.addEventListener('change', recolour);
  addEventListener('hashchange', restore);
  document.addEventListener('visibilitychange', list);
  await restore();
  list();
}

start();
