package pos

import (
	"github.com/tilld/tilld/agent/pos/nexo"
	"github.com/tilld/tilld/agent/sale"
)

// outcome is how an ending is told to the point of sale.
type outcome struct {
	condition nexo.Condition
	receipt   string // the line on the receipt
	text      string // for people, where the till says no more
}

// outcomes is the whole table. An ending that is missing here is a programming error that
// a test finds; at run time it is answered as unavailable.
var outcomes = map[sale.Ending]outcome{
	sale.EndPaid:          {"", "PAID", ""},
	sale.EndAborted:       {nexo.Aborted, "ABORTED - NOT CHARGED", "aborted by the cashier; nothing is charged"},
	sale.EndCancelled:     {nexo.Cancel, "CANCELLED - NOT CHARGED", "the customer did not pay in time; nothing is charged"},
	sale.EndDeclined:      {nexo.Refusal, "DECLINED - NOT CHARGED", "the wallet declined"},
	sale.EndBadCode:       {nexo.InvalidCard, "CODE NOT VALID - NOT CHARGED", "the customer's code is expired or not valid"},
	sale.EndNoContract:    {nexo.PaymentRestriction, "WALLET NOT ACCEPTED - NOT CHARGED", "this shop has no contract with that wallet"},
	sale.EndUnreachable:   {nexo.UnreachableHost, "NO CONNECTION - NOT CHARGED", "the wallet cannot be reached; nothing was sent"},
	sale.EndNoScanner:     {nexo.UnavailableDevice, "NOT CHARGED", "no scanner is ready"},
	sale.EndNotAllowed:    {nexo.NotAllowed, "NOT CHARGED", "not allowed"},
	sale.EndClockUntrusty: {nexo.UnavailableService, "NOT CHARGED", "the terminal's clock is not trusted; no new sale"},
	sale.EndNoSpace:       {nexo.UnavailableService, "NOT CHARGED", "the terminal's storage is full; no new sale"},
	sale.EndStopped:       {nexo.UnavailableService, "NOT CHARGED", "the terminal has stopped trading until someone looks at it"},
	sale.EndMistaken:      {nexo.Refusal, "TAKEN BACK - NOT CHARGED", "the wallet charged another amount; it was taken back"},
	sale.EndBusy:          {nexo.Busy, "NOT CHARGED", "another payment is running on this terminal"},
	sale.EndReversed:      {"", "REVERSED", ""},
	sale.EndNotFound:      {nexo.NotFound, "NOT CHARGED", "no such payment on this terminal"},
	sale.EndRefunded:      {"", "REFUNDED", ""},
	sale.EndBadMessage:    {nexo.MessageFormat, "NOT CHARGED", "the request cannot be a payment"},
}

func outcomeOf(e sale.Ending) outcome {
	if o, ok := outcomes[e]; ok {
		return o
	}
	return outcome{nexo.UnavailableService, "NOT CHARGED", "not available"}
}
