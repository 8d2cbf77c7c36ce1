package nexo

// Condition is an ErrorCondition: the seventeen values that point-of-sale programs act on.
type Condition string

const (
	Aborted            Condition = "Aborted"
	Busy               Condition = "Busy"
	Cancel             Condition = "Cancel"
	DeviceOut          Condition = "DeviceOut"
	InProgress         Condition = "InProgress"
	InsertedCard       Condition = "InsertedCard"
	InvalidCard        Condition = "InvalidCard"
	LoggedOut          Condition = "LoggedOut"
	MessageFormat      Condition = "MessageFormat"
	NotAllowed         Condition = "NotAllowed"
	NotFound           Condition = "NotFound"
	PaymentRestriction Condition = "PaymentRestriction"
	Refusal            Condition = "Refusal"
	UnavailableDevice  Condition = "UnavailableDevice"
	UnavailableService Condition = "UnavailableService"
	UnreachableHost    Condition = "UnreachableHost"
	WrongPIN           Condition = "WrongPIN"
)

// Results of a Response.
const (
	Success = "Success"
	Failure = "Failure"
)
