// Package contract holds local AWS and two public emulators, moto and ministack, to the same contracts: sequences of calls
// whose outcome AWS documents, and among which every operation of local AWS is. Each contract always runs against local
// AWS; against a judge it runs in the areas that the judge models well. Where a judge differs, AWS's documentation
// decides, and the difference is listed with its source; one that is no longer there fails the test.
package contract
