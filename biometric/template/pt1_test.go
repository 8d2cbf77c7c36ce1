package template

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/tilld/tilld/biometric"
	"github.com/tilld/tilld/biometric/internal/feature"
	"github.com/tilld/tilld/internal/secret"
)

// literal is PT1 word by word, one bit at a time: what the fast way is compared with.
type literal struct {
	k        []byte
	index    []int
	negated  []bool
	rejected int
}

func newLiteral(t testing.TB, key, salt []byte, provider string, epoch uint32, dx, dy int8, draws int) *literal {
	t.Helper()
	info := "tilld/palm/pt1\x00" + provider + "\x00" + string(binary.BigEndian.AppendUint32(nil, epoch)) + string([]byte{byte(dx), byte(dy)})
	k, err := hkdf.Key(sha256.New, key, salt, info, 32)
	if err != nil {
		t.Fatal(err)
	}
	l := &literal{k: k}
	stream := sha3.NewSHAKE256()
	stream.Write(k)
	for len(l.index) < draws {
		var two [2]byte
		stream.Read(two[:])
		v := int(two[0])<<8 | int(two[1])
		if v&0x1fff >= 6144 {
			l.rejected++
			continue
		}
		l.index = append(l.index, v&0x1fff)
		l.negated = append(l.negated, v>>15 == 1)
	}
	return l
}

func (l *literal) protect(x *[feature.Bytes]byte, dx, dy, bits int) (y []byte, ties int) {
	y = make([]byte, bits/8)
	for j := range bits {
		sum := 0
		for d := 3 * j; d < 3*j+3; d++ {
			plane, row, col := l.index[d]/1024, l.index[d]/32%32+dy, l.index[d]%32+dx
			if row < 0 || row > 31 || col < 0 || col > 31 {
				continue
			}
			i := plane*1024 + row*32 + col
			term := -1
			if x[i/8]>>(i%8)&1 == 1 {
				term = 1
			}
			if l.negated[d] {
				term = -term
			}
			sum += term
		}
		if sum == 0 {
			ties++
		}
		if sum > 0 || sum == 0 && !l.negated[3*j] {
			y[j/8] |= 1 << (j % 8)
		}
	}
	return y, ties
}

type vector struct {
	Name  string
	Input struct {
		Key, Salt, Provider, Feature string
		Epoch                        uint32
		InfoDx                       int8 `json:"info_dx"`
		InfoDy                       int8 `json:"info_dy"`
		ShiftDx                      int  `json:"shift_dx"`
		ShiftDy                      int  `json:"shift_dy"`
		L, T                         int
	}
	Expect struct {
		HkdfInfo  string   `json:"hkdf_info"`
		Stream    string   `json:"stream_first16"`
		First     [][2]int `json:"first_draws"`
		Rejected  *int     `json:"rejected_draws"`
		YFirst    string   `json:"y_first16"`
		YSum      string   `json:"y_sha256"`
		Subkey, Y string
		Ties      int
	}
}

type vectors struct {
	Features map[string]struct{ Sha256, Hex string }
	Vectors  []vector
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/pt1.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bytesOf(words []uint64) (b []byte) {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func TestVectors(t *testing.T) {
	all := readVectors(t)
	if len(all.Vectors) != 7 {
		t.Fatalf("%d vectors, want 7", len(all.Vectors))
	}
	for _, v := range all.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			var code feature.Code
			copy(code.Data()[:], fromHex(t, all.Features[v.Input.Feature].Hex))
			if got := fmt.Sprintf("%x", sha256.Sum256(code.Data()[:])); got != all.Features[v.Input.Feature].Sha256 {
				t.Fatalf("feature has SHA-256 %s", got)
			}
			t.Run("literal", func(t *testing.T) { checkLiteral(t, v, &code) })
			t.Run("fast", func(t *testing.T) { checkFast(t, v, &code) })
		})
	}
}

func checkLiteral(t *testing.T, v vector, code *feature.Code) {
	in, want := v.Input, v.Expect
	l := newLiteral(t, fromHex(t, in.Key), fromHex(t, in.Salt), in.Provider, in.Epoch, in.InfoDx, in.InfoDy, in.L*in.T)
	if got := hex.EncodeToString(l.k); got != want.Subkey {
		t.Errorf("subkey %s, want %s", got, want.Subkey)
	}
	if want.Rejected != nil && l.rejected != *want.Rejected {
		t.Errorf("%d draws rejected, want %d", l.rejected, *want.Rejected)
	}
	y, ties := l.protect(code.Data(), in.ShiftDx, in.ShiftDy, in.L)
	if ties != want.Ties {
		t.Errorf("%d ties, want %d", ties, want.Ties)
	}
	checkBits(t, v, y)
}

