// alipay-sdk against the simulated gateway: pays, asks and cancels, checking every answer's
// signature; then verifies a request of ours. Reads one JSON object from standard input.
const crypto = require('crypto');
const { AlipaySdk } = require('alipay-sdk');
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));

async function main() {
  const sdk = new AlipaySdk({
    appId: input.appId,
    privateKey: input.privateKey,
    alipayPublicKey: input.publicKey,
    gateway: input.endpoint + '/gateway.do',
    keyType: 'PKCS8',
    camelcase: false,
  });
  const out = {};
  const exec = (method, bizContent) => sdk.exec(method, { bizContent }, { validateSign: true });
  out.pay = await exec('alipay.trade.pay', {
    out_trade_no: input.order, scene: 'bar_code', auth_code: input.code, subject: 'peer',
    total_amount: '12.80', terminal_id: 'T1',
  });
  out.query = await exec('alipay.trade.query', { out_trade_no: input.order });
  out.cancel = await exec('alipay.trade.cancel', { out_trade_no: input.order });
  // Our request: the signed text is built here from the wire, not from our code.
  const url = new URL(input.request.target, input.endpoint);
  const params = Object.fromEntries(url.searchParams);
  for (const [k, v] of new URLSearchParams(input.request.body)) params[k] = v;
  const text = Object.keys(params).filter((k) => k !== 'sign' && params[k] !== '').sort().map((k) => `${k}=${params[k]}`).join('&');
  out.ours = crypto.createVerify('RSA-SHA256').update(text, 'utf8').verify(input.merchantPublicKey, params.sign, 'base64');
  console.log(JSON.stringify(out));
}
main().catch((e) => { console.error(e); process.exit(1); });
