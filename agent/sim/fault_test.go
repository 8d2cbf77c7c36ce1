package sim

// fault is one thing that goes wrong, by nature, by a wallet or by people.
type fault uint8

const (
	dropRequest      fault = iota // the request never arrives
	dropAnswer                    // the answer never arrives
	delayed                       // the request takes up to 120 s
	duplicated                    // the request arrives twice
	reordered                     // an answer arrives after what happened since it was given
	systemError                   // the wallet answers that it does not know
	confirmLate                   // the payer confirms around or after the deadline
	confirmAfterLast              // the payer confirms after the last query, before the reverse
	reverseFails                  // the reverse is refused, or accepted without effect
	notFound                      // "order does not exist", of an order that does
	payFails                      // PAYERROR, and the payer tries again
	wrongTotal                    // another total is charged, or answered
	otherOrder                    // the answer is about another order or merchant
	unsigned                      // the answer is forged
	txAgain                       // the answer names the transaction of another order
	numberUsed                    // somebody else used the order number
	codeAgain                     // the last customer's code is read again
	badCode                       // the code expired
	notSent                       // the connection is refused
	walletDown                    // the wallet is out of reach for a while, up to hours
	clockJump                     // the wall clock jumps by ten years
	diskFull                      // no space for a while
	diskError                     // a write fails
	copiedTill                    // a second till runs from a copy of the configuration
	timeoutRetry                  // the point of sale times out and asks again under a new ServiceID
	posRestart                    // the point of sale restarts and forgets
	aborts                        // the cashier aborts at any moment
	cash                          // the cashier takes cash after a failure
	walksAway                     // the customer or the cashier goes
	lateRequest                   // an abort or a status query overtakes the request
	givesBack                     // the payment is reversed afterwards
	otherAmount                   // the point of sale asks again for another amount
	numberAgain                   // the point of sale uses a ServiceID twice
	driveLies                     // what was said to be on the disk is not, and the witness knows
	numFaults
)

var faultNames = [numFaults]string{"drop request", "drop answer", "delay", "duplicate", "reorder", "system error", "confirms late",
	"confirms after the last query", "reverse fails", "does not exist", "payment error", "wrong total", "another order", "forged answer",
	"transaction again", "number used", "code again", "bad code", "not sent", "wallet down", "clock jump", "disk full", "disk error",
	"copied till", "time-out and retry", "restart of the POS", "abort", "cash", "walks away", "late request", "reversal", "another amount", "ServiceID again",
	"lying drive"}

func (f fault) String() string { return faultNames[f] }

// faults is a set.
type faults uint64

func (s faults) has(f fault) bool { return s>>f&1 == 1 }
func (s *faults) add(f fault)     { *s |= 1 << f }