func checkBits(t *testing.T, v vector, y []byte) {
	t.Helper()
	if got := hex.EncodeToString(y[:16]); got != v.Expect.YFirst {
		t.Errorf("y begins with %s, want %s", got, v.Expect.YFirst)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(y)); got != v.Expect.YSum {
		t.Errorf("y has SHA-256 %s, want %s", got, v.Expect.YSum)
	}
	if v.Expect.Y != "" && hex.EncodeToString(y) != v.Expect.Y {
		t.Error("y differs")
	}
}

func checkFast(t *testing.T, v vector, code *feature.Code) {
	in, want := v.Input, v.Expect
	k := subkey(fromHex(t, in.Key), fromHex(t, in.Salt), in.Provider, in.Epoch, in.InfoDx, in.InfoDy)
	if got := hex.EncodeToString(k[:]); got != want.Subkey {
		t.Fatalf("subkey %s, want %s", got, want.Subkey)
	}
	info := keyInfo(in.Provider, in.Epoch, in.InfoDx, in.InfoDy)
	if got := hex.EncodeToString(info); want.HkdfInfo != "" && got != want.HkdfInfo {
		t.Errorf("info %s, want %s", got, want.HkdfInfo)
	}
	stream := sha3.SumSHAKE256(k[:], 16)
	if got := hex.EncodeToString(stream); want.Stream != "" && got != want.Stream {
		t.Errorf("stream begins with %s, want %s", got, want.Stream)
	}
	tr := transform(in.Epoch, map[int]biometric.Profile{2048: biometric.Standard, 1024: biometric.Private}[in.L])
	tr.Key, tr.Salt = secret.New(fromHex(t, in.Key)), fromHex(t, in.Salt)
	p := newProtector(t, in.Provider, tr)
	drawAll(p.draws, k[:]) // the same, but for a subkey of version 2
	for i, d := range want.First {
		index, negated := p.Draw(i/draws, i%draws)
		if index != d[0] || negated != (d[1] == 1) {
			t.Errorf("draw %d is %d, %v, want %v", i, index, negated, d)
		}
	}
	probe, err := p.Probe(code, fields())
	if err != nil {
		t.Fatal(err)
	}
	s := tr.Profile.Shifts()
	checkBits(t, v, bytesOf(probe.Sample((in.ShiftDy+s)*(2*s+1)+in.ShiftDx+s)))
	if in.ShiftDx == 0 && in.ShiftDy == 0 {
		ref, err := p.Enrol([]*feature.Code{code}, fields())
		if err != nil {
			t.Fatal(err)
		}
		checkBits(t, v, bytesOf(ref.Sample(0)))
	}
}

// TestFastIsLiteral compares every bit of every shift for codes of several kinds.
func TestFastIsLiteral(t *testing.T) {
	for _, profile := range []biometric.Profile{biometric.Standard, biometric.Private} {
		tr := transform(7, profile)
		p := newProtector(t, "provider.example", tr)
		l := newLiteral(t, tr.Key.Reveal(), tr.Salt, "provider.example", tr.Epoch, 0, 0, 3*profile.Bits())
		codes := []*feature.Code{randomCode(1), {}, randomCode(2)}
		for i := range codes[1].Data() {
			codes[1].Data()[i] = 0xff
		}
		ref, err := p.Enrol(codes, fields())
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range codes {
			if want, _ := l.protect(c.Data(), 0, 0, profile.Bits()); !bytes.Equal(bytesOf(ref.Sample(i)), want) {
				t.Errorf("%s: sample %d differs", profile, i)
			}
		}
		for n, c := range append(codes, &feature.Code{}) {
			probe, err := p.Probe(c, fields())
			if err != nil {
				t.Fatal(err)
			}
			s, i := profile.Shifts(), 0
			for dy := -s; dy <= s; dy++ {
				for dx := -s; dx <= s; dx++ {
					if want, _ := l.protect(c.Data(), dx, dy, profile.Bits()); !bytes.Equal(bytesOf(probe.Sample(i)), want) {
						t.Errorf("%s: code %d at shift (%d, %d) differs", profile, n, dx, dy)
					}
					i++
				}
			}
		}
	}
}

func TestTranspose(t *testing.T) {
	var m [64]uint64
	stream := sha3.NewSHAKE128()
	for i := range m {
		var b [8]byte
		stream.Read(b[:])
		m[i] = binary.LittleEndian.Uint64(b[:])
	}
	was := m
	transpose(&m)
	for i := range 64 {
		for j := range 64 {
			if m[i]>>j&1 != was[j]>>i&1 {
				t.Fatalf("bit %d of word %d", j, i)
			}
		}
	}
}
