'use strict';
// Gets a binary that the tree does not carry from the release of the same
// version, checks it against the tree's checksums and keeps it.
const { createHash } = require('crypto');
const fs = require('fs');
const { join } = require('path');

const root = join(__dirname, '..');
const read = (path) => fs.readFileSync(path, 'utf8').trim();

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

const fail = (message) => {
  console.log(`::error::${message}`);
  process.exit(1);
};

module.exports = async (name) => {
  const sums = Object.fromEntries(read(join(root, 'bin', 'SHA256SUMS')).split('\n').map((line) => line.split('  ').reverse()));
  if (!sums[name]) {
    fail(`shipkit has no binary for this platform (${name}), only ${Object.keys(sums).join(', ')}. Try: runs-on: ubuntu-latest`);
  }
  const version = read(join(root, 'VERSION'));
  const dir = join(process.env.RUNNER_TOOL_CACHE || join(root, 'bin', 'cache'), 'shipkit', version);
  const path = join(dir, name);
  if (fs.existsSync(path) && sha256(fs.readFileSync(path)) === sums[name]) return path;

  const server = process.env.GITHUB_SERVER_URL || 'https://github.com';
  const repository = process.env.GITHUB_ACTION_REPOSITORY || 'org/shipkit';
  const url = `${server}/${repository}/releases/download/${version}/${name}`;
  console.log(`shipkit carries no ${name}: downloading ${url}`);
  const answer = await fetch(url).catch((error) => fail(`download ${url}: ${error.cause?.message ?? error.message}`));
  if (!answer.ok) fail(`download ${url}: ${answer.status} ${answer.statusText}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (sha256(bytes) !== sums[name]) {
    fail(`download ${url}: SHA-256 is ${sha256(bytes)}, not ${sums[name]} as the release says. Try: run the job again; if it stays, report it`);
  }
  fs.mkdirSync(dir, { recursive: true });
  const part = `${path}.${process.pid}`;
  fs.writeFileSync(part, bytes, { mode: 0o755 });
  fs.renameSync(part, path); // another job on this machine may look at the same time
  return path;
};
