package main

// driverNames and protocolNames are what a [[scanner]] section may name.
func driverNames() []string   { return []string{"serial"} }
func protocolNames() []string { return []string{"line"} }
