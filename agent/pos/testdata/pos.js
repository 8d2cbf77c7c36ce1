// A point of sale made of the unmodified public client. Every line on standard input is a
// step in JSON; what the client made of the answer is written as a line in JSON when it is
// there, so steps may run at the same time.
const { Client, Config, TerminalLocalAPI } = require('@adyen/api-library');
const Unencrypted = require('@adyen/api-library/lib/src/services/terminalLocalAPIUnencrypted').default;
const readline = require('readline');

const o = JSON.parse(process.argv[2]);
const config = new Config({
  certificatePath: o.ca,
  terminalApiLocalEndpoint: 'https://' + o.host,
  apiKey: 'any',
  environment: 'TEST',
  ...(o.timeout ? { connectionTimeoutMillis: o.timeout } : {}),
});
const key = { AdyenCryptoVersion: 1, KeyIdentifier: o.keyIdentifier, KeyVersion: 1, Passphrase: o.passphrase };
const client = new Client(config);
const api = o.sealed ? new TerminalLocalAPI(client) : new Unencrypted(client);

const header = (category, id) => ({
  ProtocolVersion: '3.0', MessageClass: 'Service', MessageCategory: category, MessageType: 'Request',
  ServiceID: id, SaleID: o.saleID, POIID: o.poiID,
});
const stamp = '2026-11-22T10:00:00Z';
const make = {
  pay: (s) => ({
    MessageHeader: header('Payment', s.id),
    PaymentRequest: {
      SaleData: { SaleTransactionID: { TransactionID: s.basket, TimeStamp: stamp }, SaleToAcquirerData: s.acquirerData },
      PaymentTransaction: { AmountsReq: { Currency: 'CNY', RequestedAmount: s.amount } },
    },
  }),
  status: (s) => ({
    MessageHeader: header('TransactionStatus', s.id),
    TransactionStatusRequest: {
      ReceiptReprintFlag: true, DocumentQualifier: ['CashierReceipt', 'CustomerReceipt'],
      MessageReference: { MessageCategory: 'Payment', SaleID: o.saleID, ServiceID: s.of },
    },
  }),
  abort: (s) => ({
    MessageHeader: header('Abort', s.id),
    AbortRequest: { AbortReason: 'MerchantAbort', MessageReference: { MessageCategory: 'Payment', SaleID: o.saleID, ServiceID: s.of } },
  }),
  reverse: (s) => ({
    MessageHeader: header('Reversal', s.id),
    ReversalRequest: {
      OriginalPOITransaction: { POITransactionID: { TransactionID: s.transaction, TimeStamp: stamp } },
      ReversalReason: 'MerchantCancel',
      ...(s.amount ? { ReversedAmount: s.amount } : {}),
    },
  }),
  refund: (s) => ({
    MessageHeader: header('Payment', s.id),
    PaymentRequest: {
      SaleData: { SaleTransactionID: { TransactionID: s.basket, TimeStamp: stamp } },
      PaymentTransaction: {
        AmountsReq: { Currency: 'CNY', RequestedAmount: s.amount },
        ...(s.transaction ? { OriginalPOITransaction: { POITransactionID: { TransactionID: s.transaction, TimeStamp: stamp } } } : {}),
      },
      PaymentData: { PaymentType: 'Refund' },
    },
  }),
  diagnose: (s) => ({ MessageHeader: header('Diagnosis', s.id), DiagnosisRequest: { HostDiagnosisFlag: true } }),
};

async function carryOut(s) {
  const begun = Date.now();
  try {
    const answer = await api.request({ SaleToPOIRequest: make[s.do](s) }, key);
    return { id: s.id, ms: Date.now() - begun, answer };
  } catch (e) {
    return { id: s.id, ms: Date.now() - begun, error: e.message };
  }
}

const lines = readline.createInterface({ input: process.stdin });
const running = [];
lines.on('line', (line) => {
  running.push(carryOut(JSON.parse(line)).then((r) => console.log(JSON.stringify(r))));
});
lines.on('close', () => Promise.all(running).then(() => process.exit(0)));
