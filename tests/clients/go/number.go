package main

import "strconv"

// number is how a load driver writes its unique integers.
func number(i int) []byte {
	return []byte(strconv.Itoa(i))
}
