// wechatpay-node-v3 signs requests that the simulated server must accept and verifies its
// answers; wechatpay-axios-plugin verifies a request of ours. Reads one JSON object from
// standard input.
const https = require('https');
const WxPay = require('wechatpay-node-v3');
const { Rsa, Formatter } = require('wechatpay-axios-plugin');
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));

const pay = new WxPay({
  appid: input.appId, mchid: input.merchant, serial_no: input.keyId,
  publicKey: Buffer.from(input.platformCertificate), privateKey: Buffer.from(input.privateKey),
});
// The class keeps the platform's certificates in a static table that it fills by download.
const table = (pay.constructor.certificates = pay.constructor.certificates || {});
table[input.serial] = input.platformCertificate;

function call(method, target, body) {
  return new Promise((resolve, reject) => {
    const text = body ? JSON.stringify(body) : '';
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json', 'User-Agent': 'peer',
      Authorization: pay.buildAuthorization(method, target, body || undefined) };
    if (text) headers['Content-Length'] = Buffer.byteLength(text);
    const url = new URL(target, input.endpoint);
    const req = https.request(url, { method, ca: input.ca, headers }, (res) => {
      const chunks = [];
      res.on('data', (c) => chunks.push(c));
      res.on('end', async () => {
        try {
          const raw = Buffer.concat(chunks).toString('utf8');
          const verified = await pay.verifySign({
            timestamp: res.headers['wechatpay-timestamp'], nonce: res.headers['wechatpay-nonce'], body: raw,
            serial: res.headers['wechatpay-serial'], signature: res.headers['wechatpay-signature'],
          });
          resolve({ status: res.statusCode, verified, body: JSON.parse(raw) });
        } catch (e) { reject(e); }
      });
    });
    req.on('error', reject);
    req.end(text);
  });
}

async function main() {
  const out = {};
  const path = '/v3/pay/transactions/';
  out.pay = await call('POST', path + 'codepay', {
    appid: input.appId, mchid: input.merchant, description: 'peer', out_trade_no: input.order,
    payer: { auth_code: input.code }, amount: { total: 1280, currency: 'CNY' }, scene_info: { device_id: 'T1' },
  });
  out.query = await call('GET', path + 'out-trade-no/' + input.order + '?mchid=' + input.merchant);
  const r = input.request;
  const auth = Object.fromEntries([...r.authorization.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
  out.ours = Rsa.verify(Formatter.request(r.method, r.target, auth.timestamp, auth.nonce_str, r.body), auth.signature, input.merchantPublicKey);
  console.log(JSON.stringify(out));
}
main().catch((e) => { console.error(e); process.exit(1); });
