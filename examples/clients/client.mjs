// Fits and follows with Node.js, and as well in a browser: node client.mjs http://127.0.0.1:8080 examples/line.json

import { readFile } from 'node:fs/promises';

const ENDS = ['succeeded', 'failed', 'cancelled'];

async function call(address, options) {
  const answer = await fetch(address, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}

// The events of a fit until its end; after a break it goes on behind the last one that was seen. In a browser an
// EventSource does the same.
async function* events(address) {
  let last = '0';
  for (;;) {
    try {
      const answer = await fetch(`${address}/events`, { headers: { 'Last-Event-ID': last } });
      let text = '';
      for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + chunk).split('\n\n');
        text = blocks.pop();
        for (const block of blocks) {
          const event = Object.fromEntries(block.split('\n').map(line => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]));
          if (!event.data) continue;
          last = event.id;
          yield [event.event, JSON.parse(event.data)];
          if (ENDS.includes(event.event)) return;
        }
      }
    } catch (fault) {
      if (!(fault instanceof TypeError)) throw fault;
      await new Promise(done => setTimeout(done, 1000));
    }
  }
}

const [address, path] = process.argv.slice(2);
// The same key makes the same fit, however often this is sent.
const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() };
const { id } = await call(`${address}/fits`, { method: 'POST', headers, body: await readFile(path) });
for await (const [event, data] of events(`${address}/fits/${id}`)) console.error(event, data.iteration ?? '', data.loss ?? '');
const fit = await call(`${address}/fits/${id}`);
console.log(fit.status);
for (const [name, value] of Object.entries(fit.result?.coefficients ?? {})) console.log(`${name} = ${value.toFixed(6)}`);
