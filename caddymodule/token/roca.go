package token

import "math/big"

// isROCA reports whether an RSA modulus comes from the key generator of
// CVE-2017-15361 ("The Return of Coppersmith's Attack", Nemec et al., 2017),
// whose keys of 2048 bits can be factored on rented machines. The attack: factor
// the public key and sign what one likes.
//
// Its primes are k·M + 65537^a mod M, where M is the product of many small
// primes. So modulo each of these the modulus is a power of 65537. An honest key
// looks like that once in 240 million.
func isROCA(modulus *big.Int) bool {
	remainder := new(big.Int)
	for _, prime := range rocaPrimes {
		remainder.Mod(modulus, big.NewInt(prime))
		if !isPowerOf65537(remainder.Int64(), prime) {
			return false
		}
	}
	return true
}

// isPowerOf65537 goes through the powers modulo a small prime, which begin anew
// with 1.
func isPowerOf65537(n, prime int64) bool {
	const generator = 65537
	for power := int64(1); ; {
		if power == n {
			return true
		}
		if power = power * generator % prime; power == 1 {
			return false
		}
	}
}

// rocaPrimes are those of the shortest keys, and among those of all longer ones.
var rocaPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
	97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}
