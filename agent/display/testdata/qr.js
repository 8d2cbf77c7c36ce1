// Reads QR codes with an independent decoder: each argument is WIDTHxHEIGHT:FILE, a file of
// raw RGBA pixels. Prints a JSON array of the texts, null where there is no code.
const fs = require('fs');
const jsqr = require('jsqr');
console.log(JSON.stringify(process.argv.slice(2).map((arg) => {
  const [, width, height, file] = arg.match(/^(\d+)x(\d+):(.*)$/);
  const found = jsqr(new Uint8ClampedArray(fs.readFileSync(file)), Number(width), Number(height), { inversionAttempts: 'dontInvert' });
  return found && found.data;
})));
