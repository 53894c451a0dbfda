// A choice from a section of the catalogue, with a field for each of its parameters. Nothing is listed by hand.

import { make, number, spoken } from './text.js';

let count = 0;

// `columns()` gives the names of the data's columns.
export function choice(section, catalogue, columns, { label, first }) {
  const entries = catalogue[section];
  const id = `choice${count++}`;
  const select = make('select', { id, 'aria-describedby': `${id}-help`, onchange: () => show() });
  for (const entry of entries) select.append(make('option', { value: entry.kind }, spoken(entry.kind)));
  const help = make('small', { id: `${id}-help` });
  const place = make('div');
  let fields = [];
  const show = (given = {}) => {
    const entry = entries.find(one => one.kind === select.value);
    help.textContent = entry.summary;
    fields = entry.parameters.map(parameter => field(parameter, catalogue, columns));
    fields.forEach(one => given[one.name] !== undefined && one.set(given[one.name]));
    place.replaceChildren(...fields.map(one => one.element));
  };
  if (first) select.value = first;
  show();
  const names = label ? [make('label', { for: id }, label)] : [];
  if (!label) select.setAttribute('aria-label', spoken(section).replace(/(ss)?e?s$/, '$1'));
  return {
    element: make('div', { class: 'field' }, ...names, select, help, place),
    get() {
      const set = fields.map(one => [one.name, one.get()]).filter(([, value]) => value !== undefined);
      return { kind: select.value, ...Object.fromEntries(set) };
    },
    set(value) {
      const { kind, ...rest } = typeof value === 'string' ? { kind: value } : value;
      if (entries.some(entry => entry.kind === kind)) select.value = kind;
      show(rest);
    },
    // The same once the columns are others.
    renew() {
      const { kind, ...rest } = this.get();
      show(rest);
    },
  };
}

function range(p) {
  const ends = [];
  if (p.minimum !== undefined) ends.push(`from ${number(p.minimum)}`);
  if (p.exclusive_minimum !== undefined) ends.push(`above ${number(p.exclusive_minimum)}`);
  if (p.maximum !== undefined) ends.push(`to ${number(p.maximum)}`);
  if (p.exclusive_maximum !== undefined) ends.push(`below ${number(p.exclusive_maximum)}`);
  if (p.words && p.type !== 'word') ends.push(`or ${p.words.join(', ')}`);
  const text = ends.join(' ');
  return text && ` ${text[0].toUpperCase()}${text.slice(1)}.`;
}

// `a = 1, b = 2`, or JSON.
function mapping(text) {
  if (text.startsWith('{')) return JSON.parse(text);
  return Object.fromEntries(text.split(',').map(pair => {
    const [name, value] = pair.split('=').map(part => part.trim());
    if (!name || value === undefined || value === '' || Number.isNaN(Number(value))) throw `“${pair.trim()}” is not of the form name = number.`;
    return [name, Number(value)];
  }));
}
const unmapped = map => Object.values(map).every(value => typeof value === 'number')
  ? Object.entries(map).map(([name, value]) => `${name} = ${value}`).join(', ') : JSON.stringify(map);
export const maps = { parse: mapping, print: unmapped };

function field(p, catalogue, columns) {
  const id = `field${count++}`;
  const described = { id, name: p.name, 'aria-describedby': `${id}-help` };
  const help = make('small', { id: `${id}-help` }, `${p.meaning}${range(p)}`);
  const label = make('label', { for: id }, spoken(p.name) + (p.required ? ' (needed)' : ''));
  const around = control => make('div', { class: 'field' }, label, control, help);
  const shown = p.default === undefined ? 'none' : typeof p.default === 'string' ? spoken(p.default) : String(p.default);
  switch (p.type) {
    case 'choice': {
      const inner = choice(p.section, catalogue, columns, { label: spoken(p.name), first: p.default });
      return { name: p.name, element: make('div', { class: 'field' }, inner.element, help), set: inner.set, get: () => {
        const chosen = inner.get();
        return chosen.kind === p.default && Object.keys(chosen).length === 1 ? undefined : chosen;
      } };
    }
    case 'flag': {
      const box = make('input', { ...described, type: 'checkbox' });
      box.checked = p.default === true;
      const beside = make('label', {}, box, ` ${spoken(p.name)}`);
      return { name: p.name, element: make('div', { class: 'field' }, beside, help), set: value => { box.checked = value; },
        get: () => box.checked === (p.default === true) ? undefined : box.checked };
    }
    case 'columns': {
      const boxes = columns().map(name => make('input', { type: 'checkbox', value: name }));
      const labels = boxes.map(box => make('label', {}, box, ` ${box.value}`));
      const group = make('div', { class: 'columns', role: 'group', 'aria-label': spoken(p.name), 'aria-describedby': `${id}-help` }, ...labels);
      return { name: p.name, element: make('div', { class: 'field' }, make('b', {}, spoken(p.name)), group, help),
        set: names => boxes.forEach(box => { box.checked = names.includes(box.value); }),
        get: () => boxes.some(box => box.checked) ? boxes.filter(box => box.checked).map(box => box.value) : undefined };
    }
    case 'column':
    case 'word': {
      const words = p.type === 'word' ? p.words : columns();
      const select = make('select', described, make('option', { value: '' }, `(${shown})`),
        ...words.map(word => make('option', { value: word }, word)));
      return { name: p.name, element: around(select), set: value => { select.value = words.includes(value) ? value : ''; },
        get: () => select.value || undefined };
    }
    default: {
      const input = make('input', { ...described, placeholder: shown, spellcheck: 'false', required: p.required,
        inputmode: ['integer', 'number'].includes(p.type) && !p.words ? 'decimal' : 'text' });
      const isMap = ['factors', 'parameters'].includes(p.type);
      return { name: p.name, element: around(input),
        set: value => { input.value = isMap && typeof value === 'object' ? unmapped(value) : value; },
        get: () => {
          const text = input.value.trim();
          if (text === '') return undefined;
          if (isMap && !p.words?.includes(text)) return mapping(text);
          return p.type !== 'text' && text !== '' && !Number.isNaN(Number(text)) ? Number(text) : text;
        } };
    }
  }
}
