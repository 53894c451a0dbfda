// Words and numbers as they are shown, and what elements are made with.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child != null));
  return element;
}

export function number(value) {
  if (value == null) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return Number(value.toPrecision(5)).toExponential().replace('+', '');
  return String(Number(value.toPrecision(6)));
}

export const spoken = name => name.replaceAll('_', ' ');

const REASONS = {
  gradient_tolerance: 'It has converged: the slope at the end is as good as none.',
  loss_tolerance: 'It has converged: the loss hardly changed any more.',
  max_iterations: 'It stopped at the number of iterations that it was given; more may lead further.',
  max_seconds: 'It stopped when its time was over; more may lead further.',
  no_progress: 'No further progress was possible.',
  validation_stopped_improving: 'It stopped because the loss on the held-out rows no longer fell; the best iterate is reported.',
  cancelled: 'It was stopped by hand; this is where it was.',
  interrupted: 'It was interrupted.',
};
export const reason = word => REASONS[word] ?? spoken(word);

const quoted = text => `'${text.replaceAll("'", `'\\''`)}'`;
export const curl = body =>
  `curl -s -X POST ${location.origin}/fits -H 'content-type: application/json' -H 'prefer: wait=10' -d ${quoted(JSON.stringify(body))}`;

export async function copy(text, said, done) {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = done;
  } catch {
    // Without a clipboard the text is shown, to be copied by hand.
    const shown = make('textarea', { rows: 3, readonly: true, 'aria-label': 'To be copied' });
    shown.value = text;
    said.replaceChildren(shown);
    shown.select();
  }
}
