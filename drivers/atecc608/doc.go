// Package atecc608 speaks to a Microchip ATECC608A or B: a secure element on I²C with P-256
// keys that cannot be read, secret slots for HMAC, and two counters that only go up.
//
// Facts are those of Microchip's public summaries and of its CryptoAuthLib. Times that the
// public papers do not give are waited for, not assumed: the chip does not acknowledge its
// address while it works, and is asked again until it does.
//
// # Wiring and bus
//
// Address 60 (hex, 7 bits; C0 with the write bit). The chip wakes when SDA is low for 60 µs:
// a zero sent to address 0 does that at 100 kHz and below, not at 400 kHz. On a Raspberry Pi:
// dtparam=i2c_arm_baudrate=100000.
//
// # What the chip must hold
//
// Configuration and locking cannot be undone, so this package never does them; use
// Microchip's tools, or buy the chip provisioned. It expects
//
//   - the configuration zone and the data zone locked (Random answers FF FF 00 00 .. before);
//   - for signing: a slot with a private P-256 key that the chip made itself (GenKey), with
//     external signatures allowed (ReadKey bit 0) and GenKey and PrivWrite forbidden after it;
//   - for Derive: a slot with 32 random bytes, KeyType 7 (no ECC key), IsSecret, NoMac clear,
//     never readable and never writable. The HMAC is made inside the chip. The 32 bytes that
//     come out of it cross the bus in clear: whoever taps the bus of a running till learns
//     the keys derived, never the root;
//   - CountMatch off for the counter slots, if a counter is used.
//
// A root slot that still holds the factory's ones, or zeros, is refused.
//
// # Watchdog
//
// The chip falls asleep about 1.3 s after it woke (0.7 s at the least), whatever it does, and
// forgets what was loaded. Every exchange here wakes it, works, and ends with idle, which
// stops the watchdog and keeps what is loaded. Sleep would make the chip write its random
// seed to EEPROM again at the next use, and wear that out.
package atecc608
