// alipay-sdk against the simulated gateway: every method, each answer's signature checked;
// then it verifies requests of ours, and signs answers for us with the gateway's key. Reads
// one JSON object from standard input.
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
  const exec = (method, bizContent) => sdk.exec(method, { bizContent, ...(input.token && { appAuthToken: input.token }) }, { validateSign: true });
  const payee = { ...(input.seller && { seller_id: input.seller, extend_params: { sys_service_provider_id: input.provider } }) };
  out.pay = await exec('alipay.trade.pay', {
    out_trade_no: input.order, scene: 'bar_code', auth_code: input.code, subject: 'peer',
    total_amount: '12.80', terminal_id: 'T1', ...payee,
  });
  out.query = await exec('alipay.trade.query', { out_trade_no: input.order });
  out.refund = await exec('alipay.trade.refund', { out_trade_no: input.order, refund_amount: '2.80', out_request_no: 'R1' });
  out.again = await exec('alipay.trade.refund', { out_trade_no: input.order, refund_amount: '2.80', out_request_no: 'R1' });
  out.refundQuery = await exec('alipay.trade.fastpay.refund.query', { out_trade_no: input.order, out_request_no: 'R1' });
  out.otherRefund = await exec('alipay.trade.fastpay.refund.query', { out_trade_no: input.order, out_request_no: 'R2' });
  out.pay2 = await exec('alipay.trade.pay', {
    out_trade_no: input.order2, scene: 'bar_code', auth_code: input.code2, subject: 'peer', total_amount: '0.01', terminal_id: 'T1', ...payee,
  });
  out.cancel = await exec('alipay.trade.cancel', { out_trade_no: input.order2 });
  out.precreate = await exec('alipay.trade.precreate', {
    out_trade_no: input.offer, subject: 'peer', total_amount: '12.80', terminal_id: 'T1', time_expire: input.expire,
    qr_code_timeout_express: '2m', ...payee,
  });
  out.close = await exec('alipay.trade.close', { out_trade_no: input.offer });

  // Our requests: the signed text is built here from the wire, not from our code.
  const verify = (request, change) => {
    const url = new URL(request.target, input.endpoint);
    const params = Object.fromEntries(url.searchParams);
    for (const [k, v] of new URLSearchParams(request.body)) params[k] = v;
    if (change) params.biz_content = params.biz_content.replace('out_trade_no', 'out_trade_nn');
    const text = Object.keys(params).filter((k) => k !== 'sign' && params[k] !== '').sort().map((k) => `${k}=${params[k]}`).join('&');
    return crypto.createVerify('RSA-SHA256').update(text, 'utf8').verify(input.merchantPublicKey, params.sign, 'base64');
  };
  out.ours = input.requests.map((r) => verify(r, false));
  out.changed = input.requests.map((r) => verify(r, true));

  // Answers for us, signed with the library's own signing of a request's text.
  out.signed = input.answers.map(({ method, inner }) => {
    const sign = crypto.createSign('RSA-SHA256').update(inner, 'utf8').sign(input.gatewayKey, 'base64');
    const text = `{"${method.replace(/\./g, '_')}_response":${inner},"sign":"${sign}"}`;
    // The library's own check cuts what is signed out of the text; it throws when it fails.
    sdk.checkResponseSign(text, `${method.replace(/\./g, '_')}_response`, sign);
    return text;
  });
  console.log(JSON.stringify(out));
}
main().catch((e) => { console.error(e); process.exit(1); });
