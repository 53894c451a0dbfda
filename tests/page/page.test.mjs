// The page as a new user tries it, in a real browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { Service, browser as launch, visit } from './service.mjs';

let service, browser;
before(async () => {
  service = await Service.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await service?.end();
});

const article = page => page.locator('article').last();
const status = (page, word) => article(page).locator('.status', { hasText: new RegExp(`^${word}$`) }).waitFor();
const example = (page, name) => page.getByRole('button', { name, exact: true }).click();
const fit = page => page.getByRole('button', { name: 'Fit', exact: true }).click();
const field = (page, section, name) => page.locator(section).getByLabel(name, { exact: true });

async function ended(page) {
  await status(page, 'succeeded');
  // What is seen is drawn.
  const pictures = article(page).locator('figure:not([hidden]) img');
  await pictures.nth(3).waitFor();
  return pictures;
}

async function value(page, name) {
  const row = article(page).locator('table tbody tr', { has: page.locator('th', { hasText: new RegExp(`^${name.replace('^', '\\^')}$`) }) });
  return Number((await row.locator('td').first().textContent()).split(' ')[0]);
}

// A descent that is far from its end, on any machine: each of so many steps passes over all rows, for no sums of them say
// the Huber loss.
async function slow(page) {
  const rows = Array.from({ length: 20_000 }, (_, row) => `${row / 1000},${3 * row / 1000 + row * row % 7}`);
  await page.getByLabel('A file').setInputFiles({ name: 'rows.csv', mimeType: 'text/csv', buffer: Buffer.from(`x,y\n${rows.join('\n')}`) });
  await page.getByText('20000 rows of x, y').waitFor();
  await page.locator('#loss select').first().selectOption('huber');
  await page.locator('#optimizer select').first().selectOption('gradient_descent');
  await field(page, '#optimizer', 'learning rate').fill('1e-9');
  await page.locator('summary').click();
  await page.getByLabel('Iterations, at most').fill('10000000');
  await fit(page);
}

test('each example is fitted and seen, in both themes', async () => {
  for (const theme of ['light', 'dark']) {
    for (const [name, file, names] of [['A line', 'line', ['x', 'intercept']], ['A cubic', 'cubic', ['x', 'x^2', 'x^3', 'intercept']],
      ['A noisy exponential', 'decay', ['a', 'b', 'c']], ['Two classes', 'classes', ['hours', 'intercept']]]) {
      const { page, done } = await visit(browser, service, { colorScheme: theme });
      await example(page, name);
      await fit(page);
      const pictures = await ended(page);
      for (const picture of await pictures.all()) {
        assert(await picture.evaluate(image => image.decode().then(() => image.naturalWidth > 0)), 'a picture is shown');
        assert((await picture.getAttribute('alt')).length > 30, 'a picture is described');
      }
      const body = JSON.parse(readFileSync(`examples/${file}.json`));
      const answer = await fetch(`${service.address}/fits`, { method: 'POST', headers: { prefer: 'wait=20', 'content-type': 'application/json' }, body: JSON.stringify(body) });
      const { result } = await answer.json();
      for (const one of names) assert.equal(await value(page, one), Number(result.coefficients[one].toPrecision(6)), one);
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground === 'rgb(255, 255, 255)', theme === 'light');
      const corner = await pictures.first().evaluate(image => {
        const pad = document.createElement('canvas').getContext('2d');
        pad.drawImage(image, 0, 0);
        return pad.getImageData(2, 2, 1, 1).data[0];
      });
      assert.equal(corner > 200, theme === 'light', 'pictures have the theme too');
      await done(`${file}-${theme}`);
    }
  }
});

test('a pasted table is fitted with what the catalogue offers, and predicts', async () => {
  const { page, done } = await visit(browser, service);
  const rows = Array.from({ length: 20 }, (_, k) => `${k};"${2 * k * k - 3 * k + 1}"`);
  await page.locator('#csv').fill(`time;"the height"\n${rows.join('\n')}`);
  await page.getByText('20 rows of time, the height').waitFor();
  await page.getByLabel('model', { exact: true }).selectOption('polynomial');
  await field(page, '#model', 'degree (needed)').fill('2');
  await field(page, '#model', 'target').selectOption('the height');
  await page.getByText('The highest power. From 0 to 20.').waitFor();
  await fit(page);
  await ended(page);
  assert.deepEqual([await value(page, 'time'), await value(page, 'time^2'), await value(page, 'intercept')], [-3, 2, 1]);
  await page.getByLabel('time', { exact: true }).last().fill('100');
  await page.getByRole('button', { name: 'Predict' }).click();
  await page.locator('output', { hasText: /^19701/ }).waitFor();
  await done('pasted');
});

