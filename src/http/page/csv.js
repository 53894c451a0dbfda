// Text to columns: a comma, a semicolon or a tab between fields, quotes as in RFC 4180, names in the first line.

function records(text, separator) {
  const rows = [[]];
  let field = '', quoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') field += text[++at];
      else quoted = false;
    } else if (letter === '"' && field.trim() === '') {
      [quoted, field] = [true, ''];
    } else if (letter === separator || letter === '\n') {
      rows.at(-1).push(field.trim());
      field = '';
      if (letter === '\n') rows.push([]);
    } else if (letter !== '\r') {
      field += letter;
    }
  }
  rows.at(-1).push(field.trim());
  return rows.filter(row => row.length > 1 || row[0] !== '');
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

// Columns by name; numbers where every field is one, or left out. What is wrong is thrown as text.
export function columns(text) {
  const line = text.split('\n', 1)[0];
  const separator = [',', ';', '\t'].reduce((best, one) => line.split(one).length > line.split(best).length ? one : best);
  const rows = records(text, separator);
  if (rows.length === 0) return null;
  const named = !rows[0].every(field => NUMBER.test(field));
  const names = named ? rows.shift() : rows[0].map((_, at) => at === rows[0].length - 1 ? 'y' : rows[0].length === 2 ? 'x' : `x${at + 1}`);
  if (rows.length === 0) throw 'There are names, but no rows.';
  if (new Set(names).size < names.length) throw 'Two columns have the same name.';
  if (names.includes('')) throw 'A column has no name.';
  const odd = rows.findIndex(row => row.length !== names.length);
  if (odd >= 0) throw `Row ${odd + 1} has ${rows[odd].length} fields, the first line has ${names.length}.`;
  return Object.fromEntries(names.map((name, at) => {
    const fields = rows.map(row => row[at]);
    const numeric = fields.every(field => field === '' || NUMBER.test(field)) && fields.some(field => field !== '');
    return [name, fields.map(field => field === '' ? null : numeric ? Number(field) : field)];
  }));
}

export function text(data) {
  const names = Object.keys(data);
  const field = value => value == null ? '' : /[",;\t\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  const rows = (data[names[0]] ?? []).map((_, row) => names.map(name => field(data[name][row])).join(','));
  return [names.map(field).join(','), ...rows].join('\n');
}
