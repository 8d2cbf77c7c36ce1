// Alipay+ with node's own cryptography: verifies requests of ours and signs answers for us, as
// the documents of Alipay+ describe it. Reads one JSON object from standard input.
const crypto = require('crypto');
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));

const text = (target, client, time, body) => `POST ${target}\n${client}.${time}.${body}`;
const part = (header, name) => header.split(',').map((p) => p.trim()).find((p) => p.startsWith(name + '=')).slice(name.length + 1);

const verify = (r, body) => crypto.createVerify('RSA-SHA256')
  .update(text(r.target, r.header['Client-Id'][0], r.header['Request-Time'][0], body), 'utf8')
  .verify(input.merchantPublicKey, decodeURIComponent(part(r.header.Signature[0], 'signature')), 'base64');

const out = {
  ours: input.requests.map((r) => verify(r, r.body)),
  changed: input.requests.map((r) => verify(r, r.body.replace('paymentRequestId', 'paymentRequestIe'))),
  strings: input.requests.map((r) => {
    const scalars = (v) => (typeof v === 'object' ? Object.values(v).every(scalars) : typeof v === 'string' && v !== '');
    return scalars(JSON.parse(r.body));
  }),
  signed: input.answers.map(({ target, body }) => {
    const time = new Date().toISOString();
    const sign = crypto.createSign('RSA-SHA256').update(text(target, input.client, time, body), 'utf8').sign(input.gatewayKey, 'base64');
    return { time, signature: `algorithm=RSA256, keyVersion=1, signature=${encodeURIComponent(sign)}` };
  }),
};
console.log(JSON.stringify(out));
