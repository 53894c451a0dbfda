// The service as a process, and a browser before it. Nothing but the service may be asked for anything.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const tools = createRequire(join(process.env.PAGE_TOOLS, 'package.json'));
const { chromium } = tools('playwright-core');
const AXE = tools.resolve('axe-core/axe.min.js');
export const PICTURES = process.env.PAGE_PICTURES;
mkdirSync(PICTURES, { recursive: true });

const free = () => new Promise(done => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});

export class Service {
  static async start() {
    const service = new Service();
    service.folder = mkdtempSync(join(tmpdir(), 'fitd-page-'));
    service.port = await free();
    service.address = `http://127.0.0.1:${service.port}`;
    await service.up();
    return service;
  }

  async up() {
    const env = { ...process.env, FITD_LISTEN: `127.0.0.1:${this.port}`, FITD_STORE: `sqlite:${this.folder}/fitd.db`, FITD_LOG: 'warn' };
    this.process = spawn(process.env.FITD, { env, stdio: 'inherit' });
    this.ended = new Promise(done => this.process.once('exit', done));
    for (let tries = 0; ; tries++) {
      const ready = await fetch(`${this.address}/readyz`).then(answer => answer.ok, () => false);
      if (ready) return;
      assert(tries < 600, 'the service should start');
      await new Promise(done => setTimeout(done, 50));
    }
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  async end() {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }
}

export async function browser() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: process.env.CHROMIUM, args });
}

// A page of its own, which has to stay silent.
export async function visit(browser, service, options = {}, path = '/') {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(30_000);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  const said = [];
  page.allowed = () => false;
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type()) && !page.allowed(message.text())) said.push(message.text());
  });
  page.on('pageerror', error => said.push(String(error)));
  page.on('request', request => {
    if (!request.url().startsWith(service.address) && !request.url().startsWith('blob:')) said.push(`asks ${request.url()}`);
  });
  await page.goto(service.address + path);
  await page.getByRole('button', { name: 'A line', exact: true }).waitFor();
  return {
    page,
    async done(name) {
      if (name) await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
      await accessible(page);
      assert.deepEqual(said, [], 'the console is clean, and no other server is asked');
      await context.close();
    },
  };
}

async function accessible(page) {
  // The policy allows no script from elsewhere, so the checker comes in with the debugger.
  await page.evaluate(await (await import('node:fs/promises')).readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(one => `${one.id}: ${one.nodes.map(node => node.html).join(' ')}`), []);
}
