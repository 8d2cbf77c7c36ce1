// Package nexo reads and writes messages of the nexo Sale to POI protocol 3.0 in JSON, in
// the dialect that the public Adyen SDKs speak. It knows form and names; it knows no
// payment. Everything here is pure.
package nexo