test('Fit means the example that was chosen, however late it comes', async () => {
  const { page, done } = await visit(browser, service);
  const asked = new Promise(tell => page.route('**/page/cubic.json', route => tell(route)));
  await example(page, 'A cubic');
  const late = await asked;
  await fit(page);
  await late.continue();
  await ended(page);
  assert.match(await article(page).locator('h2').textContent(), /^polynomial/i);
  await done();
});

test('every choice of the catalogue is offered with its meaning', async () => {
  const catalogue = await (await fetch(`${service.address}/catalogue`)).json();
  const { page, done } = await visit(browser, service);
  await example(page, 'A line');
  for (const [section, place] of [['models', '#model'], ['losses', '#loss'], ['optimizers', '#optimizer']]) {
    const select = page.locator(`${place} select`).first();
    assert.deepEqual(await select.locator('option').evaluateAll(options => options.map(one => one.value)), catalogue[section].map(entry => entry.kind));
    for (const entry of catalogue[section]) {
      await select.selectOption(entry.kind);
      const text = await page.locator(place).textContent();
      for (const meaning of [entry.summary, ...entry.parameters.map(one => one.meaning)]) assert(text.includes(meaning), meaning);
    }
  }
  await page.locator('summary').click();
  await done('setup');
});

test('a rate that diverges is told what is stable, and one click takes it', async () => {
  const { page, done } = await visit(browser, service);
  await example(page, 'A rate too large');
  await fit(page);
  await status(page, 'failed');
  await page.getByText(/Stable is a learning rate up to 0\.0919923\./).waitFor();
  await page.screenshot({ path: `${process.env.PAGE_PICTURES}/diverged.png`, fullPage: true });
  await page.getByRole('button', { name: /^Fit with the learning rate 0\.09/ }).click();
  await ended(page);
  assert.match(await field(page, '#optimizer', 'learning rate').inputValue(), /^0\.0903/);
  await done('stable');
});

test('a running fit is watched and stopped', async () => {
  const { page, done } = await visit(browser, service);
  await slow(page);
  const picture = article(page).locator('figure:not([hidden]) img[alt^="The loss"]');
  await picture.waitFor();
  const first = await picture.getAttribute('src');
  await page.waitForFunction(before => document.querySelector('img[alt^="The loss"]')?.src !== before, first);
  await article(page).locator('figure:not([hidden]) img[alt^="Contours"]').waitFor();
  const recent = page.locator('#recent li').first();
  await recent.locator('.running').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await status(page, 'cancelled');
  await recent.locator('.cancelled').waitFor();
  await page.getByText('It was stopped by hand').waitFor();
  await done('stopped');
});

test('two fits stand side by side', async () => {
  const { page, done } = await visit(browser, service);
  await example(page, 'A cubic');
  await fit(page);
  await ended(page);
  const pin = page.getByRole('button', { name: 'Keep beside the next' });
  await pin.click();
  assert.equal(await pin.getAttribute('aria-pressed'), 'true');
  await field(page, '#optimizer', 'momentum').fill('0.9');
  await fit(page);
  await page.locator('article').nth(1).waitFor();
  await ended(page);
  const boxes = await Promise.all((await page.locator('article').all()).map(one => one.boundingBox()));
  assert.equal(boxes.length, 2);
  assert(boxes[1].x >= boxes[0].x + boxes[0].width && Math.abs(boxes[0].y - boxes[1].y) < 2, 'beside each other');
  const said = await page.locator('article').evaluateAll(all => all.map(one => one.textContent.match(/iterations, loss (\S+)\./)[1]));
  assert.notEqual(said[0], said[1], 'momentum makes a difference');
  // The next one takes the place of the one that is not kept.
  await fit(page);
  await ended(page);
  assert.equal(await page.locator('article').count(), 2);
  await done('compared');
});

