package efaa

import (
	"encoding/binary"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilld/tilld/internal/board/device"
	"github.com/tilld/tilld/scanner"
)

// bus joins a codec and a module. Use it inside a synctest bubble.
type bus struct {
	t    *testing.T
	host net.Conn
	got  chan map[string]any
	done chan error
}

func newBus(t *testing.T, d Dialect, m *device.EFAA) *bus {
	c, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	host, module := net.Pipe()
	b := &bus{t, host, make(chan map[string]any, 100), make(chan error, 1)}
	go func() { b.done <- m.Serve(t.Context(), module) }()
	go func() {
		defer close(b.got)
		for buf := make([]byte, 7); ; {
			n, err := host.Read(buf)
			if err != nil {
				return
			}
			c.Feed(buf[:n], time.Now(), func(r scanner.Result) {
				if r.Event == nil {
					t.Errorf("%+v", r)
					return
				}
				b.got <- plain(r.Event.Fields())
			})
		}
	}()
	b.want(map[string]any{"msg": "note", "note": "ready"})
	return b
}

func (b *bus) send(frame []byte, err error) {
	b.t.Helper()
	if err == nil {
		_, err = b.host.Write(frame)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	synctest.Wait()
}

func (b *bus) next() map[string]any {
	synctest.Wait()
	select {
	case m := <-b.got:
		return m
	default:
		return nil
	}
}

func (b *bus) want(want map[string]any) {
	b.t.Helper()
	if d := cmp.Diff(want, b.next()); d != "" {
		b.t.Error(d)
	}
}

func (b *bus) reply(to, result string, more ...any) {
	b.t.Helper()
	want := map[string]any{"msg": "reply", "to": to, "result": result}
	for i := 0; i < len(more); i += 2 {
		want[more[i].(string)] = more[i+1]
	}
	b.want(want)
}

func (b *bus) close() {
	b.host.Close()
	<-b.done
}

func TestWithModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := device.NewEFAA(false)
		b := newBus(t, XOR, m)
		defer b.close()
		present := func(name string, live bool) {
			t.Helper()
			if !m.Present(name, live) {
				t.Error("it is not looking")
			}
			if n := b.next(); n["note"] != "face_state" {
				t.Errorf("%v", n)
			}
		}
		b.send(Append(nil, XOR, Status, nil))
		b.reply("status", "ok", "status", "standby")
		b.send(AppendVerify(nil, false, 10))
		present("somebody", true)
		b.reply("verify", "unknown_user")
		b.send(AppendEnrol(nil, false, "tilld", 10))
		present("tilld", false)
		b.reply("enrol_single", "liveness_failed")
		b.send(AppendEnrol(nil, false, "tilld", 10))
		present("tilld", true)
		b.reply("enrol_single", "ok", "user_id", 1.0, "direction", 0.0)
		b.send(AppendEnrol(nil, false, "tilld", 10))
		present("tilld", true)
		b.reply("enrol_single", "enrolled")
		b.send(AppendVerify(nil, false, 10))
		present("tilld", true)
		b.reply("verify", "ok", "user_id", 1.0, "user_name", "tilld", "admin", 0.0, "unlock", 0.0)
		b.send(Append(nil, XOR, UserIDs, nil))
		b.reply("user_ids", "ok", "user_ids", []any{1.0})
		b.send(AppendUser(nil, XOR, User, 1))
		b.reply("user", "ok", "user_id", 1.0, "user_name", "tilld", "admin", 0.0)
		b.send(AppendUser(nil, XOR, Feature, 1))
		b.reply("feature", "ok", "length", 1024.0)
		b.send(AppendUser(nil, XOR, Export, 1))
		b.reply("export", "ok", "user_id", 1.0, "size", 1024.0)
		part := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 1000), 24)
		b.send(Append(nil, XOR, Upload, part))
		b.reply("upload", "ok", "length", 24.0)
		b.send(AppendUser(nil, XOR, Delete, 1))
		b.reply("delete", "ok")
		b.send(AppendUser(nil, XOR, Delete, 1))
		b.reply("delete", "unknown_user")
		if len(m.Users()) > 0 {
			t.Error("somebody is left enrolled")
		}
		// A wait ends by itself, and by a reset, whose own reply comes after.
		b.send(AppendVerify(nil, false, 10))
		time.Sleep(11 * time.Second) // of the bubble's clock
		b.reply("verify", "timeout")
		b.send(AppendVerify(nil, false, 10))
		b.send(Append(nil, XOR, Reset, nil))
		b.reply("verify", "aborted")
		b.reply("reset", "ok")
		b.send(Append(nil, XOR, Version, nil))
		b.reply("version", "ok", "version", "FM225 model 1.0")
		if f := m.Faults(); len(f) > 0 {
			t.Errorf("the module complains: %q", f)
		}
		b.send([]byte{0xEF, 0xAA, 0x11, 0, 0, 0x77}, nil)
		b.send([]byte{0xEF, 0xAA, 0x16, 0, 0, 0x16}, nil)
		b.reply("16", "rejected")
		if f := m.Faults(); len(f) != 2 {
			t.Errorf("%q", f)
		}
	})
}

func TestWithTX510(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := device.NewEFAA(true)
		b := newBus(t, Sum, m)
		defer b.close()
		b.send(AppendSwitch(nil, Display, false))
		b.reply("display", "ok")
		b.send(Append(nil, Sum, Enrol, nil))
		m.Present("tilld", true)
		b.reply("enrol", "ok", "user_id", 1.0)
		b.send(Append(nil, Sum, Count, nil))
		b.reply("count", "ok", "count", 1.0)
		b.send(Append(nil, Sum, Identify, nil))
		m.Present("tilld", true)
		b.reply("identify", "ok", "user_id", 1.0)
		b.send(Append(nil, Sum, Identify, nil))
		m.Present("tilld", false)
		b.reply("identify", "failed")
		b.send(AppendUser(nil, Sum, Delete, 1))
		b.reply("delete", "ok")
		b.send(Append(nil, Sum, Reboot, nil))
		b.reply("reboot", "ok")
		b.want(map[string]any{"msg": "note", "note": "ready"})
		if f := m.Faults(); len(f) > 0 || len(m.Users()) > 0 {
			t.Errorf("%q, %q", f, m.Users())
		}
	})
}
