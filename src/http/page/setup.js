// The form: from what is chosen to what is posted, and back.

import { choice, maps } from './choice.js';
import * as csv from './csv.js';

const $ = id => document.getElementById(id);
const EMPTY = [undefined, '', 'zeros'];

export function setup(catalogue) {
  let data = null;
  const columns = () => Object.keys(data ?? {});
  const parts = {
    model: choice('models', catalogue, columns, {}),
    loss: choice('losses', catalogue, columns, { first: 'auto' }),
    optimizer: choice('optimizers', catalogue, columns, { first: 'auto' }),
    scaling: choice('scalings', catalogue, columns, { label: 'Scaling', first: 'auto' }),
  };
  for (const [name, part] of Object.entries(parts)) $(name).replaceChildren(part.element);

  function read() {
    const shape = $('shape');
    const before = columns().join();
    try {
      data = csv.columns($('csv').value);
      const rows = data ? Object.values(data)[0].length : 0;
      shape.textContent = data ? `${rows} rows of ${columns().join(', ')}` : '';
    } catch (fault) {
      data = null;
      shape.textContent = String(fault);
    }
    if (columns().join() !== before) parts.model.renew();
  }

  async function take(file) {
    if (!file) return;
    $('csv').value = await file.text();
    read();
  }
  $('csv').addEventListener('input', read);
  $('file').addEventListener('change', event => take(event.target.files[0]));
  const zone = $('data');
  zone.addEventListener('dragover', event => { event.preventDefault(); zone.classList.add('dropping'); });
  zone.addEventListener('dragleave', () => zone.classList.remove('dropping'));
  zone.addEventListener('drop', event => {
    event.preventDefault();
    zone.classList.remove('dropping');
    take(event.dataTransfer.files[0]);
  });

  return {
    // What is to be posted; a fault is thrown as text.
    get() {
      read();
      if (!data) throw $('shape').textContent || 'There is no data yet.';
      const body = { data, model: parts.model.get() };
      for (const name of ['loss', 'optimizer', 'scaling']) {
        const chosen = parts[name].get();
        if (chosen.kind !== 'auto') body[name] = chosen;
      }
      const start = $('start').value.trim();
      if (!EMPTY.includes(start)) body.start = start === 'random' ? start : maps.parse(start);
      const iterations = $('iterations').value.trim();
      if (iterations !== '') body.stop = { max_iterations: Number(iterations) };
      const held = $('held').value.trim();
      if (held !== '') body.validation = { fraction: Number(held) };
      if (Object.values(data).some(values => values.includes(null))) body.missing = 'drop_rows';
      body.history = { coefficients: true };
      const rest = $('rest').value.trim();
      let more = {};
      try {
        more = rest === '' ? {} : JSON.parse(rest);
      } catch (fault) {
        throw `What stands under “Anything else” is not JSON: ${fault.message}`;
      }
      return merged(body, more);
    },
    set(body) {
      const { data: given, model, loss, optimizer, scaling, start, stop, validation, history, missing, ...rest } = structuredClone(body);
      if (given) $('csv').value = csv.text(given);
      read();
      parts.model.set(model ?? 'linear');
      parts.loss.set(loss ?? 'auto');
      parts.optimizer.set(optimizer ?? 'auto');
      parts.scaling.set(scaling ?? 'auto');
      $('start').value = typeof start === 'object' ? maps.print(start) : start ?? '';
      $('iterations').value = stop?.max_iterations ?? '';
      if (stop) delete stop.max_iterations;
      $('held').value = validation?.fraction ?? '';
      if (stop && Object.keys(stop).length) rest.stop = stop;
      if (validation) {
        delete validation.fraction;
        if (Object.keys(validation).length) rest.validation = validation;
      }
      $('rest').value = Object.keys(rest).length ? JSON.stringify(rest) : '';
      $('more').open ||= Boolean(start || stop || validation || scaling || Object.keys(rest).length);
    },
  };
}

// A JSON merge patch (RFC 7396) put on a value.
export function merged(value, patch) {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const out = value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : {};
  for (const [name, part] of Object.entries(patch)) {
    if (part === null) delete out[name];
    else out[name] = merged(out[name], part);
  }
  return out;
}
