'use strict';
// Finds the binary for this platform: in the tree, else as a release asset.
const { existsSync } = require('fs');
const { join } = require('path');

module.exports = () => {
  const arch = { x64: 'amd64' }[process.arch] ?? process.arch;
  const name = `shipkit-${process.platform}-${arch}`;
  const bundled = join(__dirname, '..', 'bin', name);
  return existsSync(bundled) ? bundled : require('./download.js')(name);
};
