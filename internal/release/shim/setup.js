'use strict';
// The root action: links the binary as `shipkit` into a folder of its own and
// puts that on PATH.
const fs = require('fs');
const { join } = require('path');

(async () => {
  const path = await require('./lib/binary.js')();
  const dir = fs.mkdtempSync(join(process.env.RUNNER_TEMP || require('os').tmpdir(), 'shipkit-'));
  fs.symlinkSync(path, join(dir, 'shipkit'));
  fs.appendFileSync(process.env.GITHUB_PATH, `${dir}\n`);
  console.log(`shipkit is on PATH (${path})`);
})().catch((error) => {
  console.log(`::error::put shipkit on PATH: ${error.message}`);
  process.exit(1);
});
