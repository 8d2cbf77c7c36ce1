package efaa

import "fmt"

// Op is a command, in the words of the wire vectors.
type Op string

// Commands. Those without a remark are of both dialects.
const (
	Reset       Op = "reset"         // XOR: stop what is under way
	Status      Op = "status"        // XOR
	Verify      Op = "verify"        // XOR
	Identify    Op = "identify"      // Sum
	Enrol       Op = "enrol"         //
	EnrolSingle Op = "enrol_single"  // XOR
	EnrolITG    Op = "enrol_itg"     // XOR: the form that can refuse duplicates
	Delete      Op = "delete"        //
	DeleteAll   Op = "delete_all"    //
	User        Op = "user"          // XOR
	FaceReset   Op = "face_reset"    // XOR: forget the directions captured so far
	UserIDs     Op = "user_ids"      // XOR
	Version     Op = "version"       //
	Serial      Op = "serial"        // XOR
	PowerDown   Op = "off"           // XOR
	Encryption  Op = "encryption"    // XOR
	ReleaseKey  Op = "release_key"   // XOR
	DebugKey    Op = "debug_key"     // XOR
	ImportData  Op = "import_data"   // XOR
	Export      Op = "export"        // XOR
	Upload      Op = "upload"        // XOR
	Import      Op = "import"        // XOR
	Download    Op = "download"      // XOR
	ModuleID    Op = "module_id"     // XOR, palm
	EnrolByFeat Op = "enrol_feature" // XOR, palm
	Feature     Op = "feature"       // XOR palm, and Sum
	Backlight   Op = "backlight"     // Sum
	Display     Op = "display"       // Sum
	Light       Op = "light"         // Sum
	Reboot      Op = "reboot"        // Sum
	Count       Op = "count"         // Sum
	Baud        Op = "baud"          // Sum
)

type opcode struct {
	op   Op
	code byte
}

// opcodes is the whole table of a dialect: what is not in it cannot be sent.
func (d Dialect) opcodes() []opcode {
	switch d {
	case XOR:
		return xorOpcodes[:]
	case Sum:
		return sumOpcodes[:]
	}
	return nil
}

var xorOpcodes = [...]opcode{
	{Reset, 0x10}, {Status, 0x11}, {Verify, 0x12}, {Enrol, 0x13}, {EnrolSingle, 0x1D}, {EnrolITG, 0x26},
	{Delete, 0x20}, {DeleteAll, 0x21}, {User, 0x22}, {FaceReset, 0x23}, {UserIDs, 0x24},
	{Version, 0x30}, {Serial, 0x93}, {PowerDown, 0xED},
	{Encryption, 0x50}, {ReleaseKey, 0x52}, {DebugKey, 0x53},
	{ImportData, 0x75}, {Export, 0x7C}, {Upload, 0x7D}, {Import, 0x7E}, {Download, 0x7F},
	{ModuleID, 0xAC}, {EnrolByFeat, 0xF9}, {Feature, 0xFA},
}

var sumOpcodes = [...]opcode{
	{Identify, 0x12}, {Enrol, 0x13}, {Delete, 0x20}, {DeleteAll, 0x21}, {Version, 0x30}, {Baud, 0x51},
	{Backlight, 0xC0}, {Display, 0xC1}, {Light, 0xC2}, {Reboot, 0xC3}, {Count, 0xC4}, {Feature, 0xC6},
}

// code is a command's byte, or -1.
func (d Dialect) code(op Op) int {
	for _, o := range d.opcodes() {
		if o.op == op {
			return int(o.code)
		}
	}
	return -1
}

// op is the command that a reply names; an unknown one is shown as its byte.
func (d Dialect) op(code byte) Op {
	for _, o := range d.opcodes() {
		if o.code == code {
			return o.op
		}
	}
	return Op(fmt.Sprintf("%02x", code))
}

// Result is how a command ended. Zero is success on the wire, so read it only from a reply.
type Result byte

const (
	OK             Result = 0x00
	Rejected       Result = 0x01 // the only failure of the TX510
	Aborted        Result = 0x02
	Camera         Result = 0x04
	Unknown        Result = 0x05
	Parameter      Result = 0x06
	Memory         Result = 0x07
	UnknownUser    Result = 0x08
	Full           Result = 0x09
	Enrolled       Result = 0x0A // the face is another user's
	LivenessFailed Result = 0x0C
	Timeout        Result = 0x0D
	Authentication Result = 0x0E
)

// name is the result in the words of the wire vectors.
func (d Dialect) result(r Result) string {
	switch {
	case r == OK:
		return "ok"
	case d == Sum && r == Rejected:
		return "failed"
	}
	switch r {
	case Rejected:
		return "rejected"
	case Aborted:
		return "aborted"
	case Camera:
		return "camera"
	case Unknown:
		return "unknown"
	case Parameter:
		return "parameter"
	case Memory:
		return "memory"
	case UnknownUser:
		return "unknown_user"
	case Full:
		return "full"
	case Enrolled:
		return "enrolled"
	case LivenessFailed:
		return "liveness_failed"
	case Timeout:
		return "timeout"
	case Authentication:
		return "authentication"
	}
	return fmt.Sprintf("%02x", byte(r))
}
