package demo

import (
	"github.com/tilld/tilld/agent/wallet/wallettest"
	"github.com/tilld/tilld/cmd/tillsim/verdict"
)

// scenario is one story, played on a till that has nothing else to do.
type scenario struct {
	name string
	play func(p *play)
}

// lane is the scenarios of one till, one after the other. Lanes run side by side.
type lane struct {
	name      string
	palm      bool // the till has a palm reader
	scenarios []scenario
}

// The answers that scenarios expect.
var (
	success       = wanted{"Success", verdict.Charged}
	successAnswer = wanted{answer: "Success"}
	refused       = wanted{"Failure/Refusal", verdict.Unpaid}
	cancelled     = wanted{"Failure/Cancel", verdict.Unpaid}
	abortedUnsent = wanted{"Failure/Aborted", verdict.Nothing}
	lost          = wanted{answer: "no answer"} // the point of sale hung up, or the till died
)

// lanes are all scenarios. Those that wait long, and those that kill the till, have tills
// of their own, so that the whole stays short; the last one of "crash" stops its till
// for good.
func lanes() []lane {
	return []lane{
		{name: "counter", scenarios: []scenario{
			{"paid by WeChat Pay", paidBy(wallettest.WeChatPay)},
			{"paid by Alipay", paidBy(wallettest.Alipay)},
			{"paid by UnionPay", paidBy(wallettest.UnionPay)},
			{"declined", declined},
			{"expired code, then a fresh one", expired},
			{"customer confirms, then paid", confirms},
			{"the same code twice", sameCode},
			{"goods barcode, then a code", goods},
			{"wallet without a contract", noContract},
			{"e-CNY through the aggregator", throughAggregator},
			{"direct contract out of reach, the aggregator takes it", anotherWay},
			{"a wallet of Alipay+, in Hong Kong dollars", throughAlipayPlus},
			{"WeChat Pay by API v2", byLegacy},
			{"keys are renewed during a sale", renewsKeys},
			{"wallet unreachable, nothing sent", unreachable},
			{"scanner unplugged", unplugged},
			{"POS repeats the ServiceID", repeats},
			{"POS reverses a paid payment", reverses},
			{"POS gives up, asks under a new ServiceID", asksAgain},
			{"POS aborts before sending", abortBefore},
			{"POS aborts while it is being sent", abortDuring},
			{"the day's bill at WeChat Pay", dayBill(wallettest.WeChatPay)},
			{"the day's bill at Alipay", dayBill(wallettest.Alipay)},
		}},
		{name: "offer", scenarios: []scenario{
			{"customer scans our code, WeChat Pay", scansOurs(wallettest.WeChatPay)},
			{"customer scans our code, Alipay", scansOurs(wallettest.Alipay)},
			{"customer scans our code for all wallets", scansOurs(wallettest.Aggregator)},
			{"another merchant's code, shown by mistake", foreignMerchant},
			{"own code while ours is shown", ownCode},
			{"own code, and ours paid in that moment", ownCodeTooLate},
			{"POS aborts while our code is shown", abortShown},
			{"POS aborts, and the customer pays in that moment", abortTooLate},
			{"our code refused, then the customer's", noOffer},
			{"kill -9 while our code is shown", killShown},
			{"kill -9 while our code is shown, and never paid", killUnpaid},
		}},
		{name: "refund", scenarios: []scenario{
			{"two parts given back, a third is too much", partByPart},
			{"a part reversed, then all the rest", partThenRest},
			{"POS asks for the same refund again", refundAgain},
			{"the wallet works on the refund", refundWorking},
			{"the wallet cannot finish the refund", refundStuck},
			{"the wallet refuses the refund", refundRefused},
			{"kill -9 during a refund", killRefunding},
			{"return desk, the bill of another till", returnDesk},
			{"a part of what the aggregator took", refundAtAggregator},
			{"tilld sale --self-test", selfTest},
		}},
		{name: "doubt", scenarios: []scenario{
			{"answer lost, found paid", lostFound},
			{"answer lost, not found, reversed", lostNotFound},
			{"answer for another order", otherOrder},
			{"wrong total echoed", wrongTotal},
			{"POS aborts after sending", abortAfter},
			{"customer never confirms, reversed", neverConfirms},
		}},
		{name: "crash", scenarios: []scenario{
			{"kill -9 before the answer", killBeforeAnswer},
			{"kill -9 while reversing", killReversing},
			{"kill -9, then the ServiceID again", killThenRepeat},
			{"kill -9 during a POS reversal", killGivingBack},
			{"kill -9 after a second ServiceID", killAskedAgain},
			{"order number already used", numberUsed},
		}},
		palmLane(),
	}
}
