package seal

import "github.com/hearkeep/hearkeep"

// PlaceMark is how a keep remembers that an account was used from a network,
// or in a browser: HMAC-SHA256 under HKDF(house key). That it was the same can
// be told by whoever has the house key; which network it was can be tried by
// them alone. Of the zero key it is zero.
func PlaceMark(hk HouseKey, account hearkeep.AccountID, place string) (mark [32]byte) {
	copy(mark[:], mac(hk, labelHousePlace, contextOf(purposePlace).id(account).text(place)))
	return mark
}
