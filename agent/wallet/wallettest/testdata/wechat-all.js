// wechatpay-node-v3 and wechatpay-axios-plugin look at what our client sends, and sign what the
// wallet answers. Reads {v3: {...}, v2: {...}} from standard input; each holds the keys and, by
// operation, a request of ours and the wallet's answer to it.
const WxPay = require('wechatpay-node-v3');
const { Aes, Formatter, Hash, Rsa, Transformer } = require('wechatpay-axios-plugin');
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const out = { v3: {}, v2: {} };

const nodePay = (privateKey) => new WxPay({
  appid: 'wx', mchid: input.v3.merchant, serial_no: input.v3.keyId,
  publicKey: Buffer.from(input.v3.platformCertificate), privateKey: Buffer.from(privateKey),
});
const us = nodePay(input.v3.merchantKey);
const platform = nodePay(input.v3.platformKey);

// One changed letter must make a signature worthless.
const changed = (text) => text.slice(0, -3) + (text.at(-3) === '1' ? '2' : '1') + text.slice(-2);

for (const [op, { request, answer }] of Object.entries(input.v3.operations)) {
  const auth = Object.fromEntries([...request.authorization.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
  const verify = (body, target) => Rsa.verify(
    Formatter.request(request.method, target, auth.timestamp, auth.nonce_str, body), auth.signature, input.v3.merchantPublicKey);
  const timestamp = String(Formatter.timestamp());
  const nonce = Formatter.nonce();
  out.v3[op] = {
    // The one library verifies the signature; the other makes the same one, byte for byte.
    verified: verify(request.body, request.target)
      && us.getSignature(request.method, auth.nonce_str, auth.timestamp, request.target, request.body || '') === auth.signature,
    changed: verify(request.body ? changed(request.body) : '', request.body ? request.target : changed(request.target)),
    timestamp, nonce, signature: platform.sha256WithRsa(Formatter.response(timestamp, nonce, answer)),
  };
}
// A list of certificates, sealed and signed by the libraries alone.
const seal = Formatter.nonce(12);
const list = JSON.stringify({ data: [{ serial_no: input.v3.serial, encrypt_certificate: { algorithm: 'AEAD_AES_256_GCM', nonce: seal,
  associated_data: 'certificate', ciphertext: Aes.AesGcm.encrypt(input.v3.platformCertificate, input.v3.secret, seal, 'certificate') } }] });
const at = String(Formatter.timestamp());
out.v3.certificates = { timestamp: at, nonce: seal, signature: platform.sha256WithRsa(Formatter.response(at, seal, list)), answer: list };
// What the simulated wallet sealed opens with both.
out.v3.opened = Object.values(input.v3.certificates).every((c) => {
  const text = Aes.AesGcm.decrypt(c.ciphertext, input.v3.secret, c.nonce, c.associated_data);
  return text === input.v3.platformCertificate && us.decipher_gcm(c.ciphertext, c.associated_data, c.nonce, input.v3.secret) === text;
});

for (const [kind, v2] of Object.entries(input.v2)) {
  out.v2[kind] = {};
  for (const [op, { request, answer }] of Object.entries(v2.operations)) {
    const asked = Transformer.toObject(request.body);
    const answered = Transformer.toObject(answer);
    const sign = (data) => Hash.sign(kind, data, v2.secret);
    const signed = { ...answered, a_field_of_theirs: 'x & <y>' };
    delete signed.sign;
    signed.sign = sign(signed);
    out.v2[kind][op] = {
      verified: asked.sign === sign(asked),
      changed: asked.sign === sign({ ...asked, nonce_str: changed(asked.nonce_str) }),
      answer: Transformer.toXml(signed),
    };
  }
}
console.log(JSON.stringify(out));
