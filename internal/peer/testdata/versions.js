// Prints which versions are installed, after loading each package once.
const fs = require('fs');
const path = require('path');
const found = {};
for (const name of ['@adyen/api-library', 'alipay-sdk', 'jsqr', 'wechatpay-axios-plugin', 'wechatpay-node-v3']) {
  require(name);
  const file = path.join(process.env.NODE_PATH, name, 'package.json');
  found[name] = JSON.parse(fs.readFileSync(file)).version;
}
console.log(JSON.stringify(found));
