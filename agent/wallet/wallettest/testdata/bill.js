// wechatpay-axios-plugin reads a trade bill. Reads one JSON object from standard input.
const { Formatter } = require('wechatpay-axios-plugin');
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(Formatter.castCsvBill(Buffer.from(input.bill, 'base64'))));
