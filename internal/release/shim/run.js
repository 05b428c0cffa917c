'use strict';
// Stands in for the binary: signals go on to it, its exit code comes back.
// spawn and not spawnSync, which would leave the binary running after a cancel.
const { spawn } = require('child_process');
const { signals } = require('os').constants;
const binary = require('./binary.js');

module.exports = async (...args) => {
  let child; // listen before it starts: a signal in between must not end node alone
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => (child ? child.kill(signal) : process.exit(128 + signals[signal])));
  }
  const path = await binary();
  child = spawn(path, args, { stdio: 'inherit' });
  child.on('error', (error) => {
    console.log(`::error::shipkit cannot start ${path}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + signals[signal]));
};