test('a link restores the setup, and the curl posts it', async () => {
  const { page, done } = await visit(browser, service);
  await example(page, 'A line');
  await page.getByLabel('Start', { exact: true }).fill('x = 1, intercept = 2');
  await page.locator('#rest').fill('{"penalty": {"l2": 0.5}, "labels": {"it\'s": "mine"}}');
  await page.getByRole('button', { name: 'Copy a link' }).click();
  await page.getByText('Copied.').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await page.waitForFunction(() => navigator.clipboard.readText().then(text => text.startsWith('curl')));
  const curl = await page.evaluate(() => navigator.clipboard.readText());
  const { result, labels, spec } = JSON.parse(execFileSync('sh', ['-c', curl]));
  assert.deepEqual([labels, spec.start, spec.penalty.l2], [{ "it's": 'mine' }, { intercept: 2, x: 1 }, 0.5]);
  await done();
  const second = await visit(browser, service, {}, link.slice(service.address.length));
  await second.page.getByText('rows of x, y').waitFor();
  await fit(second.page);
  await ended(second.page);
  assert.equal(await value(second.page, 'x'), Number(result.coefficients.x.toPrecision(6)));
  await second.done('restored');
});

test('a page goes on when the service comes back in the middle of a fit', async () => {
  const { page, done } = await visit(browser, service);
  page.allowed = text => /ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE)|Failed to load resource/.test(text);
  await slow(page);
  const iteration = async () => Number((await article(page).locator('p.soft').last().textContent()).match(/iteration (\d+)/)?.[1] ?? 0);
  const beyond = from => page.waitForFunction(least => {
    const lines = [...document.querySelectorAll('article p.soft')].map(one => one.textContent.match(/iteration (\d+)/)?.[1]);
    return lines.some(one => Number(one) > least);
  }, from);
  await beyond(0);
  await service.kill();
  await article(page).getByText(/connecting again|trying again/).waitFor();
  await service.up();
  await article(page).getByText(/connecting again|trying again/).waitFor({ state: 'hidden' });
  await beyond(await iteration());
  await page.getByRole('button', { name: 'Stop' }).click();
  await status(page, 'cancelled');
  await done('reconnected');
});

test('what is wrong is said where it is seen', async () => {
  const { page, done } = await visit(browser, service);
  page.allowed = text => text.includes('422');
  await fit(page);
  await page.getByRole('alert').getByText('There is no data yet.').waitFor();
  await page.locator('#csv').fill('x,y\n1,2\n3');
  await page.getByText('Row 2 has 1 fields, the first line has 2.').waitFor();
  await example(page, 'A line');
  await field(page, '#optimizer', 'momentum').fill('2');
  await fit(page);
  await page.getByRole('alert').getByText(/^\/optimizer\/momentum: /).waitFor();
  await done('faults');
});

test('it fits on a narrow screen and works with the keyboard alone', async () => {
  const { page, done } = await visit(browser, service, { viewport: { width: 380, height: 800 } });
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'To the setup');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'A line');
  await page.keyboard.press('Enter');
  await page.getByText('rows of x, y').waitFor();
  await page.getByLabel('Iterations, at most').focus();
  await page.keyboard.press('Enter');
  await ended(page);
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H2', 'what is new has the focus');
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert(width <= 380, `${width} pixels are needed`);
  await done('narrow');
});

test('history and pictures are downloaded, and a recent fit is opened again', async () => {
  const { page, done } = await visit(browser, service);
  await example(page, 'A line');
  await fit(page);
  await ended(page);
  const [history] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download the history' }).click()]);
  const lines = readFileSync(await history.path(), 'utf8').trim().split('\n');
  assert.deepEqual([lines[0], lines.length], ['iteration,loss,gradient_norm,x,intercept', 22]);
  const [picture] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'PNG' }).first().click()]);
  assert.equal(readFileSync(await picture.path()).subarray(1, 4).toString(), 'PNG');
  await example(page, 'Two classes');
  await fit(page);
  await article(page).locator('h2', { hasText: 'logistic' }).waitFor();
  await ended(page);
  await page.locator('#recent li').nth(1).getByRole('button').click();
  await article(page).locator('h2', { hasText: 'linear' }).waitFor();
  await ended(page);
  await done('opened');
});
