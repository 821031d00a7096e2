// Reads Cookie fields, one a line in hexadecimal, and prints for each the value
// that the package cookie, which Express uses, finds under the name given.
const cookie = require('/usr/share/nodejs/cookie');
const name = process.argv[2];

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const value = cookie.parse(Buffer.from(line, 'hex').toString('latin1'))[name];
  process.stdout.write(value === undefined ? '\n' : `Express\t${Buffer.from(value).toString('hex')}\n`);
});
