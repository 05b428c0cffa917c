'use strict';
// Stands in for the binary: signals go on to it, its exit code comes back.
// spawn and not spawnSync, which would leave the binary running after a cancel.
const { spawn } = require('child_process');
const { signals } = require('os').constants;
const binary = require('./binary.js');

module.exports = async (...args) => {
  const path = await binary();
  const child = spawn(path, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.log(`::error::shipkit cannot start ${path}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + signals[signal]));
};
